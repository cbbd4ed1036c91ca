import { describe, expect, it } from "vitest";

import { mean } from "../../../src/core/math.js";
import { keepMiddle } from "../../../src/merge/breadcrumbs.js";
import { dropAtRandom } from "../../../src/merge/dare.js";
import { dropByRank } from "../../../src/merge/della.js";
import type { Settings } from "../../../src/merge/method.js";
import type { Sparsify } from "../../../src/merge/task-vectors.js";
import { trimLargest } from "../../../src/merge/ties.js";
import { mergeBy, methodOf, taskOf } from "../../support/merge-task.js";

const list = (values: ArrayLike<number>): number[] => Array.from(values);
const near = (got: ArrayLike<number>, expected: readonly number[]): void => {
  expect(got).toHaveLength(expected.length);
  expected.forEach((value, i) => expect(got[i]).toBeCloseTo(value, 6)); // float32, values near 1
};
/** What a sparsity leaves of one task vector. */
const left = (
  choose: Sparsify,
  delta: readonly number[],
  own: Settings,
  settings: Settings = {},
  shape?: number[],
): number[] => {
  const task = taskOf(methodOf("ties"), {
    base: delta.map(() => 0),
    models: [delta],
    settings,
    own,
    ...(shape === undefined ? {} : { shape }),
  });
  const block = Float32Array.from(delta);
  const sparsity = choose(task, 0);
  sparsity?.open()(block);
  return list(block).map((value) => value * (sparsity?.scale ?? 1) + 0);
};
const countOf = (values: readonly number[]): number => values.filter((value) => value !== 0).length;

describe("linear", () => {
  it("is a weighted mean, or a sum", () => {
    const task = {
      models: [
        [1, 2],
        [3, 6],
      ],
      own: [{ weight: 1 }, { weight: 3 }],
    };
    expect(list(mergeBy("linear", task))).toEqual([2.5, 5]);
    expect(list(mergeBy("linear", { ...task, settings: { normalize: false } }))).toEqual([10, 20]);
  });

  it("refuses weights that cancel", () => {
    const method = methodOf("linear");
    const cancelling = { models: [[1], [2]], own: [{ weight: 1 }, { weight: -1 }] };
    expect(method.problem!(taskOf(method, cancelling))).toBe(
      "got weights 1, -1, expected a sum other than 0, or normalize: false.",
    );
    expect(
      method.problem!(taskOf(method, { ...cancelling, settings: { normalize: false } })),
    ).toBeUndefined();
  });
});

describe("slerp", () => {
  it("keeps the norms of its inputs, as mergekit: values of its own code", () => {
    const at = (t: number, b: readonly number[]): Float32Array =>
      mergeBy("slerp", { base: [1, 2, 3, 4], models: [b], settings: { t } });
    near(at(0.25, [4, -3, 2, 1]), [2.1852491, 0.7237999, 3.240567, 3.7682259]);
    near(at(0.5, [4, -3, 2, 1]), [3.1414044, -0.6282809, 3.1414044, 3.1414044]);
    near(at(0.3, [0, 0, 0, 0]), [0.8910065, 1.7820131, 2.6730196, 3.5640261]);
  });

  it("is half-way between right angles at t = 1/2, and interpolates the norms geometrically in its other form", () => {
    const half = Math.SQRT1_2;
    near(mergeBy("slerp", { base: [1, 0], models: [[0, 4]] }), [half, 4 * half]);
    near(mergeBy("slerp", { base: [1, 0], models: [[0, 4]], settings: { form: "norm-geometric" } }), [
      2 * half,
      2 * half,
    ]);
  });

  it("is linear where the cosine is above 0.9995, also from the other side", () => {
    near(mergeBy("slerp", { base: [1, 0], models: [[3, 0.01]], settings: { t: 0.25 } }), [1.5, 0.0025]);
    near(mergeBy("slerp", { base: [1, 0], models: [[-3, 0]], settings: { t: 0.25 } }), [0, 0]);
  });
});

describe("the other spheres", () => {
  it("nuslerp takes t from weights, and half where they cancel", () => {
    const models = [
      [1, 0],
      [0, 1],
    ];
    const [c30, c60] = [Math.sqrt(3) / 2, 0.5];
    near(mergeBy("nuslerp", { models, own: [{ weight: 2 }, { weight: 1 }] }), [c30, c60]);
    near(mergeBy("nuslerp", { models, own: [{ weight: 1 }, { weight: -1 }] }), [Math.SQRT1_2, Math.SQRT1_2]);
  });

  it("nuslerp has an angle for each vector along the last or the first axis", () => {
    // Rows: (1,0)-(0,1) at a right angle and (1,1)-(1,1) parallel. Columns: (1,1)-(0,1) at 45 degrees, (0,1)-(1,1) too.
    const task = {
      models: [
        [1, 0, 1, 1],
        [0, 1, 1, 1],
      ],
      shape: [2, 2],
    };
    const rows = mergeBy("nuslerp", { ...task, settings: { nuslerp_flatten: false } });
    near(rows, [Math.SQRT1_2, Math.SQRT1_2, 1, 1]);
    const s = Math.sin(Math.PI / 8) / Math.sin(Math.PI / 4);
    const columns = mergeBy("nuslerp", {
      ...task,
      settings: { nuslerp_flatten: false, nuslerp_row_wise: true },
    });
    near(columns, [s, s, 2 * s, 2 * s]);
  });

  it("multislerp and karcher find the middle of three axes", () => {
    const models = [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ];
    const middle = 1 / Math.sqrt(3);
    near(mergeBy("multislerp", { models }), [middle, middle, middle]);
    near(mergeBy("karcher", { models }), [middle, middle, middle]);
    near(
      mergeBy("karcher", {
        models: [
          [2, 0],
          [0, 6],
        ],
      }),
      [4 * Math.SQRT1_2, 4 * Math.SQRT1_2],
    );
  });

  it("karcher takes the mean of angles: 0, 0 and 90 degrees give 30", () => {
    const models = [
      [1, 0],
      [1, 0],
      [0, 1],
    ];
    near(mergeBy("karcher", { models }), [Math.sqrt(3) / 2, 0.5]);
  });

  it("multislerp takes the plain mean of two opposite models and refuses three that cancel", () => {
    near(
      mergeBy("multislerp", {
        models: [
          [1, 0],
          [-1, 0],
        ],
      }),
      [0, 0],
    );
    const third = Math.sqrt(3) / 2;
    const cancelling = {
      models: [
        [1, 0],
        [-0.5, third],
        [-0.5, -third],
      ],
      name: "model.norm.weight",
      settings: { eps: 1e-6 },
    };
    expect(() => mergeBy("multislerp", cancelling)).toThrow(/^Directions of model\.norm\.weight cancel out/);
  });

  it("model_stock goes to the mean by the angle of the task vectors", () => {
    // cos 60 = 1/2, N = 2: t = 1 / 1.5; the mean of the offsets is (0.75, 0.433)
    const models = [
      [2, 0],
      [1.5, Math.sqrt(3) / 2],
    ];
    near(mergeBy("model_stock", { base: [1, 0], models }), [1.5, Math.sqrt(3) / 6]);
    near(
      mergeBy("model_stock", {
        base: [1, 0],
        models: [
          [1, 1],
          [2, 0],
        ],
      }),
      [1, 0],
    );
  });
});

describe("task vectors", () => {
  const base = [0.5, -0.2, 0.1, 0, 1, -1];
  const d1 = [0.3, -0.1, 0.2, 0.05, -0.4, 0.6];
  const d2 = [-0.1, -0.3, 0.25, -0.02, -0.2, -0.5];
  const on = (delta: readonly number[]): number[] => base.map((value, i) => value + delta[i]!);
  const models = [on(d1), on(d2)];

  it("are summed with weights", () => {
    const own = [{ weight: 0.7 }, { weight: 0.3 }];
    near(mergeBy("task_arithmetic", { base, models, own }), [0.68, -0.36, 0.315, 0.029, 0.66, -0.73]);
  });

  it("merge by ties as mergekit", () => {
    const own = [
      { weight: 1, density: 0.5 },
      { weight: 0.5, density: 0.5 },
    ];
    near(mergeBy("ties", { base, models, own }), [0.8, -0.5, 0.35, 0, 0.6, -0.4]);
    near(
      mergeBy("ties", { base, models, own, settings: { normalize: false } }),
      [0.8, -0.35, 0.225, 0, 0.6, -0.4],
    );
  });

  it("merge by ties in three ways: weights before or after the vote", () => {
    const task = {
      base: [0, 0],
      models: [
        [0.3, 0.2],
        [-0.5, 0.1],
      ],
      own: [{ weight: 1 }, { weight: 0.2 }],
    };
    near(mergeBy("ties", task), [0.3, 0.22 / 1.2]);
    near(mergeBy("ties", { ...task, settings: { normalize: false } }), [0.3, 0.22]);
    near(mergeBy("ties", { ...task, settings: { variant: "peft" } }), [-0.1, 0.11]);
    near(mergeBy("ties", { ...task, settings: { variant: "paper" } }), [-0.1, 0.11]);
  });

  it("turn the votes of negative weights", () => {
    // Votes (1, 2) and (-1.5, 2): minus, where the second alone agrees, -1.5 / -0.5; plus, where both do, 4 / 0.5.
    const task = {
      base: [0, 0],
      models: [
        [1, 2],
        [3, -4],
      ],
      own: [{ weight: 1 }, { weight: -0.5 }],
    };
    near(mergeBy("ties", task), [3, 8]);
    near(mergeBy("dare_ties", task), [-1.5, 4]);
    // A divisor of 0 counts as 1.
    near(mergeBy("ties", { ...task, own: [{ weight: 1 }, { weight: -1 }] }), [3, 6]);
  });

  it("are trimmed by the paper over the whole model, not tensor by tensor", () => {
    const method = methodOf("ties");
    const tensor = (name: string, delta: number[]): ReturnType<typeof taskOf> =>
      taskOf(method, {
        name,
        base: [0, 0],
        models: [delta],
        own: { density: 0.5 },
        settings: { variant: "paper" },
      });
    const tasks = [tensor("a", [8, 4]), tensor("b", [1, 2])];
    const survey = method.survey!(tasks);
    const merged = tasks.map((task) => [...method.merge(task, survey)].flatMap((block) => [...block]));
    expect(merged).toEqual([
      [8, 4],
      [0, 0],
    ]);
    expect(method.kept!(tasks[0]!, survey)).toBe(1);
    expect(method.survey!([tensor("a", [1, 1])])).toHaveLength(1);
    const other = taskOf(method, {
      base: [0],
      models: [[1]],
      own: { density: 0.2 },
      settings: { variant: "paper" },
    });
    expect(() => method.survey!([tasks[0]!, other])).toThrow(
      /^density of ties, variant paper: got \[0\.5,0\.2\], expected one number for all tensors of a model\./,
    );
  });

  it("keep by magnitude and get their L1 norm back", () => {
    near(left(trimLargest, d1, { density: 0.5 }), [0.3, 0, 0, 0, -0.4, 0.6]);
    near(
      left(trimLargest, d1, { density: 0.5 }, { rescale: true }),
      [0.3807693, 0, 0, 0, -0.5076923, 0.7615386],
    );
  });

  it("keep the middle as breadcrumbs, also where there are no outliers to drop", () => {
    near(left(keepMiddle, d1, { density: 0.5, gamma: 0.2 }), [0.3, 0, 0.2, 0, -0.4, 0]);
    near(left(keepMiddle, d1, { density: 0.5, gamma: 0.01 }), [0.3, 0, 0, 0, -0.4, 0.6]);
    near(left(keepMiddle, d1, { density: 0.5, gamma: 0.9 }), [0, -0.1, 0.2, 0.05, 0, 0]);
  });

  it("keep exactly what was promised, at both ends and between", () => {
    const delta = Array.from({ length: 57 }, (_, i) => ((i * 31) % 57) + 1);
    for (const density of [1e-9, 0.017, 0.018, 0.5, 0.99, 1]) {
      const promised = Math.trunc(density * 57);
      expect(countOf(left(trimLargest, delta, { density }))).toBe(Math.max(1, promised));
      for (const gamma of [0, 0.017, 0.3, 0.99])
        expect(countOf(left(keepMiddle, delta, { density, gamma }))).toBe(promised);
    }
    const equal = delta.map(() => 2);
    expect(left(trimLargest, equal, { density: 0.1 })).toEqual(equal.map((value, i) => (i < 5 ? value : 0)));
    for (const choose of [dropAtRandom, dropByRank])
      expect(countOf(left(choose, delta, { density: 1 }))).toBe(57);
  });

  it("are weighed by energy and voted on without weights by sce", () => {
    // Energies 5 and 20: weights 0.2 and 0.8. First entry: both agree, 0.2 * 1 + 0.8 * 4; second: -2 outvotes 2 by nothing.
    near(
      mergeBy("sce", {
        base: [1, 1],
        models: [
          [2, 3],
          [5, -1],
        ],
      }),
      [4.4, 3],
    );
    // Half of two varying positions is the one that varies more, the first; then all energy is there: weights 1/17, 16/17.
    const half = mergeBy("sce", {
      base: [1, 1],
      models: [
        [2, 3],
        [5, 2],
      ],
      settings: { select_topk: 0.5 },
    });
    near(half, [1 + (1 + 4 * 16) / 17, 1]);
    near(
      mergeBy("sce", {
        base: [1, 1],
        models: [
          [2, 3],
          [2, 3],
        ],
        settings: { select_topk: 0.5 },
      }),
      [1, 1],
    );
  });
});

describe("random masks", () => {
  const delta = [0.5, -1, 2, 4, -0.25, 1, 3, -2];
  const DRAWS = 4000;
  const averages = (name: string, own: Settings, settings: Settings): number[] => {
    const sums = delta.map(() => 0);
    for (let seed = 1; seed <= DRAWS; seed++) {
      const task = { base: delta.map(() => 0), models: [delta], own, settings, seed };
      mergeBy(name, task).forEach((value, i) => (sums[i]! += value));
    }
    return sums.map((sum) => sum / DRAWS);
  };

  it.each(["dare_linear", "dare_ties"])("of %s keep the mean over seeds with rescaling: density", (name) => {
    const got = averages(name, { density: 0.3 }, { rescaling: "density" });
    // One entry deviates by |d| sqrt((1 - p) / p); eight means within 4 standard errors.
    const error = Math.sqrt(0.7 / 0.3 / DRAWS);
    got.forEach((value, i) =>
      expect(Math.abs(value - delta[i]!)).toBeLessThan(4 * error * Math.abs(delta[i]!)),
    );
  });

  it("of della_linear too, by the probability of each entry", () => {
    const got = averages("della_linear", { density: 0.5, epsilon: 0.3 }, { rescaling: "density" });
    // The smallest entry is kept with 0.2.
    const error = Math.sqrt(0.8 / 0.2 / DRAWS);
    got.forEach((value, i) =>
      expect(Math.abs(value - delta[i]!)).toBeLessThan(4 * error * Math.abs(delta[i]!)),
    );
  });

  it("of della keep more of what is larger in its row", () => {
    const task = (seed: number): number[] =>
      list(
        mergeBy("della_linear", {
          base: [0, 0, 0, 0],
          models: [[1, 2, 30, 20]],
          shape: [2, 2],
          own: { density: 0.5, epsilon: 0.4 },
          settings: { rescale: false },
          seed,
        }),
      );
    const draws = Array.from({ length: 2000 }, (_, seed) => task(seed));
    const kept = [0, 1, 2, 3].map((i) => mean(draws.map((draw) => (draw[i] === 0 ? 0 : 1))));
    [0.1, 0.9, 0.9, 0.1].forEach((p, i) =>
      expect(Math.abs(kept[i]! - p)).toBeLessThan(4 * Math.sqrt(0.09 / 2000)),
    );
  });

  it("are drawn by tensor and model, not by order, and change with the seed", () => {
    const mask = (name: string, seed: number, count = 1): boolean[][] => {
      const wide = Array.from({ length: 64 }, () => 1);
      const task = taskOf(methodOf("dare_linear"), {
        base: wide.map(() => 0),
        models: Array.from({ length: count }, () => wide),
        own: { density: 0.5 },
        name,
        seed,
      });
      return task.inputs.map((_, index) => {
        const block = Float32Array.from(wide);
        dropAtRandom(task, index)!.open()(block);
        return list(block).map((value) => value !== 0);
      });
    };
    expect(mask("a", 1)).toEqual(mask("a", 1));
    expect(mask("a", 1, 2)[0]).toEqual(mask("a", 1)[0]);
    expect(mask("a", 1, 2)[1]).not.toEqual(mask("a", 1)[0]);
    expect(mask("b", 1)).not.toEqual(mask("a", 1));
    expect(mask("a", 2)).not.toEqual(mask("a", 1));
  });

  it("keep the L1 norm by default, or nothing is enlarged", () => {
    const of = (values: readonly number[]): number => values.reduce((sum, value) => sum + Math.abs(value), 0);
    const own = { density: 0.5, epsilon: 0.2 };
    for (const choose of [dropAtRandom, dropByRank]) {
      expect(of(left(choose, delta, own, { rescale: true, rescaling: "l1" }))).toBeCloseTo(of(delta), 5);
      const plain = left(choose, delta, own, { rescale: false });
      expect(plain.every((value, i) => value === 0 || value === delta[i])).toBe(true);
    }
  });

  it("of della refuse probabilities that are none", () => {
    const method = methodOf("della");
    const bad = taskOf(method, { base: [0], models: [[1]], own: { density: 0.9, epsilon: 0.15 } });
    expect(method.problem!(bad)).toBe(
      "got density 0.9 and epsilon 0.15, expected density - epsilon above 0 and density + epsilon below 1.",
    );
  });
});
