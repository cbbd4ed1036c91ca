import { join } from "node:path";

import { afterAll, beforeEach, describe, expect, it } from "vitest";

import { MagicRegistry } from "../../../kernel-ext/src/magics/registry.js";
import { parseArguments } from "../../../src/commands/arguments.js";
import type { CommandContext, CommandSpec, Progress } from "../../../src/commands/command.js";
import { mergeCommand, type Merged } from "../../../src/commands/merge.js";
import {
  copy,
  exists,
  listFolder,
  makeTemporaryFolder,
  remove,
  writeAtomic,
} from "../../../src/core/files.js";
import { checkpointDigest, openCheckpoint } from "../../../src/model/checkpoint.js";

const root = join(import.meta.dirname, "../../..");
const work = makeTemporaryFolder("lawbook-merge-command");
afterAll(() => remove(work));

let abort: AbortController;
let steps: Progress[];
let context: CommandContext;
beforeEach(() => {
  listFolder(work).forEach((name) => remove(join(work, name)));
  abort = new AbortController();
  steps = [];
  context = {
    cwd: work,
    root,
    home: join(work, "home"),
    env: {},
    signal: abort.signal,
    progress: (step) => steps.push(step),
  };
});

/** `lawbook merge WORDS`, with a body as under `%%merge`. */
async function merged(words: readonly string[], body?: string): Promise<Merged> {
  const positionals = body === undefined ? mergeCommand.positionals : [];
  return mergeCommand.run(
    parseArguments(mergeCommand, { label: "merge", positionals }, words, body),
    context,
  );
}

const TIES = `merge_method: ties
base_model: xs-base
models:
  - { model: xs-instruct, parameters: { weight: 1, density: 0.5 } }
`;

describe("merge", () => {
  it("writes the merged model and tells what it is", async () => {
    writeAtomic(join(work, "recipes/r.yml"), TIES);
    const result = await merged(["recipes/r.yml", "--out", "out"]);
    expect(result).toEqual({
      method: "ties",
      models: ["xs-base", "xs-instruct"],
      seed: 101,
      dtype: "float32",
      layers: 5,
      parameters: 382656,
      tensors: 47,
      copied: 0,
      model: "out",
      weights: checkpointDigest(openCheckpoint(join(work, "out"))),
      notes: [],
      preview: null,
    });
    expect(steps.at(-1)).toEqual({ phase: "merging", done: 47, total: 47 });
    const { text } = await mergeCommand.show(result);
    expect(text).toBe(
      `ties of xs-base, xs-instruct, seed 101\n382,656 parameters, 5 layers, float32; 0 of 47 tensors are one model's own\nweights ${result.weights!.slice(0, 12)}, written to out`,
    );
  });

  it("only compares in a dry run, with numbers by layer and a heat map", async () => {
    const result = await merged(["--dry-run", "--out", "out"], TIES);
    expect(exists(join(work, "out"))).toBe(false);
    expect(result).toMatchObject({ model: null, weights: null });
    const shown = await mergeCommand.show(result);
    expect(shown.text).toMatch(/\ntask vectors +cosine +degrees +norm ratio +sign conflict +kept\nlayer 0 /);
    // One model has no pairs: nothing to draw.
    expect(shown.display).toEqual({});
    const pair = await merged(
      ["--dry-run"],
      "merge_method: slerp\nbase_model: xs-base\nparameters: { t: 0.5 }\nmodels: [{ model: xs-instruct }]\n",
    );
    const spec = (await mergeCommand.show(pair)).display!["application/vnd.vegalite.v5+json"] as {
      hconcat: { data: { values: { layer: number; part: string; value: number }[] } }[];
    };
    expect(spec.hconcat.map(({ data }) => data.values.length)).toEqual([45, 45]);
    expect(spec.hconcat[0]!.data.values[0]).toMatchObject({ layer: 0, part: "input_layernorm" });
    expect((await mergeCommand.show(pair)).display!["image/png"]).toMatch(/^iVBOR/);
  });

  it("looks for folders beside the recipe first, then in the working folder", async () => {
    const own = (folder: string, from: string): void =>
      copy(join(root, "datasets/models", from), join(work, folder));
    own("recipes/m", "xs-base");
    own("m", "xs-instruct");
    own("n", "xs-instruct");
    const of = (model: string): string => `merge_method: passthrough\nmodels: [{ model: ${model} }]\n`;
    const weights = (name: string): string =>
      checkpointDigest(openCheckpoint(join(root, "datasets/models", name)));
    for (const [model, expected] of [
      ["m", "xs-base"],
      ["./m", "xs-base"],
      ["n", "xs-instruct"],
      ["../n", "xs-instruct"],
      [join(work, "m"), "xs-instruct"],
    ]) {
      writeAtomic(join(work, "recipes/r.yml"), of(model!));
      remove(join(work, "out"));
      const { weights: digest, copied } = await merged(["recipes/r.yml", "--out", "out"]);
      expect([model, digest, copied]).toEqual([model, weights(expected!), 47]);
    }
  });

  it("takes type, seed and shards from flags", async () => {
    const dare = TIES.replace("ties", "dare_linear");
    const one = await merged(
      ["--out", "one", "--seed", "1", "--dtype", "bfloat16", "--shard-size", "300KB"],
      dare,
    );
    expect(one).toMatchObject({ seed: 1, dtype: "bfloat16" });
    expect(listFolder(join(work, "one")).filter((name) => name.endsWith(".safetensors"))).toHaveLength(3);
    const two = await merged(["--out", "two", "--seed", "2", "--dtype", "bfloat16"], dare);
    expect(two.weights).not.toBe(one.weights);
    const again = await merged(["--out", "again", "--seed", "1", "--dtype", "bfloat16"], dare);
    expect(again.weights).toBe(one.weights);
  });

  it.each([
    [["--dtype", "bfloat16"], "--dtype needs --out: a folder to write to."],
    [["--out", "there"], "--out names a folder that is there already: there."],
    [["--out", "o", "--seed", "1.5"], "--seed: got 1.5, expected a whole number."],
    [["--out", "o", "--shard-size", "much"], 'Size: got "much", expected bytes such as "500MB" or "5GB".'],
    [
      ["--out", "o", "--dtype", "float8"],
      /--dtype: got "float8", expected one of float32, bfloat16, float16/,
    ],
  ])("refuses %j", async (words, message) => {
    copy(join(root, "datasets/models/xs-base"), join(work, "there"));
    await expect(async () => merged(words, TIES)).rejects.toThrow(message);
    expect(listFolder(work)).toEqual(["there"]);
  });

  it.each([
    ["xs-instrct", 'Unknown model: got "xs-instrct"', 'Did you mean "xs-instruct"?'],
    [
      "some/model",
      "There is no folder some/model, neither beside the recipe nor here.",
      "Models are not fetched",
    ],
    ["xs-base+adapter", 'There is no folder xs-base+adapter; adapters after a "+" are not read.', "--merged"],
    ["run:00000000", "There is no run 00000000.", "lawbook runs"],
  ])("refuses the model %s and says where to find one", async (model, what, hint) => {
    const recipe = TIES.replace("xs-instruct", model);
    const failure = merged(["--dry-run"], recipe);
    await expect(failure).rejects.toThrow(what);
    await expect(failure).rejects.toThrow(hint);
    await expect(failure).rejects.toThrow("line 4");
  });

  it("stops when it is interrupted, and leaves nothing", async () => {
    abort.abort();
    await expect(merged(["--out", "out"], TIES)).rejects.toThrow("The merge was interrupted.");
    await expect(merged(["--dry-run"], TIES)).rejects.toThrow("The merge was interrupted.");
    expect(listFolder(work)).toEqual([]);
  });

  it("runs as %%merge over a recipe and as %merge over a file", async () => {
    const registry = new MagicRegistry([mergeCommand as CommandSpec], () => context);
    const run = async (text: string, body?: string): Promise<unknown> =>
      registry.run("merge", text, body, { signal: abort.signal, show: () => undefined });
    writeAtomic(join(work, "r.yml"), TIES);
    const line = (await run("r.yml --out line")) as Merged;
    expect(await run("--out cell", TIES)).toMatchObject({ model: "cell", weights: line.weights });
    await expect(run("--dry-run", "merge_method: ties\nmodel: x\n")).rejects.toThrow(
      /^The recipe has 2 problems:\n {2}model, line 2: unknown key/,
    );
  });
});
