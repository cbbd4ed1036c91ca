// Resident memory over many steps on each usable device, one process each: it must not grow.
// Usage: tsx test/bench/endurance.ts [--steps 10000] [--method lora]
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

import { startStep, type StepMethod, stepSetting } from "../../src/commands/bench-step.js";
import { textTable } from "../../src/commands/table.js";
import { deviceStates, findDevice } from "../../src/compute/devices/list.js";
import { SIZES } from "../../src/model/config.js";

const { values: options } = parseArgs({
  options: {
    steps: { type: "string", default: "10000" },
    method: { type: "string", default: "full" },
    device: { type: "string" },
  },
});
const steps = Number(options.steps);

/** Resident megabytes (10^6 bytes) after each tenth of the steps, the garbage collected. */
async function grow(device: string): Promise<number[]> {
  const setting = stepSetting(SIZES.xs, options.method as StepMethod, { lines: 1, tokens: 16 });
  const step = await startStep(findDevice(device), setting, 1);
  const resident: number[] = [];
  for (let done = 1; done <= steps; done++) {
    await step.update();
    if (done % Math.ceil(steps / 10) !== 0) continue;
    globalThis.gc?.();
    resident.push(process.memoryUsage.rss() / 1e6);
  }
  return resident;
}

if (options.device !== undefined) {
  console.log(JSON.stringify(await grow(options.device)));
  process.exit(0);
}
const rows = deviceStates()
  .filter(({ usable }) => usable)
  .map(({ name }) => {
    const flags = ["--steps", String(steps), "--method", options.method, "--device", name];
    const { stdout } = spawnSync(
      process.execPath,
      ["--expose-gc", "--import", "tsx", import.meta.filename, ...flags],
      { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
    );
    return [name, ...(JSON.parse(stdout) as number[]).map((value) => value.toFixed(0))];
  });
console.log(
  `Resident MB after each tenth of ${steps} steps, XS ${options.method}, Node ${process.version}\n`,
);
console.log(textTable(["device", ...Array.from({ length: 10 }, (_, at) => `${(at + 1) * 10} %`)], rows));
