import { flag, type Input, numberOf, type ParameterSpec, type TensorTask, WEIGHT } from "./method.js";
import { difference, together, type Values, wholeRows } from "./values.js";

/** A choice of entries of one task vector: opened once a pass, it sets the others to 0, block by block, in order. */
export interface Sparsity {
  readonly open: () => (block: Float32Array) => void;
  /** Factor for what is left. */
  readonly scale: number;
}

/** Chooses entries of the task vector of input `index`; undefined: all of them, as they are. */
export type Sparsify = (task: TensorTask, index: number) => Sparsity | undefined;

/** The task vector of an input, delta = x - base in float32, in blocks of whole rows. */
export function* taskVector(task: TensorTask, index: number): Generator<Float32Array, void, undefined> {
  for (const [delta] of taskVectors({ ...task, inputs: [task.inputs[index]!] })) yield delta!;
}

/** The task vectors of all inputs, in step. */
export function* taskVectors({
  base,
  inputs,
  shape,
  size,
}: TensorTask): Generator<readonly Float32Array[], void, undefined> {
  const length = wholeRows(shape);
  const buffers = inputs.map(() => new Float32Array(Math.min(length, size)));
  for (const [b, ...x] of together([base!, ...inputs.map(({ values }) => values)], length)) {
    yield buffers.map((buffer, index) => difference(x[index]!, b!, buffer));
  }
}

/**
 * Sum of weighted task vectors.
 * Equation: y = b + lambda (sum_i w_i m_i(x_i - b)) / d, d = sum_i w_i with `normalize` (1 where |d| < 1e-8), else 1.
 * Symbols: b base, x_i models, m_i sparsity and its factor, w_i weights. Shapes: b, x_i [shape] -> y [shape].
 * Source: Ilharco et al. 2023, section 2; normalisation as mergekit.
 */
export function* sumTaskVectors(
  task: TensorTask,
  sparsify: Sparsify,
): Generator<Float32Array, void, undefined> {
  const weights = task.inputs.map(({ settings }) => numberOf(settings, "weight"));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const divisor = task.settings["normalize"] === true && Math.abs(sum) >= 1e-8 ? sum : 1;
  const lambda = numberOf(task.settings, "lambda") / divisor;
  const { tensors, into, total, passes } = openPasses(task, sparsify);
  for (const blocks of together(tensors, wholeRows(task.shape))) {
    const [base] = blocks as readonly [Float32Array];
    const size = base.length;
    total.set(base);
    for (const [k, { delta, choose, scale }] of passes.entries()) {
      const own = difference(blocks[k + 1]!, base, delta);
      choose?.(own);
      const factor = lambda * weights[k]! * scale;
      for (let i = 0; i < size; i++) total[i]! += factor * own[i]!;
    }
    const y = into.subarray(0, size);
    for (let i = 0; i < size; i++) y[i] = total[i]!;
    yield y;
  }
}

/** How an elected sign comes about, and by what the agreeing entries are divided. */
export interface Election {
  /** Do weights count in the vote? */
  readonly weighted: boolean;
  /** Sum of the agreeing weights, number of the agreeing entries, or nothing. */
  readonly divisor: "weights" | "count" | "none";
}

/**
 * Disjoint merge of task vectors after an election of signs.
 * Equation: s = +1 where sum_i v_i >= 0, else -1; A = {i : sign(t_i) = s}; y = b + lambda (sum_{i in A} w_i t_i) / d,
 * with v_i = w_i t_i or t_i, and d = sum_{i in A} w_i (1 where it is 0), |A| (at least 1), or 1.
 * Symbols: t_i = m_i(x_i - b) task vectors after their sparsity; with a weighted vote sign(w_i t_i) stands for sign(t_i).
 * Shapes: b, x_i [shape] -> y [shape]. Source: Yadav et al. 2023, section 4.
 */
export function* electTaskVectors(
  task: TensorTask,
  sparsify: Sparsify,
  { weighted, divisor }: Election,
  weights: readonly number[] = task.inputs.map(({ settings }) => numberOf(settings, "weight")),
): Generator<Float32Array, void, undefined> {
  const lambda = numberOf(task.settings, "lambda");
  const { tensors, into, total, passes } = openPasses(task, sparsify);
  const mixed = new Float64Array(into.length);
  const parts = new Float64Array(into.length);
  const voters = new Int32Array(into.length);
  for (const blocks of together(tensors, wholeRows(task.shape))) {
    const [base] = blocks as readonly [Float32Array];
    const size = base.length;
    total.fill(0);
    for (const [k, { delta, choose, scale }] of passes.entries()) {
      const own = difference(blocks[k + 1]!, base, delta);
      choose?.(own);
      const factor = scale * (weighted ? weights[k]! : 1);
      for (let i = 0; i < size; i++) total[i]! += factor * own[i]!;
    }
    mixed.fill(0);
    parts.fill(0);
    voters.fill(0);
    for (const [k, { delta, scale }] of passes.entries()) {
      const weight = weights[k]!;
      if (weighted && weight === 0) continue; // its vote is 0, which agrees with nothing
      const part = divisor === "weights" ? weight : 1;
      keepAgreeing(delta.subarray(0, size), total, weighted && weight < 0, part, parts, voters);
      const factor = scale * weight;
      for (let i = 0; i < size; i++) mixed[i]! += factor * delta[i]!;
    }
    const y = into.subarray(0, size);
    if (divisor === "none") for (let i = 0; i < size; i++) y[i] = base[i]! + lambda * mixed[i]!;
    else {
      for (let i = 0; i < size; i++) {
        const d = parts[i]! - ~voters[i]!; // 1 where nobody agrees, without a branch that is guessed wrong
        y[i] = base[i]! + (lambda * mixed[i]!) / (d === 0 ? 1 : d);
      }
    }
    yield y;
  }
}

/**
 * Sets entries to 0 whose sign (`turned` where the weight is negative) is not that of the vote; where it is, adds `part` to
 * `parts` and sets all bits of `voters`. On the bits, since signs are as good as random and a branch for each would be
 * guessed wrong half of the time.
 */
function keepAgreeing(
  delta: Float32Array,
  votes: Float64Array,
  turned: boolean,
  part: number,
  parts: Float64Array,
  voters: Int32Array,
): void {
  const bits = new Int32Array(delta.buffer, delta.byteOffset, delta.length);
  const halves = new Int32Array(votes.buffer, votes.byteOffset, 2 * votes.length);
  const turn = turned ? -1 : 0;
  for (let i = 0; i < bits.length; i++) {
    const own = bits[i]!;
    const sign = halves[2 * i + 1]!; // of the upper half of a float64
    // All ones where the signs agree and the entry is not 0, else 0.
    const agrees = ~((own ^ turn ^ sign) >> 31) & (-(own & 0x7fffffff) >> 31);
    bits[i] = own & agrees;
    voters[i]! |= agrees;
    parts[i]! -= part * agrees;
  }
}

interface Pass {
  /** Holds the block of the task vector. */
  readonly delta: Float32Array;
  readonly choose: ((block: Float32Array) => void) | undefined;
  readonly scale: number;
}

interface Passes {
  /** The base and the inputs. */
  readonly tensors: readonly Values[];
  readonly into: Float32Array;
  readonly total: Float64Array;
  readonly passes: readonly Pass[];
}

function openPasses(task: TensorTask, sparsify: Sparsify): Passes {
  const size = Math.min(wholeRows(task.shape), task.size);
  const passes = task.inputs.map((_, index): Pass => {
    const sparsity = sparsify(task, index);
    return { delta: new Float32Array(size), choose: sparsity?.open(), scale: sparsity?.scale ?? 1 };
  });
  const tensors = [task.base!, ...task.inputs.map(({ values }) => values)];
  return { tensors, into: new Float32Array(size), total: new Float64Array(size), passes };
}

/**
 * Gives what is left of a task vector its former L1 norm: factor |delta|_1 / |m(delta)|_1, 1 where either is below 1e-7.
 * Source: mergekit's `rescale`.
 */
export function withL1Norm(task: TensorTask, index: number, open: Sparsity["open"]): Sparsity {
  const choose = open();
  let [before, after] = [0, 0];
  for (const block of taskVector(task, index)) {
    before += sumOfMagnitudes(block);
    choose(block);
    after += sumOfMagnitudes(block);
  }
  return { open, scale: before < 1e-7 || after < 1e-7 ? 1 : before / after };
}

function sumOfMagnitudes(block: Float32Array): number {
  let [even, odd] = [0, 0];
  const pairs = block.length & ~1;
  for (let i = 0; i < pairs; i += 2) {
    even += Math.abs(block[i]!);
    odd += Math.abs(block[i + 1]!);
  }
  if (pairs < block.length) odd += Math.abs(block[pairs]!);
  return even + odd;
}

/** Share of the entries of task vectors that a sparsity leaves, mean over the inputs; entries that were 0 count as kept. */
export function keptShare(task: TensorTask, sparsify: Sparsify): number {
  const shares = task.inputs.map((_, index) => {
    const choose = sparsify(task, index)?.open();
    if (choose === undefined) return 1;
    let dropped = 0;
    for (const block of taskVector(task, index)) {
      const before = countNonzero(block);
      choose(block);
      dropped += before - countNonzero(block);
    }
    return 1 - dropped / task.size;
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

function countNonzero(block: Float32Array): number {
  let count = 0;
  for (let i = 0; i < block.length; i++) if (block[i] !== 0) count++;
  return count;
}

/** Nothing is added to the base: its tensor is the merged one. */
export function baseUnchanged({ base, inputs, settings }: TensorTask): Values | undefined {
  const nothing = settings["lambda"] === 0 || inputs.every(({ settings: own }: Input) => own["weight"] === 0);
  return nothing ? base : undefined;
}

/** What mergekit keeps in memory, and we do not. */
export const INT8_MASK: ParameterSpec = {
  ...flag("int8_mask", false, "element type of masks in mergekit"),
  idle: "it saves memory in mergekit; here masks take none",
};

/** Parameters of all methods on task vectors. */
export function taskVectorParameters(normalize: boolean): ParameterSpec[] {
  return [
    { ...WEIGHT, description: "weight of the model's task vector" },
    {
      name: "lambda",
      kind: "number",
      scope: "merge",
      default: 1,
      description: "factor for the merged task vector",
    },
    flag("normalize", normalize, "divide by the sum of the weights"),
    INT8_MASK,
  ];
}

/** Kept share of a task vector. */
export const DENSITY: ParameterSpec = {
  name: "density",
  kind: "number",
  scope: "model",
  default: 1,
  range: { least: 0, aboveLeast: true, most: 1 },
  description: "share of the task vector that is kept",
};
