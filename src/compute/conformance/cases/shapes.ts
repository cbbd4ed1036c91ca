import { concat, expand, reshape, split, transpose } from "../../ops/shape.js";
import type { OperationCase } from "../case.js";
import { at, tabulate } from "../plain.js";

/** Operations that move elements without changing them. */
export const SHAPES: readonly OperationCase[] = [
  {
    name: "reshape",
    inputs: { x: { shape: [2, 6] } },
    build: ({ x }) => [reshape(x!, [3, 4])],
    twin: ({ x }) => [tabulate([3, 4], ([i, j]) => x!.data[4 * i! + j!]!)],
  },
  {
    name: "transpose, a matrix",
    inputs: { x: { shape: [9, 5] } },
    build: ({ x }) => [transpose(x!, [1, 0])],
    twin: ({ x }) => [tabulate([5, 9], ([i, j]) => at(x!, [j!, i!]))],
  },
  {
    name: "transpose, five axes",
    inputs: { x: { shape: [2, 3, 2, 2, 2] } },
    build: ({ x }) => [transpose(x!, [0, 3, 1, 2, 4])],
    twin: ({ x }) => [tabulate([2, 2, 3, 2, 2], ([a, b, c, d, e]) => at(x!, [a!, c!, d!, b!, e!]))],
  },
  {
    name: "expand",
    inputs: { x: { shape: [2, 1, 3] } },
    build: ({ x }) => [expand(x!, [2, 4, 3])],
    twin: ({ x }) => [tabulate([2, 4, 3], (i) => at(x!, i))],
  },
  {
    name: "split, one piece unused",
    inputs: { x: { shape: [6] } },
    build: ({ x }) => [split(x!, [1, 2, 3], 0)[1]!],
    twin: ({ x }) => [tabulate([2], ([i]) => at(x!, [1 + i!]))],
  },
  {
    name: "split, all pieces of a later axis",
    inputs: { x: { shape: [3, 5] } },
    build: ({ x }) => split(x!, [2, 3], 1),
    twin: ({ x }) => [
      tabulate([3, 2], ([i, j]) => at(x!, [i!, j!])),
      tabulate([3, 3], ([i, j]) => at(x!, [i!, 2 + j!])),
    ],
  },
  {
    name: "concat",
    inputs: { a: { shape: [2, 1] }, b: { shape: [2, 3] } },
    build: ({ a, b }) => [concat([a!, b!], 1)],
    twin: ({ a, b }) => [tabulate([2, 4], ([i, j]) => (j === 0 ? at(a!, [i!, 0]) : at(b!, [i!, j! - 1])))],
  },
];
