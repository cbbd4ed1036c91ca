// One measured step in a process of its own: entry.ts SIZE METHOD DEVICE THREADS.
// Each line of standard input is a number of steps to run; for each, one line of JSON with times and losses.
import { createInterface } from "node:readline";

import { startStep, type StepMethod, stepSetting } from "../../src/commands/bench-step.js";
import { findDevice } from "../../src/compute/devices/list.js";
import { monotonicMs } from "../../src/core/clock.js";
import { SIZES } from "../../src/model/config.js";

const [size = "", method = "", device = "", threads = ""] = process.argv.slice(2);
const setting = stepSetting(SIZES[size as keyof typeof SIZES], method as StepMethod);
const ready = monotonicMs();
const step = await startStep(findDevice(device), setting, Number(threads));
let firstStepMs: number | undefined;
for await (const line of createInterface({ input: process.stdin })) {
  const ms: number[] = [];
  const losses: number[] = [];
  for (let done = 0; done < Number(line); done++) {
    const from = monotonicMs();
    losses.push(await step.update());
    ms.push(monotonicMs() - from);
    firstStepMs ??= monotonicMs() - ready;
  }
  console.log(JSON.stringify({ ms, losses, firstStepMs, sinceStartMs: performance.now() }));
}
process.exit(0);
