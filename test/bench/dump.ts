import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { STEP_BATCHES, STEP_RATE, type StepMethod, stepSetting } from "../../src/commands/bench-step.js";
import type { Values } from "../../src/compute/graph.js";
import { SIZES } from "../../src/model/config.js";

/** Writes weights and batches of a measured step for the peer in Python: meta.json and data.bin. */
export function dumpSetting(folder: string, size: keyof typeof SIZES, method: StepMethod): void {
  const { config, adapter, weights, adapterWeights, feed } = stepSetting(SIZES[size], method);
  const arrays: Values[] = [];
  const entry = (name: string, shape: readonly number[], values: Values): object => {
    arrays.push(values);
    return { name, shape, type: values instanceof Int32Array ? "int32" : "float32" };
  };
  const tensors = [...weights, ...(adapterWeights ?? [])].map(([name, { shape, data }]) =>
    entry(name, shape, data),
  );
  const inputs = Array.from({ length: STEP_BATCHES }, (_, index) => feed.feeds(index + 1)[0]!).flatMap(
    (feeds) => Object.entries(feeds).map(([name, values]) => entry(name, [values.length], values)),
  );
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "data.bin"),
    Buffer.concat(
      arrays.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
    ),
  );
  const { lines, tokens } = feed.shape;
  const meta = {
    config,
    method,
    adapter,
    lines,
    tokens,
    lr: STEP_RATE,
    tensors,
    inputs,
    batches: STEP_BATCHES,
  };
  writeFileSync(join(folder, "meta.json"), JSON.stringify(meta));
}
