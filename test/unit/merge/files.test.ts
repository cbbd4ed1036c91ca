import { join } from "node:path";

import { afterAll, beforeEach, describe, expect, it } from "vitest";

import {
  listFolder,
  makeTemporaryFolder,
  readBytes,
  readJson,
  remove,
  writeAtomic,
} from "../../../src/core/files.js";
import { merge, mergedCheckpoint, type MergedModel, writeMerged } from "../../../src/merge/merge.js";
import { previewMerge } from "../../../src/merge/preview.js";
import { parseRecipe } from "../../../src/merge/recipe.js";
import {
  checkpointDigest,
  newCheckpoint,
  openCheckpoint,
  readCheckpoint,
  weightsDigest,
  writeCheckpoint,
} from "../../../src/model/checkpoint.js";
import type { Dtype } from "../../../src/model/element-type.js";
import { readTensorIndex, storedBytes, type StoredTensor } from "../../../src/model/safetensors.js";
import { SMALL } from "../../support/small-model.js";

const folder = makeTemporaryFolder("lawbook-merge-files");
afterAll(() => remove(folder));
beforeEach(() => listFolder(folder).forEach((name) => remove(join(folder, name))));

const models = join(import.meta.dirname, "../../../datasets/models");
const out = join(folder, "out");

/** Writes a random model and returns its folder. */
async function small(
  name: string,
  seed: number,
  dtype: Dtype = "float32",
  shardBytes?: number,
): Promise<string> {
  const { tokenizerFolder: _, ...rest } = newCheckpoint(SMALL, seed, "");
  await writeCheckpoint(join(folder, name), { ...rest, tokenizerFolder: undefined }, { dtype, shardBytes });
  return join(folder, name);
}
const mergeOf = (recipe: string, seed = 1): MergedModel =>
  merge(parseRecipe(recipe), { resolve: (name) => openCheckpoint(join(folder, name)), seed });
const bytesOf = (tensor: StoredTensor): Buffer =>
  Buffer.concat([...storedBytes(tensor)].map((piece) => Buffer.from(piece)));
const index = (of: string): ReadonlyMap<string, StoredTensor> =>
  readTensorIndex(join(folder, of, "model.safetensors")).tensors;

const DARE = `merge_method: dare_ties
base_model: base
models:
  - { model: a, parameters: { weight: 1, density: 0.6 } }
  - { model: b, parameters: { weight: [0.2, 0.9], density: 0.3 } }
`;
const linearOf = (rest = ""): string =>
  `merge_method: linear\n${rest}models:\n  - { model: a, parameters: { weight: 1 } }\n  - { model: b, parameters: { weight: 1 } }\n`;

describe("a merged model on disk", () => {
  it("has the bytes of the one in memory, from shards into shards, and its digest is told", async () => {
    for (const [name, seed] of [
      ["base", 1],
      ["a", 2],
      ["b", 3],
    ] as const)
      await small(name, seed, "float32", name === "a" ? 4000 : undefined);
    const told: number[] = [];
    const merged = mergeOf(DARE);
    const progress = (done: number, total: number): void => void told.push(done / total);
    const digest = await writeMerged(out, merged, { shardBytes: 5000, progress });
    const read = readCheckpoint(out);
    expect(listFolder(out).filter((name) => name.endsWith(".safetensors")).length).toBeGreaterThan(2);
    expect(checkpointDigest(read)).toBe(digest);
    expect(weightsDigest(mergedCheckpoint(merged).weights)).toBe(weightsDigest(read.weights));
    expect([told[0], told.at(-1)]).toEqual([0, 1]);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
  });

  it("does not depend on the order in which tensors are merged", async () => {
    for (const [name, seed] of [
      ["base", 1],
      ["a", 2],
      ["b", 3],
    ] as const)
      await small(name, seed);
    await writeMerged(out, mergeOf(DARE));
    const digest = weightsDigest(readCheckpoint(out).weights);
    const merged = mergeOf(DARE);
    const backwards = { ...merged, plan: { ...merged.plan, tensors: merged.plan.tensors.toReversed() } };
    expect(weightsDigest(mergedCheckpoint(backwards).weights)).toBe(digest);
    expect(weightsDigest(mergedCheckpoint(mergeOf(DARE, 2)).weights)).not.toBe(digest);
  });

  it.each(["bfloat16", "float16"] as const)(
    "keeps the type of its models, %s, and rounds once",
    async (dtype) => {
      await small("a", 1, dtype);
      await small("b", 2, dtype);
      const digest = await writeMerged(out, mergeOf(linearOf()));
      expect(readJson(join(out, "config.json"))).toMatchObject({ dtype });
      const types = new Set([...index("out").values()].map(({ type }) => type));
      expect([...types]).toEqual([dtype === "bfloat16" ? "BF16" : "F16"]);
      const { weights } = readCheckpoint(out);
      expect(checkpointDigest(openCheckpoint(out))).toBe(digest);
      const [a, b] = ["a", "b"].map((name) => readCheckpoint(join(folder, name)).weights);
      const half = 2 ** (dtype === "bfloat16" ? -9 : -12); // of a unit in the last place
      for (const [name, { data }] of weights) {
        const [x, y] = [a!.get(name)!.data, b!.get(name)!.data];
        data.forEach((value, i) => {
          const exact = (x[i]! + y[i]!) / 2;
          expect(Math.abs(value - exact)).toBeLessThanOrEqual(Math.abs(exact) * 2 * half + 2 ** -25);
        });
      }
    },
  );

  it("has the type that the recipe or the caller wants; dtype rounds what is read", async () => {
    await small("a", 1);
    await small("b", 2);
    const typeOf = (merged: MergedModel): string => merged.tensors[0]!.type;
    expect(typeOf(mergeOf(linearOf("dtype: bfloat16\n")))).toBe("BF16");
    expect(typeOf(mergeOf(linearOf("dtype: bfloat16\nout_dtype: float32\n")))).toBe("F32");
    const only = "merge_method: passthrough\ndtype: bfloat16\nout_dtype: float32\nmodels: [{ model: a }]\n";
    const rounded = mergedCheckpoint(mergeOf(only)).weights;
    await writeCheckpoint(join(folder, "half"), readCheckpoint(join(folder, "a")), { dtype: "bfloat16" });
    expect(rounded).toEqual(readCheckpoint(join(folder, "half")).weights);
  });

  it("has the very bytes of tensors that a method leaves alone", async () => {
    await small("a", 1, "float16");
    await small("b", 2, "bfloat16");
    const recipe = `merge_method: slerp
base_model: a
models: [{ model: b }]
parameters: { t: [{ filter: self_attn, value: 0 }, { filter: norm, value: 1 }, { value: 0.5 }] }
`;
    const merged = mergeOf(recipe);
    await writeMerged(out, merged);
    expect(merged.copied.every((name) => /self_attn|norm/.test(name))).toBe(true);
    expect(merged.copied).toHaveLength(2 * (4 + 2) + 1);
    for (const name of merged.copied.filter((tensor) => tensor.includes("self_attn"))) {
      expect(bytesOf(index("out").get(name)!)).toEqual(bytesOf(index("a").get(name)!));
    }
    for (const name of merged.copied.filter((tensor) => tensor.includes("norm"))) {
      // Another type than the base's: the values are b's, rounded to float16.
      expect(index("out").get(name)!.type).toBe("F16");
      expect(readCheckpoint(out).weights.get(name)).toEqual(
        readCheckpoint(join(folder, "b")).weights.get(name),
      );
    }
  });

  it("carries config and tokenizer along, and loads", async () => {
    const recipe = parseRecipe(
      "merge_method: slerp\nbase_model: xs-base\nparameters: { t: 0.5 }\nmodels: [{ model: xs-instruct }]\n",
    );
    const merged = merge(recipe, { resolve: (name) => openCheckpoint(join(models, name)), seed: 1 });
    await writeMerged(out, merged);
    expect(readBytes(join(out, "tokenizer.json"))).toEqual(readBytes(join(models, "xs-base/tokenizer.json")));
    expect(readJson(join(out, "config.json"))).toEqual(readJson(join(models, "xs-base/config.json")));
    expect(checkpointDigest(openCheckpoint(out))).toBe(checkpointDigest(mergedCheckpoint(merged)));
  });
});

describe("a merge that fails", () => {
  const spoil = (of: string, name: string, value: number): void => {
    const { path, start } = index(of).get(name)!;
    const bytes = readBytes(path).slice();
    new DataView(bytes.buffer, bytes.byteOffset).setFloat32(start + 4, value, true);
    writeAtomic(path, bytes);
  };

  it.each([
    ["merged", linearOf()],
    ["copied", "merge_method: passthrough\nmodels: [{ model: a }]\n"],
  ])("for a NaN in a tensor that is %s names it and leaves nothing", async (_, recipe) => {
    await small("a", 1);
    await small("b", 2);
    spoil("a", "model.norm.weight", Number.NaN);
    await expect(writeMerged(out, mergeOf(recipe))).rejects.toThrow(
      /^model\.norm\.weight of a has a value that is not finite, at 1: got "NaN", expected finite numbers\.$/,
    );
    expect(listFolder(folder)).toEqual(["a", "b"]);
  });

  it("for a value that the type cannot hold leaves nothing", async () => {
    await small("a", 1);
    await small("b", 2);
    spoil("a", "model.norm.weight", 3e5);
    await expect(writeMerged(out, mergeOf(linearOf("out_dtype: float16\n")))).rejects.toThrow(
      /float16 cannot hold/,
    );
    await expect(writeMerged(out, mergeOf(linearOf("dtype: float16\n")))).rejects.toThrow(
      /model\.norm\.weight of a has a value that float16 cannot hold, at 1/,
    );
    expect(listFolder(folder)).toEqual(["a", "b"]);
  });

  it("lets an interrupt arrive between two tensors", async () => {
    await small("a", 1);
    await small("b", 2);
    let arrived = false;
    setImmediate(() => (arrived = true));
    const told: number[] = [];
    const progress = (done: number): void => {
      told.push(done);
      if (arrived) throw new Error("stop");
    };
    await expect(writeMerged(out, mergeOf(linearOf()), { progress })).rejects.toThrow("stop");
    expect(told).toEqual([0, 1]);
  });

  it("because it is interrupted leaves nothing", async () => {
    await small("a", 1);
    await small("b", 2);
    const progress = (done: number): void => {
      if (done === 7) throw new Error("stop");
    };
    await expect(writeMerged(out, mergeOf(linearOf()), { progress })).rejects.toThrow("stop");
    expect(listFolder(folder)).toEqual(["a", "b"]);
  });
});

describe("a preview", () => {
  it("says how task vectors lie to each other, tensor by tensor and layer by layer", async () => {
    await small("base", 1);
    await small("a", 2);
    await small("b", 2);
    const same = previewMerge(mergeOf(DARE.replace("dare_ties", "ties")).plan);
    expect(same.vectors).toBe("task vectors");
    expect(same.tensors).toHaveLength(index("base").size);
    for (const { cosine, signConflict } of same.tensors.filter(({ name }) => !name.includes("norm"))) {
      expect(cosine).toBeCloseTo(1, 12);
      expect(signConflict).toBe(0);
    }
    expect(same.layers.map(({ name }) => name)).toEqual(["layer 0", "layer 1", "outside the layers"]);
    expect(same.all.kept).toBeCloseTo(0.45, 1); // norms have no task vector: all their zeros stay
    // Norms start as ones in every model: their task vectors are 0 and have no angle.
    expect(same.tensors.find(({ name }) => name === "model.norm.weight")).toMatchObject({
      cosine: null,
      normRatio: 0,
    });
  });

  it("has numbers that a reader can check", () => {
    // Task vectors (3, 4) and (4, -3) on a base of norm 10: a right angle, one of two signs in conflict.
    const config = { ...SMALL, layers: 1 };
    const { weights, ...rest } = newCheckpoint(config, 1, "");
    const filled = (first: number, second: number): typeof weights =>
      new Map(
        [...weights].map(([name, { shape, data }]) => [
          name,
          { shape, data: data.map((_, i) => (i % 2 === 0 ? first : second)) },
        ]),
      );
    const of = { base: filled(6, 8), a: filled(9, 12), b: filled(10, 5) };
    const preview = previewMerge(
      merge(parseRecipe(DARE.replace("dare_ties", "ties")), {
        seed: 1,
        resolve: (name) => ({ ...rest, tokenizerFolder: undefined, weights: of[name as keyof typeof of] }),
      }).plan,
    );
    for (const row of [...preview.tensors, ...preview.layers, preview.all]) {
      expect(row.cosine).toBeCloseTo(0, 12);
      expect(row.angle).toBeCloseTo(90, 9);
      expect(row.normRatio).toBeCloseTo(0.5, 12);
      expect(row.signConflict).toBe(0.5);
      expect(Math.abs(row.kept - 0.45)).toBeLessThan(0.05); // densities 0.6 and 0.3 of 16 entries or more
    }
  });

  it("compares weights where there is no origin, and one model with none", async () => {
    await small("a", 1);
    await small("b", 2);
    const slerp = previewMerge(
      mergeOf("merge_method: slerp\nbase_model: a\nparameters: { t: 0.3 }\nmodels: [{ model: b }]\n").plan,
    );
    expect(slerp.vectors).toBe("weights");
    expect(slerp.all.cosine).toBeGreaterThan(-1);
    expect(slerp.all.normRatio).toBeGreaterThanOrEqual(1);
    const alone = previewMerge(mergeOf("merge_method: passthrough\nmodels: [{ model: a }]\n").plan);
    expect(alone.all).toMatchObject({
      cosine: null,
      angle: null,
      normRatio: null,
      signConflict: null,
      kept: 1,
    });
  });
});
