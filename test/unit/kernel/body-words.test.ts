import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { describe, expect, it } from "vitest";

import { findBodyPlace } from "../../../kernel-ext/src/magics/body-place.js";
import { BODIES, wordsAt } from "../../../kernel-ext/src/magics/body-words.js";
import type { Arguments, CommandContext } from "../../../src/commands/command.js";
import { COMMANDS } from "../../../src/commands/list.js";
import { LawbookError } from "../../../src/core/errors.js";

// What completion offers is what the verbs themselves say they expect: each is given a wrong word at each place.

const root = resolve(import.meta.dirname, "../../..");
const context: CommandContext = {
  cwd: root,
  root,
  home: mkdtempSync(join(tmpdir(), "lawbook-words-")),
  env: {},
  signal: new AbortController().signal,
  progress: () => {},
};
const REQUIRED: Readonly<Record<string, Record<string, unknown>>> = {
  train: { model: "xs-instruct", data: { facts: { biology: 1 } } },
  compose: { base: "xs-instruct", adapters: [{ adapter: "./a" }] },
  partition: {},
  merge: { merge_method: "linear", models: [{ model: "xs-instruct" }, { model: "xs-base" }] },
};
/** Parts that are lists of mappings. */
const LISTS: ReadonlySet<string> = new Set(["stages", "adapters", "models", "slices", "slices.sources"]);

const MIXTURE = { kind: "lora-moe", rank: 2, alpha: 4, experts: 2, routing: { kind: "labels" } };

/** A request that is right but for what a test puts into it; its kinds are those that read the path. */
function requiredFor(verb: string, path: readonly string[]): Record<string, unknown> {
  const required = REQUIRED[verb]!;
  const [part = "", second = ""] = path;
  const kinds: Readonly<Record<string, string>> = { on: "sft", nll: "orpo", loss: "dpo", convention: "dpo" };
  if (verb !== "train" || path.length < 2) return required;
  if (part === "method") return { ...required, method: MIXTURE };
  if (part === "objective") return { ...required, objective: { kind: kinds[second] ?? "sft" } };
  if (second === "text") return { ...required, data: {} };
  return required;
}

/** A request with a value at a path. */
function requestWith(verb: string, path: readonly string[], value: unknown): unknown {
  const place = (at: unknown, [key, ...rest]: readonly string[], above: string): unknown => {
    if (key === undefined) return value;
    const full = above === "" ? key : `${above}.${key}`;
    const before = typeof at === "object" && at !== null ? (at as Record<string, unknown>) : {};
    const inner = Array.isArray(before[key]) ? (before[key] as unknown[])[0] : before[key];
    const next = place(inner, rest, full);
    return { ...before, [key]: LISTS.has(full) && rest.length > 0 ? [next] : next };
  };
  return place(requiredFor(verb, path), path, "");
}

/** What a verb says against a request. */
async function complaint(verb: string, request: unknown): Promise<string> {
  const spec = COMMANDS.find(({ name }) => name === verb)!;
  const args: Arguments = { flags: {}, positionals: [], body: JSON.stringify(request) };
  try {
    await spec.run(args, { ...context, signal: AbortSignal.abort() });
  } catch (error) {
    if (error instanceof LawbookError) return error.message;
    throw error;
  }
  return "";
}

const words = (text: string | undefined): string[] =>
  [...(text ?? "").matchAll(/[A-Za-z0-9_*-]+/g)].map(([word]) => word);

const keyCases = Object.entries(BODIES).flatMap(([verb, { keys }]) =>
  Object.entries(keys)
    .filter(([path]) => !path.startsWith("*") && verb !== "merge")
    .map(([path, names]) => [verb, path, names] as const),
);

describe("words of bodies", () => {
  it.each(keyCases)("%s has at %j the keys that its verb names", async (verb, path, names) => {
    const parts = path === "" ? [] : path.split(".");
    const told = await complaint(verb, requestWith(verb, [...parts, "zork"], 1));
    const expected = /zork[^]*?expected one of ([\w, *-]+?)(?: \(|\.)/.exec(told)?.[1];
    expect(words(expected).sort(), told).toEqual([...names].sort());
  });

  const valueCases = Object.entries(BODIES).flatMap(([verb, { values }]) =>
    Object.entries(values)
      .filter(
        ([path, names]) =>
          !path.startsWith("*") && !names.some((name) => /^<|^(true|false|all-linear|elbow)$/.test(name)),
      )
      .map(([path, names]) => [verb, path, names] as const),
  );
  it.each(valueCases)("%s takes at %s what is offered", async (verb, path, names) => {
    const parts = path.split(".");
    const prepared = (value: unknown): unknown =>
      requestWith(verb, parts, ["disciplines", "sets", "first"].includes(parts.at(-1)!) ? [value] : value);
    const wrong = await complaint(verb, prepared("zork"));
    for (const name of names) {
      // The word itself is never what is complained of, while a wrong one is.
      expect(await complaint(verb, prepared(name))).not.toContain(`got "${name}"`);
      expect(wrong).toContain(name);
    }
    expect(wrong).toContain("zork");
  });

  it("offers the keys that a recipe of a merge may have", async () => {
    const told = await complaint("merge", { ...REQUIRED["merge"], zork: 1 });
    for (const name of BODIES["merge"]!.keys[""]!) expect(told).toContain(name);
  });

  it("offers models, devices, keys that are not there yet, and words that begin as typed", () => {
    const at = (verb: string, text: string): string[] =>
      wordsAt(BODIES[verb]!, findBodyPlace(text)!, {
        models: ["xs-instruct", "run:0123456789ab"],
        devices: ["reference", "cpu"],
      });
    expect(at("train", "model: ")).toEqual(["xs-instruct", "run:0123456789ab"]);
    expect(at("train", "model: run")).toEqual(["run:0123456789ab"]);
    expect(at("train", "device: re")).toEqual(["reference"]);
    expect(at("train", "model: x\nmod")).toEqual([]);
    expect(at("train", "method:\n  kind: lora\n  ra")).toEqual(["rank", "rankPattern"]);
    expect(at("train", "objective: d")).toEqual(["dpo"]);
    expect(at("train", "evaluate: { sets: [t-t")).toEqual(["t-trained"]);
    expect(at("merge", "merge_method: dare_")).toEqual(["dare_linear", "dare_ties"]);
    expect(at("merge", "models:\n  - model: xs")).toEqual(["xs-instruct"]);
    expect(at("merge", "models:\n  - model: x\n    parameters:\n      den")).toEqual(["density"]);
    expect(at("merge", "parameters:\n  norm")).toContain("normalize");
    expect(at("compose", "adapters:\n  - { adapter: run:")).toEqual(["run:0123456789ab"]);
    expect(at("partition", "solver:\n  - enu")).toEqual(["enumeration"]);
    expect(at("partition", "solver: [all, sin")).toEqual(["single-linkage"]);
  });
});
