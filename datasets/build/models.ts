// Pre-trains Base and instruction-tunes Instruct of the given sizes on the reference device and writes datasets/models.
// Killed at any point, the same command goes on from the last checkpoint. Usage: npm run models:build -- [xs s m l]
import { join, resolve } from "node:path";

import { copy, exists, readJsonLines, remove, writeAtomic } from "../../src/core/files.js";
import { execute } from "../../src/runs/execute.js";
import { recordLine, type RunRecord } from "../../src/runs/record.js";
import { resolveTrain } from "../../src/runs/resolve.js";
import type { TrainInput } from "../../src/runs/schema.js";
import { openStore } from "../../src/runs/store.js";
import { SIZES } from "../../src/model/config.js";
import { writeManifest } from "./write-manifest.js";

const root = resolve(import.meta.dirname, "../..");
const models = join(root, "datasets/models");
const recordsFile = join(models, "records.jsonl");

/** Peak learning rates by size: smaller models take larger ones. */
const RATES = {
  xs: { base: 0.004, instruct: 0.003 },
  s: { base: 0.003, instruct: 0.002 },
  m: { base: 0.0025, instruct: 0.0015 },
  l: { base: 0.002, instruct: 0.001 },
} as const;

type Size = keyof typeof RATES;

function requests(size: Size): { readonly name: string; readonly request: TrainInput }[] {
  const common = { seed: 0, device: "reference", evaluate: { sets: [] } } as const;
  return [
    {
      name: `${size}-base`,
      request: {
        ...common,
        model: `new:${size}`,
        objective: "cpt",
        data: { text: "base" },
        steps: 2200,
        batch: 32,
        tokens: 64,
        optimizer: { lr: RATES[size].base, decay: 0.05, clip: 1 },
        schedule: { kind: "cosine", warmup: 50, floor: 0.05 },
      },
    },
    {
      name: `${size}-instruct`,
      request: {
        ...common,
        model: `${size}-base`,
        objective: "sft",
        data: { text: "instructions" },
        steps: 2400,
        batch: 64,
        tokens: 96,
        optimizer: { lr: RATES[size].instruct, decay: 0, clip: 1 },
        schedule: { kind: "cosine", warmup: 50, floor: 0.05 },
      },
    },
  ];
}

function keepRecord(record: RunRecord): void {
  const others = exists(recordsFile) ? (readJsonLines(recordsFile) as RunRecord[]) : [];
  const lines = [...others.filter(({ inputs }) => inputs.model.name !== record.inputs.model.name), record]
    .sort((a, b) => (a.inputs.model.name < b.inputs.model.name ? -1 : 1))
    .map(recordLine);
  writeAtomic(recordsFile, `${lines.join("\n")}\n`);
}

async function main(): Promise<void> {
  const sizes = (process.argv.length > 2 ? process.argv.slice(2) : ["xs", "s"]) as Size[];
  const store = openStore({ root, home: join(root, ".lawbook"), ignoreCommitted: true });
  for (const size of sizes) {
    if (!(size in SIZES))
      throw new Error(`Unknown size: got ${size}, expected one of ${Object.keys(SIZES).join(", ")}.`);
    for (const { name, request } of requests(size)) {
      const run = resolveTrain(request, root, store);
      let last = 0;
      const record =
        store.find(run.id) ??
        (await execute(run, {
          root,
          store,
          progress: ({ done, total, loss }) => {
            if (done - last < 100 && done < total) return;
            last = done;
            console.log(`${name} ${done}/${total} loss ${loss?.toFixed(3)}`);
          },
        }));
      remove(join(models, name));
      copy(join(store.folder(run.id), "model"), join(models, name));
      keepRecord(record);
      writeManifest(root);
      console.log(`${name} weights ${record.result.weights}`);
    }
  }
}

await main();
