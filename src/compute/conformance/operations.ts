import { product } from "../../core/math.js";
import { stream } from "../../core/random.js";
import type { Device, Program } from "../device.js";
import { differentiate } from "../differentiate.js";
import type { Graph, Tensor, Values } from "../graph.js";
import { add, multiply } from "../ops/elementwise.js";
import { reduceSum } from "../ops/reduce.js";
import { buildCase, caseFeeds, gradientOutput, type OperationCase, outputName } from "./case.js";
import { CASES } from "./cases/list.js";
import { type CheckGroup, type CheckOptions, type CheckResult, largestError, within } from "./check.js";
import type { Plain } from "./plain.js";

/** Largest relative difference of an output: a few roundings of float32, 6e-8 each, over sums of at most 131 terms. */
const VALUE_TOLERANCE = 1e-5;
/** The same for gradients, which pass more operations. */
const GRADIENT_TOLERANCE = 5e-5;
/** Step of the central differences. In float64 they are right to about 1e-9. */
const STEP = 1e-5;
/** Elements of one input whose gradients are compared. */
const SAMPLED = 24;

/** The checks of every case of every operation. */
export const OPERATION_CHECKS: readonly CheckGroup[] = CASES.map(caseChecks);

/** The checks of one case: values, gradients where it has them, NaN. */
export function caseChecks(one: OperationCase): CheckGroup {
  const differentiable = one.differentiable !== false;
  const names = {
    values: `${one.name}: values`,
    gradients: `${one.name}: gradients`,
    nan: `${one.name}: NaN stays NaN`,
  };
  return {
    checks: [names.values, ...(differentiable ? [names.gradients] : []), names.nan],
    run: async (device, options) => {
      const feeds = caseFeeds(one);
      const program = await compileCase(device, one, options);
      try {
        const results = await program.run(feeds);
        const found = [valueCheck(names.values, one, feeds, results)];
        if (differentiable) found.push(gradientCheck(names.gradients, one, results));
        found.push(await nanCheck(names.nan, one, feeds, program));
        return found;
      } finally {
        await program.dispose();
      }
    },
  };
}

/** The graph of a case: its outputs, and the gradients of a loss that weighs every element differently. */
export function caseGraph(one: OperationCase): Graph {
  const { graph, inputs, outputs, weights } = buildCase(one);
  outputs.forEach((output, index) => graph.output(outputName(index), output));
  if (one.differentiable === false) return graph;
  const terms = outputs.map((output, index) => {
    const weighted = multiply(output, graph.constant(output.shape, weights[index]!));
    return output.shape.length === 0 ? weighted : reduceSum(weighted, [...output.shape.keys()]);
  });
  const variables = variablesOf(one);
  differentiate(
    terms.reduce((a, b) => add(a, b)),
    variables.map((name) => inputs[name]!),
  ).forEach((gradient: Tensor, index) => graph.output(gradientOutput(variables[index]!), gradient));
  return graph;
}

async function compileCase(device: Device, one: OperationCase, options: CheckOptions): Promise<Program> {
  return device.compile(caseGraph(one), { threads: options.threads });
}

/** Float inputs of a case whose gradients count. */
function variablesOf({ inputs }: OperationCase): string[] {
  return Object.keys(inputs).filter(
    (name) => inputs[name]!.integers === undefined && inputs[name]!.constant !== true,
  );
}

function plainInputs(one: OperationCase, feeds: Readonly<Record<string, Values>>): Record<string, Plain> {
  return Object.fromEntries(
    Object.entries(one.inputs).map(([name, { shape }]) => [
      name,
      { shape, data: Float64Array.from(feeds[name]!) },
    ]),
  );
}

function valueCheck(
  name: string,
  one: OperationCase,
  feeds: Readonly<Record<string, Values>>,
  results: Readonly<Record<string, Values>>,
): CheckResult {
  const inputs = plainInputs(one, feeds);
  const errors = one
    .twin(inputs, inputs)
    .map(({ data }, index) => largestError(results[outputName(index)], data));
  const worst = errors.reduce((a, b) => (b.error > a.error ? b : a));
  return within(name, worst.error, VALUE_TOLERANCE, worst.detail);
}

/** Central differences of the twin, for some elements of one input. */
interface Differences {
  readonly variable: string;
  readonly size: number;
  readonly sampled: readonly number[];
  readonly values: readonly number[];
}

const differencesByCase = new WeakMap<OperationCase, readonly Differences[]>();

function differencesOf(one: OperationCase): readonly Differences[] {
  const known = differencesByCase.get(one);
  if (known !== undefined) return known;
  const base = plainInputs(one, caseFeeds(one));
  const { weights } = buildCase(one);
  const loss = (inputs: Readonly<Record<string, Plain>>): number =>
    one
      .twin(inputs, base)
      .reduce(
        (sum, { data }, output) => sum + data.reduce((part, y, i) => part + y * weights[output]![i]!, 0),
        0,
      );
  const found = variablesOf(one).map((variable) => {
    const { shape, data } = base[variable]!;
    const size = product(shape);
    const all = Array.from({ length: size }, (_, i) => i);
    const draw = stream(7, "conformance", one.name, variable, "sampled");
    const sampled = size <= SAMPLED ? all : draw.shuffle(all).slice(0, SAMPLED);
    const values = sampled.map((i) => {
      const h = STEP * Math.max(1, Math.abs(data[i]!));
      const moved = (by: number): number =>
        loss({ ...base, [variable]: { shape, data: data.with(i, data[i]! + by) } });
      return (moved(h) - moved(-h)) / (2 * h);
    });
    return { variable, size, sampled, values };
  });
  differencesByCase.set(one, found);
  return found;
}

function gradientCheck(
  name: string,
  one: OperationCase,
  results: Readonly<Record<string, Values>>,
): CheckResult {
  let worst = { error: 0, detail: "no input" };
  for (const { variable, size, sampled, values } of differencesOf(one)) {
    const gradient = results[gradientOutput(variable)];
    const got = gradient?.length === size ? sampled.map((i) => gradient[i]!) : undefined;
    const found = largestError(got, values);
    if (found.error >= worst.error) worst = { error: found.error, detail: `d ${variable}: ${found.detail}` };
  }
  return within(name, worst.error, GRADIENT_TOLERANCE, worst.detail);
}

/** The feeds with a NaN in an input, at the first place from its middle on where the twin shows it. */
function poison(
  one: OperationCase,
  feeds: Readonly<Record<string, Values>>,
  input: string,
): {
  readonly feeds: Readonly<Record<string, Values>>;
  readonly expected: readonly Plain[];
} {
  const { length } = feeds[input]!;
  const attempt = (place: number): ReturnType<typeof poison> => {
    const changed = { ...feeds, [input]: Float32Array.from(feeds[input]!).with(place, NaN) };
    const inputs = plainInputs(one, changed);
    return { feeds: changed, expected: one.twin(inputs, inputs) };
  };
  const middle = Math.floor(length / 2);
  for (let shift = 0; shift < length; shift++) {
    const tried = attempt((middle + shift) % length);
    if (
      tried.expected.some(({ data }, index) => one.choices?.[index] === undefined && data.some(Number.isNaN))
    )
      return tried;
  }
  return attempt(middle);
}

/** NaN in one element of each float input in turn: every output that the twin says is NaN must be NaN. */
async function nanCheck(
  name: string,
  one: OperationCase,
  feeds: Readonly<Record<string, Values>>,
  program: Program,
): Promise<CheckResult> {
  const hidden: string[] = [];
  let shown = 0;
  const floats = Object.keys(one.inputs).filter((input) => one.inputs[input]!.integers === undefined);
  for (const input of floats) {
    const { feeds: changed, expected: wanted } = poison(one, feeds, input);
    const results = await program.run(changed);
    wanted.forEach(({ data }, index) => {
      const got = results[outputName(index)];
      const range = one.choices?.[index];
      data.forEach((expected, i) => {
        const value = got?.[i];
        if (range !== undefined) {
          if (value === undefined || value < range[0] || value > range[1])
            hidden.push(`${input}: choice ${i} is ${value}, outside of ${range.join(" to ")}`);
        } else if (Number.isNaN(expected)) {
          shown++;
          if (!Number.isNaN(value)) hidden.push(`${input}: output ${i} is ${value}`);
        }
      });
    });
  }
  return within(
    name,
    hidden.length,
    0,
    hidden.length === 0
      ? `${shown} results of NaN are NaN`
      : `${hidden.length} results hide a NaN, the first of ${hidden[0]}`,
  );
}
