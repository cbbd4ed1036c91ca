import { product } from "../../src/core/math.js";
import { bitStream } from "../../src/core/random.js";
import { MERGE_METHODS } from "../../src/merge/list.js";
import type { MergeMethod, Settings, TensorTask } from "../../src/merge/method.js";
import { memoryValues } from "../../src/merge/values.js";

/** A tensor to merge, as a test writes it down. */
export interface TaskToTest {
  readonly models: readonly (readonly number[] | Float32Array)[];
  readonly base?: readonly number[] | Float32Array;
  readonly shape?: readonly number[];
  readonly name?: string;
  readonly seed?: number;
  readonly settings?: Settings;
  /** Settings of each model, or one for all. */
  readonly own?: Settings | readonly Settings[];
}

/** The method of a name. */
export function methodOf(name: string): MergeMethod {
  const method = MERGE_METHODS.find((known) => known.name === name);
  if (method === undefined) throw new Error(`There is no method ${name}.`);
  return method;
}

/** A task with the defaults of a method under what is given; weights are 1 where nothing else is said. */
export function taskOf(
  method: MergeMethod,
  { models, base, shape, name = "w", seed = 1, settings = {}, own = {} }: TaskToTest,
): TensorTask {
  const sides = shape ?? [models[0]!.length];
  const values = (data: readonly number[] | Float32Array): ReturnType<typeof memoryValues> =>
    memoryValues({ shape: sides, data: Float32Array.from(data) }, name);
  const defaults = (scope: "merge" | "model"): Settings =>
    Object.fromEntries(
      method.parameters
        .filter((spec) => spec.scope === scope)
        .map((spec) => [spec.name, spec.default ?? (spec.name === "t" ? 0.5 : 1)]),
    );
  return {
    name,
    shape: sides,
    size: product(sides),
    base: base === undefined ? undefined : values(base),
    inputs: models.map((data, index) => ({
      values: values(data),
      settings: {
        ...defaults("model"),
        ...(Array.isArray(own) ? (own as readonly Settings[])[index] : (own as Settings)),
      },
    })),
    settings: { ...defaults("merge"), ...settings },
    bits: (input) => bitStream(seed, "merge", name, input),
  };
}

/** The merged tensor, all blocks together. */
export function mergeTask(method: MergeMethod, task: TensorTask): Float32Array {
  const merged = new Float32Array(task.size);
  let at = 0;
  for (const block of method.merge(task, method.survey?.([task]))) {
    merged.set(block, at);
    at += block.length;
  }
  if (at !== task.size) throw new Error(`Got ${at} values, expected ${task.size}.`);
  return merged;
}

/** The merged tensor of a named method. */
export function mergeBy(name: string, task: TaskToTest): Float32Array {
  const method = methodOf(name);
  return mergeTask(method, taskOf(method, task));
}
