import { describe, expect, it } from "vitest";

import { DEVICES } from "../../src/compute/devices/list.js";
import { batchFeeds, packRows, type Row } from "../../src/data/batches.js";
import { stream } from "../../src/core/random.js";
import { frozenValues, pack } from "../../src/model/decoder.js";
import { newAdapter } from "../../src/model/adapted.js";
import type { LoraConfig } from "../../src/model/lora.js";
import type { Weights } from "../../src/model/safetensors.js";
import { ADAMW, adamwScalars, stateName } from "../../src/train/optimizer.js";
import { type StepOptions, trainingStep, type TrainingStep } from "../../src/train/step.js";
import { expectClose } from "../support/close.js";
import { byTfjs, gradientsByTfjs } from "../support/oracle.js";
import { SMALL, smallWeights } from "../support/small-model.js";

const CONFIG = SMALL;
const LORA: LoraConfig = { rank: 2, alpha: 4, targets: ["q_proj", "v_proj", "down_proj"] };

function rowsOf(step: number): Row[] {
  const draw = stream(5, "rows", step);
  return Array.from({ length: 6 }, () => {
    const length = 4 + draw.integer(6);
    return { ids: Array.from({ length }, () => draw.integer(CONFIG.vocabulary)), from: 1 + draw.integer(3) };
  });
}

const SHAPE = { lines: 6, tokens: 12, targets: 60 };
const OPTIONS: Readonly<Record<string, Pick<StepOptions, "config" | "adapter" | "decay">>> = {
  full: { config: CONFIG, decay: 0 },
  "full, decayed matrices": { config: CONFIG, decay: 0.1 },
  "full, tied head": { config: { ...CONFIG, tied: true, keyValueHeads: 4 }, decay: 0 },
  lora: { config: CONFIG, adapter: LORA, decay: 0 },
};

function start(
  step: TrainingStep,
  { config, adapter: lora }: Pick<StepOptions, "config" | "adapter">,
): Record<string, Float32Array> {
  const weights = smallWeights(config);
  let trained: Weights = weights;
  if (lora !== undefined) {
    trained = newAdapter(config, lora, 3, weights);
    // B starts at zero; another start shows the gradient of A too.
    const draw = stream(9, "b");
    for (const { data } of trained.values())
      data.forEach((value, index) => (data[index] = value === 0 ? draw.normal(0, 0.3) : value));
  }
  const state: Record<string, Float32Array> = lora === undefined ? {} : frozenValues(config, weights);
  for (const { name, parameters } of step.groups) {
    const values = pack(parameters, trained);
    Object.assign(state, {
      [stateName("p", name)]: values,
      [stateName("m", name)]: new Float32Array(values.length),
      [stateName("v", name)]: new Float32Array(values.length),
    });
  }
  return state;
}

describe.each(DEVICES)("a training step on the device $name", (device) => {
  it.each(Object.entries(OPTIONS))(
    "%s: first gradients equal those of tfjs to 1e-5 of the largest",
    async (_, options) => {
      const step = trainingStep({ ...options, shape: SHAPE, clip: 0 });
      const feeds = {
        ...start(step, options),
        ...batchFeeds(packRows(rowsOf(1), SHAPE.tokens, SHAPE.lines), SHAPE.targets),
      };
      const names = step.groups.map(({ name }) => stateName("p", name));
      const expected = await gradientsByTfjs(step.graph, feeds, step.loss, names);
      step.gradients.forEach((gradient, index) => step.graph.output(`gradient.${index}`, gradient));
      const program = await device.compile(step.graph);
      const scalars = Object.fromEntries(
        step.groups.flatMap(({ name }) =>
          ["rate", "epsilon", "keep"].map((scalar) => [`${scalar}.${name}`, Float32Array.of(1)]),
        ),
      );
      const results = await program.run({ ...feeds, ...scalars });
      await program.dispose();
      expected.forEach((gradient, index) => {
        const largest = gradient.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
        expect(largest).toBeGreaterThan(1e-3);
        expectClose(
          results[`gradient.${index}`]!,
          gradient,
          0,
          1e-5 * largest,
          `gradient of ${names[index]}`,
        );
      });
    },
  );

  it.each(Object.entries(OPTIONS))(
    "%s: losses of 20 steps equal AdamW over tfjs gradients to 1e-4",
    async (_, options) => {
      const lr = 0.01;
      const step = trainingStep({ ...options, shape: SHAPE, clip: 1 });
      const state = start(step, options);
      const program = await device.compile(step.graph);
      program.load(state);
      const oracle = trainingStep({ ...options, shape: SHAPE, clip: 1 });
      const names = step.groups.map(({ name }) => stateName("p", name));
      const slots = step.groups.map(({ name, decay }) => {
        const values = Float64Array.from(state[stateName("p", name)]!);
        return {
          name,
          decay,
          values,
          first: new Float64Array(values.length),
          second: new Float64Array(values.length),
        };
      });
      for (let t = 1; t <= 20; t++) {
        const batch = batchFeeds(packRows(rowsOf(t), SHAPE.tokens, SHAPE.lines), SHAPE.targets);
        const scalars: Record<string, Float32Array> = {};
        for (const { name, decay } of step.groups) {
          for (const [key, value] of Object.entries(adamwScalars(ADAMW, t, lr, decay)))
            scalars[`${key}.${name}`] = Float32Array.of(value as number);
        }
        const { loss } = await program.run({ ...batch, ...scalars });
        // The textbook form: bias-corrected moments in float64, gradients of tfjs.
        const feeds = {
          ...state,
          ...batch,
          ...Object.fromEntries(
            slots.map(({ name, values }) => [stateName("p", name), Float32Array.from(values)]),
          ),
        };
        const gradients = await gradientsByTfjs(oracle.graph, feeds, oracle.loss, names);
        const lossOracle = (await byTfjs(oracle.graph, feeds, [oracle.loss]))[0]![0]!;
        expect(Math.abs(loss![0]! - lossOracle) / lossOracle, `loss of step ${t}`).toBeLessThan(1e-4);
        const norm = Math.sqrt(
          gradients.reduce((total, gradient) => total + gradient.reduce((a, b) => a + b * b, 0), 0),
        );
        const factor = Math.min(1, 1 / (norm + 1e-6));
        slots.forEach(({ decay, values, first, second }, index) => {
          for (let i = 0; i < values.length; i++) {
            const g = gradients[index]![i]! * factor;
            first[i] = ADAMW.beta1 * first[i]! + (1 - ADAMW.beta1) * g;
            second[i] = ADAMW.beta2 * second[i]! + (1 - ADAMW.beta2) * g * g;
            const m = first[i]! / (1 - ADAMW.beta1 ** t);
            const v = second[i]! / (1 - ADAMW.beta2 ** t);
            values[i] = values[i]! * (1 - lr * decay) - (lr * m) / (Math.sqrt(v) + ADAMW.epsilon);
          }
        });
      }
      await program.dispose();
    },
  );
});
