import { symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeEach, describe, expect, it } from "vitest";

import {
  copy,
  exists,
  listFiles,
  listFolder,
  makeFolder,
  makeTemporaryFolder,
  readBytes,
  readJson,
  readJsonLines,
  readText,
  remove,
  writeAtomic,
} from "../../../src/core/files.js";
import {
  type Checkpoint,
  checkpointDigest,
  newCheckpoint,
  openCheckpoint,
  readCheckpoint,
  writeCheckpoint,
  writeModel,
} from "../../../src/model/checkpoint.js";
import type { RunRecord } from "../../../src/runs/record.js";
import { copyOf, readTensorIndex, type TensorToWrite, type Weight } from "../../../src/model/safetensors.js";
import { INDEX_FILE } from "../../../src/model/shards.js";
import { SMALL } from "../../support/small-model.js";

const XS = fileURLToPath(new URL("../../../datasets/models/xs-instruct", import.meta.url));
const RECORDS = fileURLToPath(new URL("../../../datasets/models/records.jsonl", import.meta.url));
const folder = makeTemporaryFolder("lawbook-checkpoint");
afterAll(() => remove(folder));
beforeEach(() => listFolder(folder).forEach((name) => remove(join(folder, name))));
const out = join(folder, "model");

const small: Checkpoint = { ...newCheckpoint(SMALL, 1, ""), tokenizerFolder: undefined };

/** The small model with other values in one weight. */
function withWeight(name: string, change: (weight: Weight) => Weight): Checkpoint {
  const weights = new Map(small.weights);
  weights.set(name, change(weights.get(name)!));
  return { ...small, weights };
}

describe("a committed model", () => {
  // A change of the digests makes every record name a model that is not there.
  it("has the digest of its record, and is written to the same bytes", async () => {
    const model = readCheckpoint(XS);
    const records = readJsonLines(RECORDS) as RunRecord[];
    const { result } = records.find(({ inputs }) => inputs.model.name === "xs-base")!;
    expect(checkpointDigest(model)).toBe(result.weights);
    expect(checkpointDigest(openCheckpoint(XS))).toBe(checkpointDigest(model));
    await writeCheckpoint(out, model);
    expect(listFiles(out)).toEqual(listFiles(XS));
    for (const name of listFiles(XS))
      expect(Buffer.compare(readBytes(join(out, name)), readBytes(join(XS, name))) === 0).toBe(true);
  });

  it("has the same digests in shards", async () => {
    const model = readCheckpoint(XS);
    await writeCheckpoint(out, model, { shardBytes: 500_000 });
    expect(listFolder(out).filter((name) => name.includes("safetensors"))).toEqual([
      "model-00001-of-00004.safetensors",
      "model-00002-of-00004.safetensors",
      "model-00003-of-00004.safetensors",
      "model-00004-of-00004.safetensors",
      INDEX_FILE,
    ]);
    expect(checkpointDigest(readCheckpoint(out))).toBe(checkpointDigest(model));
    expect(readCheckpoint(out).configJson).toEqual(model.configJson);
  });
});

describe("element types", () => {
  it.each([
    ["bfloat16", "BF16", 2 ** -8],
    ["float16", "F16", 2 ** -11],
  ] as const)(
    "%s: weights differ by rounding alone, and the config says so",
    async (dtype, type, relative) => {
      await writeCheckpoint(out, small, { dtype, shardBytes: 2000 });
      const { stored } = openCheckpoint(out);
      expect(new Set([...stored.tensors.values()].map((tensor) => tensor.type))).toEqual(new Set([type]));
      expect(readJson(join(out, "config.json"))).toEqual({ ...small.configJson, dtype });
      const back = readCheckpoint(out);
      let changed = 0;
      for (const [name, { data }] of small.weights) {
        back.weights.get(name)!.data.forEach((value, i) => {
          if (Math.abs(value - data[i]!) > Math.abs(data[i]!) * relative + 2 ** -25)
            expect.fail(`${name} at ${i}`);
          if (value !== data[i]) changed++;
        });
      }
      expect(changed).toBeGreaterThan(1000);
    },
  );

  it("in memory and in the digest a model is float32, whatever its files hold", async () => {
    await writeCheckpoint(out, small, { dtype: "bfloat16" });
    const brain = readCheckpoint(out);
    expect(brain.configJson["dtype"]).toBe("float32");
    await writeCheckpoint(join(folder, "wide"), brain);
    expect(readJson(join(folder, "wide", "config.json"))).toEqual(small.configJson);
    expect(checkpointDigest(readCheckpoint(join(folder, "wide")))).toBe(checkpointDigest(brain));
  });

  it.each([
    [{ dtype: "float32" }, { dtype: "float16" }, {}],
    [{ torch_dtype: "float32" }, { torch_dtype: "float16", dtype: "float16" }, {}],
    [
      { dtype: "bfloat16", torch_dtype: "bfloat16" },
      { dtype: "float16", torch_dtype: "float16" },
      { dtype: "float32", torch_dtype: "float32" },
    ],
    [{}, { dtype: "float16" }, {}],
  ])("a config with %j", async (given, half, single) => {
    const { dtype: _, ...rest } = small.configJson;
    const model = { ...small, configJson: { ...rest, ...given } };
    await writeCheckpoint(out, model, { dtype: "float16" });
    expect(readJson(join(out, "config.json"))).toEqual({ ...rest, ...half });
    await writeCheckpoint(out, model);
    expect(readJson(join(out, "config.json"))).toEqual({ ...rest, ...given, ...single });
  });

  it("refuses an unknown one before anything is written", async () => {
    await expect(writeCheckpoint(out, small, { dtype: "float8" as "float16" })).rejects.toThrow(
      'Unknown dtype: got "float8", expected one of float32, bfloat16, float16.',
    );
    expect(listFolder(folder)).toEqual([]);
  });

  it("refuses a weight that float16 cannot hold, unless told otherwise", async () => {
    const large = withWeight("model.norm.weight", ({ shape, data }) => ({
      shape,
      data: data.map(() => 1e6),
    }));
    await expect(writeCheckpoint(out, large, { dtype: "float16" })).rejects.toThrow(
      "model.norm.weight has a value that float16 cannot hold, at 0: got 1000000, expected a magnitude below 65520.",
    );
    expect(listFolder(folder)).toEqual([]);
    await writeCheckpoint(out, large, { dtype: "float16", allowOverflow: true });
    expect(() => readCheckpoint(out)).toThrow("model.norm.weight in");
  });
});

describe("what travels along", () => {
  const NAMES = [
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "merges.txt", "added_tokens.json",
    "special_tokens_map.json", "chat_template.jinja", "generation_config.json", "additional_chat_templates/tool_use.jinja",
  ].sort(); // prettier-ignore

  it("is the tokenizer, its templates and the generation config, and nothing else", async () => {
    const from = join(folder, "from");
    await writeCheckpoint(from, small);
    for (const name of [...NAMES, "optimizer.pt", "README.md"])
      writeAtomic(join(from, name), `this is ${name}`);
    await writeCheckpoint(out, readCheckpoint(from), { dtype: "float16" });
    expect(listFiles(out)).toEqual([...NAMES, "config.json", "model.safetensors"].sort());
    for (const name of NAMES) expect(readText(join(out, name))).toBe(`this is ${name}`);
  });

  it("also where there is no tokenizer.json, and as files where it was links", async () => {
    const from = join(folder, "from");
    await writeCheckpoint(from, small);
    writeAtomic(join(folder, "blob"), "pieces");
    symlinkSync("../blob", join(from, "tokenizer.model"));
    const model = readCheckpoint(from);
    expect(model.tokenizerFolder).toBe(undefined);
    await writeCheckpoint(out, model);
    remove(join(folder, "blob"));
    expect(readText(join(out, "tokenizer.model"))).toBe("pieces");
  });

  it("also into the folder that it comes from", async () => {
    copy(XS, out);
    const model = readCheckpoint(out);
    await writeCheckpoint(out, model, { shardBytes: 600_000 });
    expect(exists(join(out, "model.safetensors"))).toBe(false);
    expect(checkpointDigest(readCheckpoint(out))).toBe(checkpointDigest(model));
  });
});

describe("a model that is refused", () => {
  it.each([
    ["in one file", undefined],
    ["in shards", 3000],
  ])("%s: missing tensor, other shape, NaN; each names tensor and file", async (_, shardBytes) => {
    const name = "model.layers.1.mlp.up_proj.weight";
    const fileOf = (): string =>
      shardBytes === undefined
        ? join(out, "model.safetensors")
        : join(
            out,
            (readJson(join(out, INDEX_FILE)) as { weight_map: Record<string, string> }).weight_map[name]!,
          );
    const missing = { ...small, weights: new Map([...small.weights].filter(([key]) => key !== name)) };
    await writeCheckpoint(out, missing, { shardBytes });
    const contents = shardBytes === undefined ? "model.safetensors" : INDEX_FILE;
    expect(() => readCheckpoint(out)).toThrow(`${join(out, contents)} has no tensor ${name}.`);

    await writeCheckpoint(
      out,
      withWeight(name, ({ data }) => ({ shape: [16, 24], data })),
      { shardBytes },
    );
    expect(() => readCheckpoint(out)).toThrow(
      `Shape of ${name} in ${fileOf()}: got [16,24], expected [24,16].`,
    );
    expect(() => openCheckpoint(out)).toThrow(`Shape of ${name}`);

    const broken = withWeight(name, ({ shape, data }) => ({
      shape,
      data: data.map((x, i) => (i === 5 ? NaN : x)),
    }));
    await writeCheckpoint(out, broken, { shardBytes });
    expect(() => readCheckpoint(out)).toThrow(
      `${name} in ${fileOf()} has a value that is not finite, at 5: got "NaN"`,
    );
  });

  it("has no weights", () => {
    makeFolder(out);
    writeAtomic(join(out, "config.json"), JSON.stringify(small.configJson));
    expect(() => readCheckpoint(out)).toThrow(`There is no file ${join(out, "model.safetensors")}`);
  });
});

describe("writing in the middle", () => {
  const stopped = (at: string, act: () => void): TensorToWrite[] =>
    [...small.weights].map(([name, { shape, data }]) => ({
      name,
      type: "F32",
      shape,
      content: () => {
        if (name === at) act();
        return data;
      },
    }));

  it("has nothing under the final name", async () => {
    const seen: string[][] = [];
    const tensors = stopped("model.norm.weight", () => seen.push(listFolder(folder)));
    await writeModel(out, small, tensors, { shardBytes: 2000 });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toHaveLength(1);
    expect(seen[0]![0]).toMatch(/^\.model\.[0-9a-f]+-\d+-[0-9a-f]+\.tmp$/);
    expect(listFolder(folder)).toEqual(["model"]);
  });

  it("keeps the old model and leaves nothing beside it where it fails", async () => {
    await writeCheckpoint(out, small);
    const before = readBytes(join(out, "model.safetensors"));
    const tensors = stopped("model.norm.weight", () => {
      throw new Error("no space left");
    });
    await expect(writeModel(out, small, tensors, { shardBytes: 2000 })).rejects.toThrow("no space left");
    expect(listFolder(folder)).toEqual([basename(out)]);
    expect(readBytes(join(out, "model.safetensors"))).toEqual(before);
  });
});

it("tensors that are copied keep their type and bytes beside those that are computed", async () => {
  await writeCheckpoint(out, small, { dtype: "bfloat16" });
  const { stored, ...model } = openCheckpoint(out);
  const tensors = [...stored.tensors.values()].map((tensor) =>
    tensor.name === "model.norm.weight"
      ? { ...tensor, content: () => new Float32Array(SMALL.width).fill(3) }
      : copyOf(tensor),
  );
  const merged = join(folder, "merged");
  await writeModel(merged, model, tensors, { dtype: "bfloat16", shardBytes: 2000 });
  expect(readJson(join(merged, "config.json"))).toEqual(readJson(join(out, "config.json")));
  const got = readCheckpoint(merged).weights;
  expect([...got.get("model.norm.weight")!.data]).toEqual(Array.from({ length: SMALL.width }, () => 3));
  for (const [name, { data }] of readCheckpoint(out).weights)
    if (name !== "model.norm.weight") expect(got.get(name)!.data).toEqual(data);
  expect(readTensorIndex(join(out, "model.safetensors")).metadata).toEqual({ format: "pt" });
});
