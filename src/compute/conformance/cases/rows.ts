import { exp, ln } from "../../../core/math.js";
import { gatherRows, scatterAddRows } from "../../ops/gather.js";
import { linearCrossEntropy } from "../../ops/linear-cross-entropy.js";
import { linearLogSumExp } from "../../ops/linear-log-sum-exp.js";
import { argMax, reduceSum, sumOfSquares } from "../../ops/reduce.js";
import { rmsNorm } from "../../ops/rms-norm.js";
import { segmentSum } from "../../ops/segment-sum.js";
import { softmax, softmaxProduct } from "../../ops/softmax.js";
import { logSumExp } from "../../ops/router.js";
import type { Shape } from "../../graph.js";
import type { CaseInput, OperationCase } from "../case.js";
import { at, type Plain, tabulate, times, total } from "../plain.js";

/** Probabilities over the last axis; the largest is taken off first, as NaN is by Math.max. */
function probabilities(x: Plain): Plain {
  const width = x.shape.at(-1)!;
  return tabulate(x.shape, (index) => {
    const row = index.slice(0, -1);
    const values = Array.from({ length: width }, (_, k) => at(x, [...row, k]));
    const largest = Math.max(...values);
    return exp(at(x, index) - largest) / total(width, (k) => exp(values[k]! - largest));
  });
}

function softmaxCase(what: string, input: CaseInput): OperationCase {
  return {
    name: `softmax, ${what}`,
    inputs: { x: input },
    build: ({ x }) => [softmax(x!)],
    twin: ({ x }) => [probabilities(x!)],
  };
}

function crossEntropyCase(
  what: string,
  [rows, width, vocabulary]: readonly [number, number, number],
  chunk?: number,
): OperationCase {
  return {
    name: `linearCrossEntropy, ${what}`,
    inputs: {
      h: { shape: [rows, width] },
      w: { shape: [vocabulary, width] },
      labels: { shape: [rows], integers: Array.from({ length: rows }, (_, n) => (n * 7 + 5) % vocabulary) },
      weights: { shape: [rows], positive: true, constant: true },
    },
    build: ({ h, w, labels, weights }) => {
      const { loss, rowLoss } = linearCrossEntropy(h!, w!, labels!, weights!, chunk);
      return [loss, rowLoss];
    },
    twin: ({ h, w, labels, weights }) => {
      const p = probabilities(times(h!, w!, false, true));
      const row = (n: number): number => -ln(at(p, [n, at(labels!, [n])]));
      return [
        tabulate([], () => total(rows, (n) => at(weights!, [n]) * row(n))),
        tabulate([rows], ([n]) => row(n!)),
      ];
    },
  };
}

function rmsNormCase(what: string, [rows, width]: readonly [number, number]): OperationCase {
  return {
    name: `rmsNorm, ${what}`,
    inputs: { x: { shape: [rows, width] }, g: { shape: [width] } },
    build: ({ x, g }) => [rmsNorm(x!, g!, 1e-5)],
    twin: ({ x, g }) => [
      tabulate([rows, width], ([n, c]) => {
        const mean = total(width, (k) => at(x!, [n!, k]) ** 2) / width;
        return (at(x!, [n!, c!]) / Math.sqrt(mean + 1e-5)) * at(g!, [c!]);
      }),
    ],
  };
}

const PICKED = { shape: [5] as Shape, integers: [4, 0, 4, 4, 5] };

/** Operations over rows: sums, norms, probabilities, and picking rows by number. */
export const ROWS: readonly OperationCase[] = [
  {
    name: "reduceSum, a middle axis",
    inputs: { x: { shape: [2, 3, 4] } },
    build: ({ x }) => [reduceSum(x!, [1])],
    twin: ({ x }) => [tabulate([2, 4], ([i, k]) => total(3, (j) => at(x!, [i!, j, k!])))],
  },
  {
    name: "reduceSum, all axes",
    inputs: { x: { shape: [3, 37] } },
    build: ({ x }) => [reduceSum(x!, [0, 1])],
    twin: ({ x }) => [tabulate([], () => total(111, (i) => x!.data[i]!))],
  },
  {
    name: "sumOfSquares",
    inputs: { x: { shape: [37] } },
    build: ({ x }) => [sumOfSquares(x!)],
    twin: ({ x }) => [tabulate([], () => total(37, (i) => x!.data[i]! ** 2))],
  },
  {
    name: "argMax, the first of equal ones",
    inputs: {
      x: { shape: [4, 5], values: [1, 3, 3, 0, 2, 5, 5, 5, 5, 5, -4, -3, -2, -1, -1, 0, 0, 0, 0, 9] },
    },
    build: ({ x }) => [argMax(x!)],
    twin: ({ x }) => [
      tabulate([4], ([n]) => {
        const row = [...x!.data.subarray(5 * n!, 5 * n! + 5)];
        return row.indexOf(Math.max(...row));
      }),
    ],
    differentiable: false,
    choices: { 0: [0, 4] },
  },
  softmaxCase("three axes", { shape: [2, 3, 4] }),
  softmaxCase("a long row", { shape: [2, 131] }),
  {
    name: "softmaxProduct, batched",
    inputs: { x: { shape: [2, 3, 5] }, v: { shape: [2, 5, 4] } },
    build: ({ x, v }) => [softmaxProduct(x!, v!)],
    twin: ({ x, v }) => [times(probabilities(x!), v!)],
  },
  softmaxCase("far out", { shape: [2, 3], values: [100, 99, -100, -300, -301, -302] }),
  {
    name: "logSumExp",
    inputs: { x: { shape: [2, 3, 5] } },
    build: ({ x }) => [logSumExp(x!)],
    twin: ({ x }) => [tabulate([2, 3], (row) => ln(total(5, (k) => exp(at(x!, [...row, k])))))],
  },
  {
    name: "logSumExp, far out",
    inputs: { x: { shape: [2, 2], values: [200, 199, -200, -201] } },
    build: ({ x }) => [logSumExp(x!)],
    twin: ({ x }) => [
      tabulate([2], ([n]) => {
        const first = at(x!, [n!, 0]);
        return first + ln(1 + exp(at(x!, [n!, 1]) - first));
      }),
    ],
  },
  rmsNormCase("short", [3, 8]),
  rmsNormCase("a long row", [2, 131]),
  crossEntropyCase("small", [4, 3, 6]),
  crossEntropyCase("8 pieces of the vocabulary at a time", [6, 5, 20], 8),
  crossEntropyCase("a long row", [3, 5, 131]),
  crossEntropyCase("in chunks", [4, 3, 11], 4),
  {
    name: "linearLogSumExp, the last chunk shorter",
    inputs: { h: { shape: [4, 3] }, w: { shape: [11, 3] } },
    build: ({ h, w }) => [linearLogSumExp(h!, w!, 4)],
    twin: ({ h, w }) => {
      const logits = times(h!, w!, false, true);
      return [tabulate([4, 1], ([n]) => ln(total(11, (v) => exp(at(logits, [n!, v])))))];
    },
  },
  {
    name: "gatherRows, repeated rows",
    inputs: { table: { shape: [6, 3] }, rows: PICKED },
    build: ({ table, rows }) => [gatherRows(table!, rows!)],
    twin: ({ table, rows }) => [tabulate([5, 3], ([n, c]) => at(table!, [at(rows!, [n!]), c!]))],
  },
  {
    name: "scatterAddRows, repeated rows",
    inputs: { updates: { shape: [5, 3] }, rows: PICKED },
    build: ({ updates, rows }) => [scatterAddRows(rows!, updates!, 7)],
    twin: ({ updates, rows }) => [
      tabulate([7, 3], ([v, c]) => total(5, (n) => (at(rows!, [n]) === v ? at(updates!, [n, c!]) : 0))),
    ],
  },
  {
    name: "segmentSum, an empty segment",
    inputs: { values: { shape: [5] }, segments: { shape: [5], integers: [3, 0, 3, 3, 1] } },
    build: ({ values, segments }) => [segmentSum(values!, segments!, 4)],
    twin: ({ values, segments }) => [
      tabulate([4], ([s]) => total(5, (n) => (at(segments!, [n]) === s ? at(values!, [n]) : 0))),
    ],
  },
];
