import { exp, ln } from "../../../core/math.js";
import {
  add,
  divide,
  minimum,
  multiply,
  negate,
  sigmoid,
  silu,
  sqrt,
  subtract,
} from "../../ops/elementwise.js";
import { exponential, log1mexp } from "../../ops/log1mexp.js";
import { logSigmoid } from "../../ops/log-sigmoid.js";
import { isPositive, relu } from "../../ops/relu.js";
import type { OperationCase } from "../case.js";
import { at, mapped, tabulate } from "../plain.js";

const logistic = (x: number): number => 1 / (1 + exp(-x));
/** Odd sizes leave a rest behind the vector instructions of every width. */
const LONG = [3, 37];

/** Operations that treat each element by itself. */
export const ELEMENTWISE: readonly OperationCase[] = [
  {
    name: "add, rows",
    inputs: { a: { shape: LONG }, b: { shape: [37] } },
    build: ({ a, b }) => [add(a!, b!)],
    twin: ({ a, b }) => [tabulate(LONG, (i) => at(a!, i) + at(b!, i))],
  },
  {
    name: "add, a number",
    inputs: { a: { shape: [] }, b: { shape: [3, 4] } },
    build: ({ a, b }) => [add(a!, b!)],
    twin: ({ a, b }) => [tabulate([3, 4], (i) => at(a!, i) + at(b!, i))],
  },
  {
    name: "subtract, a column",
    inputs: { a: { shape: [3, 1] }, b: { shape: LONG } },
    build: ({ a, b }) => [subtract(a!, b!)],
    twin: ({ a, b }) => [tabulate(LONG, (i) => at(a!, i) - at(b!, i))],
  },
  {
    name: "multiply, a middle axis",
    inputs: { a: { shape: [2, 1, 4] }, b: { shape: [2, 3, 4] } },
    build: ({ a, b }) => [multiply(a!, b!)],
    twin: ({ a, b }) => [tabulate([2, 3, 4], (i) => at(a!, i) * at(b!, i))],
  },
  {
    name: "divide",
    inputs: { a: { shape: LONG }, b: { shape: LONG, positive: true } },
    build: ({ a, b }) => [divide(a!, b!)],
    twin: ({ a, b }) => [tabulate(LONG, (i) => at(a!, i) / at(b!, i))],
  },
  {
    name: "minimum",
    inputs: { a: { shape: LONG }, b: { shape: [], values: [0.25] } },
    build: ({ a, b }) => [minimum(a!, b!)],
    twin: ({ a, b }) => [tabulate(LONG, (i) => Math.min(at(a!, i), at(b!, i)))],
    differentiable: false,
  },
  {
    name: "minimum, of two numbers",
    inputs: { a: { shape: [], values: [3] }, b: { shape: [], values: [1] } },
    build: ({ a, b }) => [minimum(a!, b!)],
    twin: ({ a, b }) => [tabulate([], (i) => Math.min(at(a!, i), at(b!, i)))],
    differentiable: false,
  },
  {
    name: "negate",
    inputs: { x: { shape: LONG } },
    build: ({ x }) => [negate(x!)],
    twin: ({ x }) => [mapped(x!, (v) => -v)],
  },
  {
    name: "sqrt",
    inputs: { x: { shape: LONG, positive: true } },
    build: ({ x }) => [sqrt(x!)],
    twin: ({ x }) => [mapped(x!, Math.sqrt)],
  },
  {
    name: "sigmoid",
    inputs: { x: { shape: LONG } },
    build: ({ x }) => [sigmoid(x!)],
    twin: ({ x }) => [mapped(x!, logistic)],
  },
  {
    name: "sigmoid, far out",
    inputs: { x: { shape: [4], values: [-40, -10, 10, 40] } },
    build: ({ x }) => [sigmoid(x!)],
    twin: ({ x }) => [mapped(x!, logistic)],
    // y - y^2 of a y near 1 keeps few digits, at a size that no longer matters.
    differentiable: false,
  },
  {
    name: "silu",
    inputs: { x: { shape: LONG } },
    build: ({ x }) => [silu(x!)],
    twin: ({ x }) => [mapped(x!, (v) => v * logistic(v))],
  },
  {
    name: "relu",
    inputs: { x: { shape: LONG } },
    build: ({ x }) => [relu(x!)],
    twin: ({ x }) => [mapped(x!, (v) => Math.max(v, 0))],
  },
  {
    name: "isPositive",
    inputs: { x: { shape: [7], values: [-2, -1e-30, -0, 0, 1e-30, 1, 2] } },
    build: ({ x }) => [isPositive(x!)],
    twin: ({ x }) => [mapped(x!, (v) => Number(v > 0))],
    differentiable: false,
    choices: { 0: [0, 1] },
  },
  {
    name: "exponential",
    inputs: { x: { shape: LONG } },
    build: ({ x }) => [exponential(x!)],
    twin: ({ x }) => [mapped(x!, exp)],
  },
  {
    name: "logSigmoid, far out on both sides",
    inputs: { x: { shape: [9], values: [-90, -20, -3, -0.5, 0.1, 0.5, 3, 12, 90] } },
    build: ({ x }) => [logSigmoid(x!)],
    twin: ({ x }) => [mapped(x!, (v) => Math.min(v, 0) - ln(1 + exp(-Math.abs(v))))],
  },
  {
    name: "log1mexp, on both sides of -ln 2",
    inputs: { x: { shape: [9], values: [-0.01, -0.1, -0.3, -0.6, -0.7, -1, -2, -3, -4] } },
    build: ({ x }) => [log1mexp(x!)],
    twin: ({ x }) => [mapped(x!, (v) => ln(1 - exp(Math.min(v, -1e-6))))],
  },
  {
    name: "log1mexp, nearly certain and clamped",
    inputs: { x: { shape: [4], values: [0, -1e-8, -1e-5, -1e-3] } },
    build: ({ x }) => [log1mexp(x!)],
    twin: ({ x }) => [mapped(x!, (v) => ln(1 - exp(Math.min(v, -1e-6))))],
    differentiable: false,
  },
  {
    name: "log1mexp, nearly impossible",
    inputs: { x: { shape: [4], values: [-5, -8, -15, -30] } },
    build: ({ x }) => [log1mexp(x!)],
    twin: ({ x }) => [mapped(x!, (v) => ln(1 - exp(Math.min(v, -1e-6))))],
  },
];
