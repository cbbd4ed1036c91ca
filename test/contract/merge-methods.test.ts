import { describe, expect, it } from "vitest";

import { stream } from "../../src/core/random.js";
import { MERGE_METHODS } from "../../src/merge/list.js";
import { acceptedText, type MergeMethod, type Settings, valueProblem } from "../../src/merge/method.js";
import { BLOCK } from "../../src/merge/values.js";
import { mergeTask, taskOf, type TaskToTest } from "../support/merge-task.js";

const SHAPE = [5, 8];
const random = (name: string, size = 40): Float32Array => {
  const draw = stream(4, "test", name);
  return Float32Array.from({ length: size }, () => draw.normal());
};
const close = (got: Float32Array, expected: Float32Array, reach = 2e-6): void => {
  got.forEach((value, i) => expect(Math.abs(value - expected[i]!), `at ${i}`).toBeLessThanOrEqual(reach));
};
/** As many models as the method takes, up to three. */
const countOf = ({ models }: MergeMethod): number => Math.min(3, models.most);
const taskFor = (method: MergeMethod, size = 40): TaskToTest => ({
  models: Array.from({ length: countOf(method) }, (_, index) => random(`model ${index}`, size)),
  ...(method.base === "required" ? { base: random("base", size) } : {}),
  shape: size === 40 ? SHAPE : [size],
});
/** Settings under which all of a task vector counts, and weights make a mean. */
const whole = (method: MergeMethod): Settings =>
  method.parameters.some(({ name }) => name === "weight") ? { weight: 1 / countOf(method) } : {};

describe.each(MERGE_METHODS.map((method) => [method.name, method] as const))("%s", (_, method) => {
  it("is described: its words, its parameters with ranges that their defaults keep to", () => {
    expect(method.name).toMatch(/^[a-z_]+$/);
    expect(method.summary).not.toBe("");
    expect(method.models.least).toBeGreaterThanOrEqual(1);
    expect(method.models.most).toBeGreaterThanOrEqual(method.models.least);
    for (const spec of method.parameters) {
      expect(spec.description).not.toBe("");
      expect(acceptedText(spec)).not.toBe("");
      expect(valueProblem(spec, Number.NaN)).toMatch(/^got NaN, expected .+\.$/);
      if (spec.default !== undefined) expect(valueProblem(spec, spec.default)).toBeUndefined();
    }
  });

  it("gives the model from copies of it", () => {
    const model = random("model");
    const models = Array.from({ length: countOf(method) }, () => model);
    const base = method.baseIsEnd === true ? model : random("base");
    const given = {
      models,
      shape: SHAPE,
      own: whole(method),
      ...(method.base === "required" ? { base } : {}),
    };
    close(mergeTask(method, taskOf(method, given)), model);
  });

  it.skipIf(method.base !== "optional")("gives the model from copies of it on a base", () => {
    const model = random("model");
    const models = Array.from({ length: countOf(method) }, () => model);
    const given = { models, shape: SHAPE, base: random("base"), own: whole(method) };
    close(mergeTask(method, taskOf(method, given)), model);
  });

  it("gives the same bytes again, from fresh memory", () => {
    const task = taskOf(method, taskFor(method));
    const first = mergeTask(method, task);
    expect(mergeTask(method, task)).toEqual(first);
    expect(mergeTask(method, taskOf(method, taskFor(method)))).toEqual(first);
  });

  it("leaves its inputs as they are", () => {
    const given = taskFor(method);
    const before = given.models.map((data) => Float32Array.from(data));
    const own = method.parameters.some(({ name }) => name === "density")
      ? { density: 0.5, epsilon: 0.2 }
      : {};
    mergeTask(method, taskOf(method, { ...given, own }));
    expect(given.models.map((data) => Float32Array.from(data))).toEqual(before);
  });

  it("merges tensors of many blocks, of one element and of none", () => {
    for (const size of [0, 1, 2 * BLOCK + 3]) {
      const merged = mergeTask(method, taskOf(method, taskFor(method, size)));
      expect(merged).toHaveLength(size);
      expect(merged.every(Number.isFinite)).toBe(true);
    }
  });

  it("gives numbers where all models are zero", () => {
    const given = taskFor(method);
    const models = given.models.map(() => new Float32Array(40));
    const merged = mergeTask(
      method,
      taskOf(method, {
        ...given,
        models,
        ...(given.base === undefined ? {} : { base: new Float32Array(40) }),
      }),
    );
    expect([...merged].every((value) => Math.abs(value) === 0)).toBe(true);
  });

  it("refuses a NaN and an infinity, naming the tensor", () => {
    for (const bad of [Number.NaN, -Infinity]) {
      const given = taskFor(method);
      const models = given.models.map((data) => Float32Array.from(data));
      models.at(-1)![17] = bad;
      const task = taskOf(method, { ...given, models, name: "model.norm.weight" });
      expect(() => mergeTask(method, task)).toThrow(
        /model\.norm\.weight has a value that is not finite, at 17: got "(NaN|-Infinity)", expected finite/,
      );
    }
  });

  it("says which values a tensor keeps only where it keeps them", () => {
    for (const settings of [{}, { t: 0 }, { t: 1 }, { lambda: 0 }] as Settings[]) {
      const task = taskOf(method, { ...taskFor(method), settings });
      const same = method.unchanged?.(task);
      if (same === undefined) continue;
      const kept = Float32Array.from([...same.blocks()].flatMap((block) => [...block]));
      close(mergeTask(method, task), kept, 1e-6);
    }
  });

  it.skipIf(method.kept === undefined)("keeps all of a task vector at density 1, and says so", () => {
    const task = taskOf(method, taskFor(method));
    expect(method.kept!(task, method.survey?.([task]))).toBe(1);
  });

  it.skipIf(method.name.startsWith("della"))("does not depend on how a tensor falls into blocks", () => {
    // As one row it is one block, in rows of 7 several. The methods of DELLA look at rows.
    const size = 9363 * 7;
    expect(size).toBeGreaterThan(BLOCK);
    const own = method.parameters.some(({ name }) => name === "density") ? { density: 0.4 } : {};
    const given = { ...taskFor(method, size), own };
    const long = mergeTask(method, taskOf(method, given));
    const short = mergeTask(method, taskOf(method, { ...given, shape: [9363, 7] }));
    if (method.name === "sce")
      close(short, long); // its sums of squares are added block by block
    else expect(short).toEqual(long);
  });
});
