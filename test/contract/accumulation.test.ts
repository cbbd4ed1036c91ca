import { describe, expect, it } from "vitest";

import { DEVICES } from "../../src/compute/devices/list.js";
import type { Device } from "../../src/compute/device.js";
import { batchFeeds, packRows, type Row } from "../../src/data/batches.js";
import { frozenValues, pack } from "../../src/model/decoder.js";
import { type LoraConfig, newLora } from "../../src/model/lora.js";
import {
  gradientName,
  gradientStep,
  microBatchFeeds,
  type Normalization,
  targetWeights,
  updateStep,
} from "../../src/train/accumulation.js";
import { ADAMW, adamwScalars, stateName } from "../../src/train/optimizer.js";
import { type StepOptions, trainingStep } from "../../src/train/step.js";
import { expectClose } from "../support/close.js";
import { SMALL, smallWeights } from "../support/small-model.js";

const LORA: LoraConfig = { rank: 2, alpha: 4, targets: ["q_proj", "v_proj"] };
const ROWS: readonly Row[] = [
  { ids: [1, 2, 3, 4, 5, 6, 7, 8], from: 2 },
  { ids: [9, 10, 11], from: 2 },
  { ids: [12, 13, 14, 15, 16], from: 3 },
];
const weights = smallWeights();

type State = Record<string, Float32Array>;
const scalars = (groups: readonly { name: string; decay: number }[]): State =>
  Object.fromEntries(
    groups.flatMap(({ name, decay }) =>
      Object.entries(adamwScalars(ADAMW, 1, 0.01, decay)).map(([key, value]) => [
        `${key}.${name}`,
        Float32Array.of(value as number),
      ]),
    ),
  );

function start(groups: ReturnType<typeof gradientStep>["groups"], lora: LoraConfig | undefined): State {
  const trained = lora === undefined ? weights : newLora(SMALL, lora, 3);
  return Object.fromEntries(
    groups.flatMap(({ name, parameters }) => {
      const values = pack(parameters, trained);
      return [
        [stateName("p", name), values],
        [stateName("m", name), new Float32Array(values.length)],
        [stateName("v", name), new Float32Array(values.length)],
      ];
    }),
  );
}

const options = (lora: LoraConfig | undefined, lines: number, targets: number): StepOptions => ({
  config: SMALL,
  adapter: lora,
  shape: { lines, tokens: 8, targets },
  decay: 0.1,
  clip: 0.5,
});

async function whole(device: Device, lora: LoraConfig | undefined): Promise<State> {
  const step = trainingStep(options(lora, 3, 9));
  const program = await device.compile(step.graph);
  program.load(start(step.groups, lora));
  if (lora !== undefined) program.load(frozenValues(SMALL, weights));
  const { loss, norm } = await program.run({
    ...batchFeeds(packRows(ROWS, 8, 3), 9),
    ...scalars(step.groups),
  });
  const state = await program.state();
  await program.dispose();
  return { ...state, loss: loss as Float32Array, norm: norm as Float32Array };
}

async function accumulated(
  device: Device,
  lora: LoraConfig | undefined,
  normalization: Normalization,
): Promise<State> {
  const batches = ROWS.map((row) => packRows([row], 8, 1));
  const step = gradientStep(options(lora, 1, 6));
  const state = start(step.groups, lora);
  const gradient = await device.compile(step.graph);
  if (lora !== undefined) gradient.load(frozenValues(SMALL, weights));
  for (const { name } of step.groups) {
    const parameters = state[stateName("p", name)]!;
    gradient.load({
      [stateName("p", name)]: parameters,
      [gradientName(name)]: new Float32Array(parameters.length),
    });
  }
  const shares = targetWeights(
    batches.map(({ targets }) => targets.length),
    normalization,
  );
  let total = 0;
  for (const [index, batch] of batches.entries()) {
    const { loss } = await gradient.run(microBatchFeeds(batch, 6, shares[index]!));
    total += loss![0]!;
  }
  const sums = await gradient.state();
  await gradient.dispose();
  const update = await device.compile(updateStep(step.groups, { clip: 0.5 }));
  update.load(state);
  const { norm } = await update.run({ ...sums, ...scalars(step.groups) });
  const after = await update.state();
  await update.dispose();
  return { ...after, loss: Float32Array.of(total), norm: norm as Float32Array };
}

describe.each(DEVICES)("accumulated gradients on the device $name", (device) => {
  it.each([
    ["all weights", undefined],
    ["LoRA", LORA],
  ])("give the step of the large batch: %s", async (_, lora) => {
    const large = await whole(device, lora);
    const small = await accumulated(device, lora, "tokens");
    expect(Object.keys(small).sort()).toEqual(Object.keys(large).sort());
    for (const [name, values] of Object.entries(large)) {
      // Adam divides a gradient by its own size, so that rounding of one near zero shows in full.
      const slack = name.startsWith("p.") ? 2e-4 : 1e-6;
      expectClose(small[name]!, values, 1e-4, slack, name);
    }
  });

  it("weigh targets of short micro-batches more as a mean of means", async () => {
    const large = await whole(device, undefined);
    const naive = await accumulated(device, undefined, "micro-batches");
    const right = await accumulated(device, undefined, "tokens");
    const distance = ({ norm }: State): number => Math.abs(norm![0]! - large["norm"]![0]!);
    expect(distance(naive)).toBeGreaterThan(100 * distance(right));
  });
});

describe("weights of targets", () => {
  it("are equal for all targets, or for all micro-batches", () => {
    expect(targetWeights([6, 1, 1])).toEqual([1 / 8, 1 / 8, 1 / 8]);
    expect(targetWeights([6, 1, 0], "micro-batches")).toEqual([1 / 18, 1 / 3, 0]);
  });

  it("are refused where every label is masked", () => {
    expect(() => targetWeights([0, 0])).toThrow('Labels of a step: got "all masked"');
  });
});
