import { caseChecks } from "../conformance/operations.js";
import { CASES } from "../conformance/cases/list.js";
import type { Device } from "../device.js";

/** Kernels of every kind that a training uses, few enough for a first compilation. */
const CHECKED =
  /^(matmul, larger than a tile|softmax, a long row|rmsNorm, a long row|linearCrossEntropy|scatterAddRows|rotary)/;

/** What a self-check found: the largest relative difference from naive float64, or what failed first. */
export interface SelfCheck {
  readonly worst: number;
  readonly failed: string | undefined;
}

/** Computes some operations and their gradients on a device against their naive twins, in about a second. */
export async function selfCheck(device: Device): Promise<SelfCheck> {
  let worst = 0;
  for (const group of CASES.filter(({ name }) => CHECKED.test(name)).map(caseChecks)) {
    for (const { name, passed, detail, measured } of await group.run(device, { threads: 1 })) {
      if (!passed) return { worst: Infinity, failed: `${name}, ${detail}` };
      worst = Math.max(worst, measured ?? 0);
    }
  }
  return { worst, failed: undefined };
}
