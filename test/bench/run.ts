// Milliseconds of one training step, interleaved over devices and methods so that a drifting machine hits all alike.
// Usage: npm run bench [-- ROUNDS]. A timing never fails a test.
import { cpus } from "node:os";

import { monotonicMs } from "../../src/core/clock.js";
import { stream } from "../../src/core/random.js";
import { textTable } from "../../src/commands/table.js";
import type { Program } from "../../src/compute/device.js";
import { DEVICES } from "../../src/compute/devices/list.js";
import { batchFeeds, packRows, placeRows, type Row } from "../../src/data/batches.js";
import { newCheckpoint } from "../../src/model/checkpoint.js";
import { SIZES } from "../../src/model/config.js";
import { frozenValues, pack } from "../../src/model/decoder.js";
import { ALL_LINEAR, newLora } from "../../src/model/lora.js";
import { ADAMW, adamwScalars, stateName } from "../../src/train/optimizer.js";
import { trainingStep, type TrainingStep } from "../../src/train/step.js";

/** 32 rows as a law trains them: 28 tokens on average, of which 6 are learnt, in lines of 96. */
const TOKENS = 96;
const rows: Row[] = Array.from({ length: 32 }, (_, index) => {
  const length = 18 + stream(1, "bench", index).integer(21);
  return { ids: Array.from({ length }, (_, at) => (at * 131 + index * 17) % 2048), from: length - 6 };
});
const { lines } = placeRows(
  rows.map(({ ids }) => ids.length),
  TOKENS,
);
const targets = rows.reduce((total, { ids, from }) => total + ids.length - from, 0);

interface Entry {
  readonly name: readonly string[];
  readonly program: Program;
  readonly step: TrainingStep;
  readonly firstMs: number;
  readonly times: number[];
}

async function main(): Promise<void> {
  const rounds = Number(process.argv[2] ?? 20);
  const entries: Entry[] = [];
  for (const size of ["xs", "s"] as const) {
    const config = SIZES[size];
    const { weights } = newCheckpoint(config, 1, "");
    for (const method of ["full", "lora r 8"]) {
      const lora = method === "full" ? undefined : { rank: 8, alpha: 16, targets: ALL_LINEAR };
      for (const device of DEVICES) {
        const started = monotonicMs();
        const step = trainingStep({
          config,
          lora,
          shape: { lines, tokens: TOKENS, targets },
          decay: 0,
          clip: 1,
        });
        const program = await device.compile(step.graph);
        if (lora !== undefined) program.load(frozenValues(config, weights));
        for (const { name, parameters } of step.groups) {
          const values = pack(parameters, lora === undefined ? weights : newLora(config, lora, 1));
          const zeros = new Float32Array(values.length);
          program.load({
            [stateName("p", name)]: values,
            [stateName("m", name)]: zeros,
            [stateName("v", name)]: zeros,
          });
        }
        await once({ program, step }, 1);
        entries.push({
          name: [size, method, device.name],
          program,
          step,
          firstMs: monotonicMs() - started,
          times: [],
        });
      }
    }
  }
  for (let round = 1; round <= rounds; round++) {
    for (const entry of entries) {
      const started = monotonicMs();
      await once(entry, round + 1);
      entry.times.push(monotonicMs() - started);
    }
  }
  const tokens = rows.reduce((total, { ids }) => total + ids.length, 0);
  console.log(
    `${cpus()[0]!.model}, Node ${process.version}, 1 thread, 32 rows (${tokens} tokens in ${lines} lines of ${TOKENS}), ${rounds} rounds\n`,
  );
  console.log(
    textTable(
      ["size", "method", "device", "best ms", "median ms", "first step ms", "steps/s"],
      entries.map(({ name, firstMs, times }) => {
        const sorted = [...times].sort((a, b) => a - b);
        const median = sorted[Math.floor(sorted.length / 2)]!;
        return [
          ...name,
          sorted[0]!.toFixed(1),
          median.toFixed(1),
          firstMs.toFixed(0),
          (1000 / median).toFixed(1),
        ];
      }),
    ),
  );
  process.exit(0);
}

async function once({ program, step }: Pick<Entry, "program" | "step">, t: number): Promise<void> {
  const scalars = step.groups.flatMap(({ name }) =>
    Object.entries(adamwScalars(ADAMW, t, 0.001, 0)).map(([key, value]) => [
      `${key}.${name}`,
      Float32Array.of(value as number),
    ]),
  );
  await program.run({
    ...batchFeeds(packRows(rows, TOKENS, lines), targets),
    ...Object.fromEntries(scalars),
  });
}

await main();
