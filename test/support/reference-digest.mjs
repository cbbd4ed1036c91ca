// Trains a few steps on the reference device and prints one sha256 a line over all weights and optimiser slots.
// Usage: node reference-digest.mjs THREADS. Plain JavaScript over dist/, so that any version of Node can run it.
import { createHash } from "node:crypto";

import { reference } from "../../dist/compute/devices/reference.js";
import { stream } from "../../dist/core/random.js";
import { batchFeeds, packRows } from "../../dist/data/batches.js";
import { newCheckpoint } from "../../dist/model/checkpoint.js";
import { SIZES } from "../../dist/model/config.js";
import { frozenValues, pack } from "../../dist/model/decoder.js";
import { newAdapter } from "../../dist/model/adapted.js";
import { ALL_LINEAR } from "../../dist/model/lora.js";
import { ADAMW, adamwScalars } from "../../dist/train/optimizer.js";
import { scheduleRate } from "../../dist/train/schedule.js";
import { trainingStep } from "../../dist/train/step.js";

const threads = Number(process.argv[2] ?? 1);
const STEPS = 6;
const config = SIZES.xs;
const { weights } = newCheckpoint(config, 1, "");

/** @param {import("../../dist/model/adapted.js").AdapterConfig | undefined} adapter */
async function digest(adapter) {
  const shape = { lines: 4, tokens: 48, targets: 96 };
  const step = trainingStep({ config, adapter, shape, decay: 0.1, clip: 1 });
  const program = await reference.compile(step.graph, { threads });
  const start = adapter === undefined ? weights : newAdapter(config, adapter, 1, weights);
  if (adapter !== undefined) program.load(frozenValues(config, weights));
  for (const { name, parameters } of step.groups) {
    const values = pack(parameters, start);
    const zeros = new Float32Array(values.length);
    program.load({ [`p.${name}`]: values, [`m.${name}`]: zeros, [`v.${name}`]: zeros });
  }
  let loss = 0;
  for (let t = 1; t <= STEPS; t++) {
    const draw = stream(1, "digest", t);
    const rows = Array.from({ length: 6 }, () => ({
      ids: Array.from({ length: 12 + draw.integer(16) }, () => draw.integer(config.vocabulary)),
      from: 8,
    }));
    const lr = scheduleRate({ kind: "cosine", warmup: 2, floor: 0.1 }, 0.005, t, STEPS);
    const scalars = step.groups.flatMap(({ name, decay }) =>
      Object.entries(adamwScalars(ADAMW, t, lr, decay)).map(([key, value]) => [
        `${key}.${name}`,
        Float32Array.of(value),
      ]),
    );
    const result = await program.run({
      ...batchFeeds(packRows(rows, shape.tokens, shape.lines), shape.targets),
      ...Object.fromEntries(scalars),
    });
    loss = result.loss[0];
  }
  if (!(loss > 0)) throw new Error(`The loss is ${loss}: nothing was computed.`);
  const hash = createHash("sha256");
  const state = await program.state();
  for (const name of Object.keys(state).sort()) {
    hash
      .update(name)
      .update(new Uint8Array(state[name].buffer, state[name].byteOffset, state[name].byteLength));
  }
  await program.dispose();
  return hash.digest("hex");
}

console.log(`full ${await digest(undefined)}`);
const lora = { rank: 4, alpha: 8, targets: ALL_LINEAR };
console.log(`lora ${await digest(lora)}`);
const dense = { kind: "dense" };
console.log(`lora-moe ${await digest({ ...lora, kind: "lora-moe", experts: 3, routing: dense })}`);
console.log(`shared-a ${await digest({ ...lora, kind: "shared-a", experts: 3, routing: dense })}`);
console.log(
  `mixlora ${await digest({ ...lora, kind: "mixlora", experts: 3, routing: { kind: "top-k", k: 2 } })}`,
);
process.exit(0);
