// Resident memory of a full step and of a LoRA step of a model with 13.8 million parameters, one process each.
// Usage: tsx test/bench/memory.ts [--steps 5] [--vocabulary 4096]
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

import { startStep, type StepMethod, stepSetting } from "../../src/commands/bench-step.js";
import { textTable } from "../../src/commands/table.js";
import { DEVICES, findDevice } from "../../src/compute/devices/list.js";
import { product } from "../../src/core/math.js";
import { type ModelConfig, parametersOf } from "../../src/model/config.js";

const { values: options } = parseArgs({
  options: {
    steps: { type: "string", default: "5" },
    vocabulary: { type: "string", default: "4096" },
    method: { type: "string" },
    device: { type: "string" },
  },
});

const config: ModelConfig = {
  vocabulary: Number(options.vocabulary),
  width: 384,
  layers: 6,
  heads: 6,
  keyValueHeads: 6,
  headWidth: 64,
  feedForward: 1024,
  epsilon: 1e-5,
  theta: 10000,
  tied: false,
  maxPositions: 256,
};
const TOKENS = { lines: 16, tokens: 64 };

/** Megabytes, 10^6 bytes. */
interface Usage {
  /** Before the graph is built: Node, our code, weights. */
  readonly start: number;
  readonly end: number;
  readonly peak: number;
  readonly loss: number;
}

const resident = (): number => process.memoryUsage().rss / 1e6;

async function use(method: StepMethod, device: string): Promise<Usage> {
  const setting = stepSetting(config, method, TOKENS);
  const start = resident();
  const step = await startStep(findDevice(device), setting, 1);
  let loss = 0;
  for (let done = 0; done < Number(options.steps); done++) loss = await step.update();
  return { start, end: resident(), peak: process.resourceUsage().maxRSS / 1e3, loss };
}

if (options.method !== undefined) {
  console.log(JSON.stringify(await use(options.method as StepMethod, options.device!)));
  process.exit(0);
}

const rows = DEVICES.flatMap(({ name: device }) =>
  (["full", "lora"] as const).map((method) => {
    const flags = Object.entries({ ...options, method, device }).flatMap(([name, value]) => [
      `--${name}`,
      value,
    ]);
    const { stdout } = spawnSync(process.execPath, ["--import", "tsx", import.meta.filename, ...flags], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
    const { start, end, peak, loss } = JSON.parse(stdout) as Usage;
    return [device, method, ...[start, end, peak].map((value) => value.toFixed(0)), loss.toFixed(4)];
  }),
);
const parameters = parametersOf(config).reduce((total, { shape }) => total + product(shape), 0);
console.log(
  `Node ${process.version}: ${parameters} parameters, ${TOKENS.lines} lines of ${TOKENS.tokens} tokens, vocabulary ${config.vocabulary}, ${options.steps} steps\n`,
);
console.log(textTable(["device", "method", "start MB", "after MB", "peak MB", "loss"], rows));
