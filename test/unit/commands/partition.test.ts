import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";

import type { CommandContext } from "../../../src/commands/command.js";
import { partition, partitionCommand, type PartitionResult } from "../../../src/commands/partition.js";
import { partitionChart, viewsChart } from "../../../src/commands/partition-chart.js";
import { makeTemporaryFolder, remove } from "../../../src/core/files.js";
import { renderSvg } from "../../../src/figures/render.js";
import type { PartitionInput } from "../../../src/partition/request.js";
import { parseTrainRequest } from "../../../src/runs/schema.js";
import { openStore } from "../../../src/runs/store.js";

const root = join(import.meta.dirname, "../../..");
const home = makeTemporaryFolder("lawbook-partition-command");
afterAll(() => remove(home));
const context = (signal = new AbortController().signal): CommandContext => ({
  cwd: root,
  root,
  home,
  env: {},
  signal,
  progress: () => undefined,
});
/** One of everything, read once. */
let committed: Promise<PartitionResult> | undefined;
const small = (): Promise<PartitionResult> => (committed ??= partition(SMALL, context()));
const SMALL: PartitionInput = { corpus: { facts: 30 }, bootstrap: 10, control: 3 };

describe("partition", () => {
  it("partitions the committed disciplines, equally twice", async () => {
    const result = await small();
    expect(result.stages.flat().sort()).toEqual([
      "biology",
      "chemistry",
      "geography",
      "mathematics",
      "medicine",
    ]);
    expect(result.disciplines.map(({ documents }) => documents)).toEqual([30, 30, 30, 30, 30]);
    expect(result.pairs).toHaveLength(10);
    expect(result.inputs.model).toBeNull();
    expect(result.inputs.data["datasets/facts/geography.jsonl"]).toMatch(/^[0-9a-f]{64}$/);
    const elsewhere = join(home, "another");
    expect(await partition(SMALL, { ...context(), home: elsewhere })).toEqual(result);
    expect(
      openStore({ root, home: elsewhere, ignoreCommitted: true })
        .list()
        .map(({ id }) => id),
    ).toEqual([result.id]);
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });

  it("measures a pair by its own two corpora alone, and others with another seed", async () => {
    const one = await small();
    const two: PartitionInput = { ...SMALL, disciplines: ["geography", "biology"] };
    const fewer = await partition(two, context());
    const other = await partition({ ...two, seed: 2 }, context());
    expect(other.matrices.discrepancy).not.toEqual(fewer.matrices.discrepancy);
    const pair = one.pairs.find(({ pair: names }) => names.join() === "biology,geography")!;
    // Tokens are summed in another order.
    expect(fewer.pairs[0]!.discrepancy).toBeCloseTo(pair.discrepancy, 13);
    expect(fewer.pairs[0]!.synergy).toBeCloseTo(pair.synergy, 13);
  });

  it("takes the embedding table and tokenizer of a model", async () => {
    const result = await partition({ ...SMALL, model: "xs-instruct" }, context());
    expect(result.inputs.model).toMatchObject({ name: "xs-instruct" });
    expect(Object.keys(result.inputs.data).some((path) => path.includes("embeddings"))).toBe(false);
    // The same tokenizer, so the same tokens; other embeddings.
    expect(result.matrices.jaccard).toEqual((await small()).matrices.jaccard);
    expect(result.matrices.cosine).not.toEqual((await small()).matrices.cosine);
  });

  it("gives stages as YAML that holds every discipline once", async () => {
    const { yaml, stages } = await partition(
      { ...SMALL, disciplines: ["geography", "biology"], steps: 50, radius: { weights: 2, adapters: 0.5 } },
      context(),
    );
    const facts = { geography: 6, biology: 6 };
    const request = { model: "xs-instruct", data: { facts }, ...(parse(yaml) as object) };
    expect(parseTrainRequest(request)).toMatchObject({
      method: { kind: "lora-moe", experts: 2, routing: { kind: "labels" } },
      stages: stages.map((disciplines) => ({ disciplines, steps: 50 })),
      steps: 50 * stages.length,
      optimizer: { radius: { weights: 2, adapters: 0.5 } },
    });
    expect(yaml).toContain(`  - disciplines: [${stages[0]!.join(", ")}]\n    steps: 50\n`);
  });

  it("gives stages of the same sizes for each random partition of the control", async () => {
    const { controls, control, stages } = await small();
    const sizes = (own: readonly { readonly disciplines: readonly string[] }[]): number[] =>
      own.map(({ disciplines }) => disciplines.length).sort((a, b) => a - b);
    const written = controls.map((yaml) => parse(yaml) as { stages: { disciplines: string[] }[] });
    expect(written).toHaveLength(3);
    written.forEach((block, index) => {
      expect(block.stages.map(({ disciplines }) => disciplines)).toEqual(control.drawn[index]!.stages);
      expect(sizes(block.stages)).toEqual(stages.map(({ length }) => length).sort((a, b) => a - b));
      const facts = Object.fromEntries(stages.flat().map((name) => [name, 6]));
      expect(() => parseTrainRequest({ model: "xs-instruct", data: { facts }, ...block })).not.toThrow();
    });
  });

  it("refuses pools that are too small, all at once, and models and disciplines that are not there", async () => {
    await expect(partition({ corpus: { facts: 4000, wordings: 999 } }, context())).rejects.toThrow(
      /The partition request has 4 problems:\n {2}corpus\.facts\.chemistry: got 4000, expected at most \d+, the pool of chemistry/,
    );
    await expect(partition({ ...SMALL, model: "xs-instrukt" }, context())).rejects.toThrow(/xs-instruct/);
    await expect(partition({ ...SMALL, disciplines: ["alchemy", "biology"] }, context())).rejects.toThrow(
      /got "alchemy"/,
    );
  });

  it("ends at an interrupt", async () => {
    const stop = new AbortController();
    const running = partition(
      { ...SMALL, disciplines: ["geography", "biology"], bootstrap: 1000 },
      { ...context(stop.signal), progress: ({ done }) => void (done === 3 && stop.abort()) },
    );
    await expect(running).rejects.toMatchObject({
      code: "interrupted",
      message: "Interrupted after resample 3 of 1000.",
    });
  });
});

describe("the figure", () => {
  const written = (value: number): string =>
    value > -0.005 && value < 0 ? "0.00" : value.toFixed(2).replace("-", "\u2212");

  it("writes every value into its cell, in the order of the stages", async () => {
    const result = await small();
    const svg = await renderSvg(partitionChart(result, ["a line"]));
    const texts = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
    for (const { discrepancy, synergy, together } of result.pairs)
      for (const value of [discrepancy, synergy, together!])
        expect(texts.filter((text) => text === written(value)).length).toBeGreaterThan(1);
    const names = result.stages.flat();
    expect(texts.filter((text) => names.includes(text!)).slice(0, 5)).toEqual(names);
    expect(await renderSvg(partitionChart(result, ["a line"]))).toBe(svg);
  });

  it("has three views, and two panels without a bootstrap", async () => {
    const panels = (spec: object): number => (spec as { hconcat: unknown[] }).hconcat.length;
    expect(panels(viewsChart(await small(), []))).toBe(3);
    const plain = { ...(await small()), stability: null };
    const { matrices } = plain;
    expect(panels(partitionChart({ ...plain, matrices: { ...matrices, together: null } }, []))).toBe(2);
  });
});

describe("the verb", () => {
  it("takes a body and shows numbers, chart and stages", async () => {
    const body =
      "disciplines: [geography, biology, medicine]\ncorpus: {facts: 30}\nbootstrap: 10\nlambda: [1, 2]\n";
    const result = await partitionCommand.run({ flags: {}, positionals: [], body }, context());
    const { text, display, json } = await partitionCommand.show(result);
    expect(text).toContain("lambda s - d");
    expect(text).toContain(result.yaml.trimEnd());
    expect(text.endsWith(`sizes\n${result.controls[0]!.trimEnd()}`)).toBe(true);
    expect(text).toMatch(/single-linkage +no /);
    expect(Object.keys(display!)).toEqual(["application/vnd.vegalite.v5+json", "image/png"]);
    expect(json).toEqual(result);
  });

  it("refuses a body that is no request, with the lines of what is wrong", async () => {
    const run = (body: string): Promise<unknown> =>
      partitionCommand.run({ flags: {}, positionals: [], body }, context());
    await expect(run("[1, 2]")).rejects.toThrow(/The partition request: got \[1,2\]/);
    await expect(run("seed: 1\nseed: 2")).rejects.toThrow(/line 2/);
    await expect(run("seed: 1\nlambda: -1")).rejects.toThrow(/lambda, line 2: got -1/);
    await expect(
      partitionCommand.run({ flags: { out: "." }, positionals: [], body: "" }, context()),
    ).rejects.toThrow(/--out names a folder that is there already/);
  });
});
