import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { cpu } from "../../../src/compute/devices/cpu.js";
import { isHeldOut, loadInstructionWords } from "../../../src/data/instructions.js";
import { chatRow } from "../../../src/data/mixture.js";
import { loadTokenizer } from "../../../src/data/tokenizer.js";
import { follow, type FormatItem, instructionTests, looseVariants } from "../../../src/evaluate/formats.js";
import { scoreRows } from "../../../src/evaluate/likelihood.js";
import { generate } from "../../../src/model/generate.js";
import { newMoe } from "../../../src/model/lora-moe.js";
import { readCheckpoint } from "../../../src/model/checkpoint.js";
import type { Network } from "../../../src/model/network.js";

const root = join(import.meta.dirname, "../../..");
const checkpoint = readCheckpoint(join(root, "datasets/models/xs-instruct"));
const tokenizer = loadTokenizer(checkpoint.tokenizerFolder!);
const model = { device: cpu, config: checkpoint.config, weights: checkpoint.weights, tokenizer };
const { end } = tokenizer;

const item = (bare: string, changes: Partial<FormatItem> = {}): FormatItem => ({
  question: `Say ${bare}. Use square brackets around it.`,
  answer: `[${bare}]`,
  bare,
  key: "done",
  family: "square",
  content: "copy",
  group: "g",
  topic: "t",
  ...changes,
});

/** A model that answers with given texts, in order; undefined: it does not come to an end. */
const writing = (texts: readonly (string | undefined)[]) => () =>
  Promise.resolve(texts.map((text) => (text === undefined ? [5, 6, 7] : [...tokenizer.encode(text), end])));

describe("loose variants", () => {
  it("are the text, without its first line, its last, both, and each without stars", () => {
    expect(looseVariants("Sure:\n*a*\nBye")).toEqual([
      "Sure:\n*a*\nBye",
      "*a*\nBye",
      "Sure:\n*a*",
      "*a*",
      "Sure:\na\nBye",
      "a\nBye",
      "Sure:\na",
      "a",
    ]);
  });

  it("of a single line are itself or nothing, with and without stars", () => {
    expect(new Set(looseVariants(" *a* "))).toEqual(new Set(["*a*", "a", ""]));
  });
});

describe("following instructions", () => {
  it("tells content from form", async () => {
    const items = ["ab", "cd", "ef", "gh", "ij"].map((bare) => item(bare));
    // Right; right content bare; right form around something else; loosely right; without end.
    const texts = ["[ab]", "cd", "[xy]", "Sure:\n[gh]", undefined];
    const { g } = await follow(model, items, writing(texts));
    expect(g).toMatchObject({
      strict: 0.2,
      lenient: 0.4,
      content: 0.4,
      form: 0.4,
      bareForm: 0,
      questions: 5,
    });
    expect(g!.logLikelihood).toBeLessThan(0);
  });

  it("takes aliases in the form that was asked for", async () => {
    const { g } = await follow(model, [item("ab", { aliases: ["xy"] })], writing(["[xy]"]));
    expect(g).toMatchObject({ strict: 1, content: 1, form: 1 });
  });

  it("wants the word that was named", async () => {
    const asked = item("ab", { family: "end", answer: "ab done" });
    const { g } = await follow(model, [asked], writing(["ab over"]));
    expect(g).toMatchObject({ strict: 0, content: 1, form: 0 });
  });

  it("counts topics alike and groups apart", async () => {
    const items = [
      item("ab"),
      item("cd"),
      item("ef", { topic: "u" }),
      item("gh", { group: "h", topic: "t" }),
    ];
    const scores = await follow(model, items, writing(["[ab]", "cd", "[ef]", "gh"]));
    expect(scores["g"]!.strict).toBe(0.75);
    expect(scores["h"]!.strict).toBe(0);
  });

  it("computes what the commonest answer and that of another question would get", async () => {
    const items = ["ab", "ab", "ab", "cd"].map((bare) => item(bare));
    const { g } = await follow(model, items, writing(["x", "x", "x", "x"]));
    // Another of the three others: twice 2 of 3 three times, then 0 of 3.
    expect(g).toMatchObject({ strict: 0, majority: 0.75 });
    expect(g!.chance).toBeCloseTo((3 * (2 / 3)) / 4, 12);
  });
});

describe("the set of instructions", () => {
  const words = loadInstructionWords(root);
  const items = instructionTests(words, 101);

  it("has 40 for every format but the plain one, all in held-out pairs", () => {
    const counts = new Map<string, number>();
    for (const { family, content, group } of items) {
      expect(isHeldOut(content, family)).toBe(true);
      expect(group).toBe(family);
      counts.set(family, (counts.get(family) ?? 0) + 1);
    }
    expect([...counts.values()]).toEqual(new Array(9).fill(40));
    expect(counts.has("plain")).toBe(false);
  });

  it("is the same for equal seeds", () => {
    expect(instructionTests(words, 101)).toEqual(items);
    expect(instructionTests(words, 102)).not.toEqual(items);
  });
});

describe("writing", () => {
  const prompts = instructionTests(loadInstructionWords(root), 101)
    .filter((_, index) => index % 6 === 0)
    .map(({ question }) => {
      const { ids, from } = chatRow(tokenizer, question, "");
      return ids.slice(0, from);
    });

  it("with the cache is what teacher forcing calls greedy", async () => {
    const written = await generate({ ...model, prompts, maxNewTokens: 20, stop: [end], batch: 32 });
    const rows = prompts.map((ids, index) => ({ ids: [...ids, ...written[index]!.ids], from: ids.length }));
    const scores = await scoreRows(cpu, checkpoint, rows);
    expect(scores.every(({ greedy }) => greedy)).toBe(true);
  });

  it("goes through a mixture whose labels choose the expert", async () => {
    const moe = {
      kind: "lora-moe",
      experts: 2,
      rank: 2,
      alpha: 4,
      targets: "all-linear",
      routing: { kind: "labels", experts: { biology: 0, geography: 1 } },
    } as const;
    const fresh = newMoe(checkpoint.config, moe, 3);
    // Only the second expert changes anything.
    const weights = new Map(
      [...fresh].map(([name, { shape, data }]) => [
        name,
        {
          shape,
          data: /lora_B1|experts\.1\.lora_B/.test(name) ? data.map((_, i) => ((i % 7) - 3) / 2) : data,
        },
      ]),
    );
    expect([...weights.keys()].some((name) => /lora_B1|experts\.1\.lora_B/.test(name))).toBe(true);
    const network = {
      config: checkpoint.config,
      weights: checkpoint.weights,
      adapter: { config: moe, weights },
    };
    const ids = prompts[0]!;
    const options = { device: cpu, maxNewTokens: 12, stop: [end], batch: 2 };
    const write = async (given: Network, labels: string[]): Promise<(readonly number[])[]> => {
      const written = await generate({ ...options, ...given, labels, prompts: labels.map(() => ids) });
      return written.map((generation) => generation.ids);
    };
    const [plain] = await write({ config: checkpoint.config, weights: checkpoint.weights }, ["biology"]);
    const [same, other] = await write(network, ["biology", "geography"]);
    expect(same).toEqual(plain);
    expect(other).not.toEqual(plain);
    const row = (label: string) => ({ ids: [...ids, ...plain!], from: ids.length, label });
    const scored = await scoreRows(cpu, network, [row("biology"), row("geography")]);
    expect(scored.map(({ greedy }) => greedy)).toEqual([true, false]);
  });
});
