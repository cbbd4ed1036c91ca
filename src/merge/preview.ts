import { arccos } from "./arccos.js";
import { dot } from "./gram.js";
import { surveyOf } from "./merge.js";
import type { MergePlan, PlannedTensor } from "./plan.js";
import { difference, together, wholeRows } from "./values.js";

/** How the vectors that a merge puts together lie to each other, in a tensor or over several. */
export interface PreviewRow {
  /** Name of the tensor, or what is summed up, for example `layer 3`. */
  readonly name: string;
  /** Layer of the merged model; null outside the layers. */
  readonly layer: number | null;
  /** Part of a layer, for example `self_attn.q_proj`; null where several are summed up. */
  readonly part: string | null;
  readonly elements: number;
  /** Mean cosine over the pairs of vectors, in [-1, 1]; null for fewer than two, or where one is 0. */
  readonly cosine: number | null;
  /** Its angle in degrees. */
  readonly angle: number | null;
  /** Task vectors: their mean norm over the base's. Weights: the largest norm over the smallest. Null where that is 0. */
  readonly normRatio: number | null;
  /** Share of entries that are positive in one vector and negative in another, in [0, 1]; null for fewer than two. */
  readonly signConflict: number | null;
  /** Share of the entries of the vectors that the method keeps, in [0, 1]. */
  readonly kept: number;
}

/** A look at a merge before it is written. */
export interface MergePreview {
  /** What is compared: differences from the base, or the models themselves. */
  readonly vectors: "task vectors" | "weights";
  readonly tensors: readonly PreviewRow[];
  /** Each layer of the merged model, then what is outside the layers. */
  readonly layers: readonly PreviewRow[];
  /** The whole model. */
  readonly all: PreviewRow;
}

/** A cell of a heat map over layers and their parts. */
export interface HeatCell {
  readonly layer: number;
  readonly part: string;
  readonly value: number;
}

/** What is summed over tensors. */
interface Sums {
  readonly elements: number;
  /** Number of vectors. */
  readonly count: number;
  /** Inner products of the vectors. */
  readonly products: Float64Array;
  /** |b|^2. */
  readonly base: number;
  readonly conflicts: number;
  /** Entries that the method keeps, mean over the vectors. */
  readonly kept: number;
}

/** Compares the vectors that a plan merges, tensor by tensor, in one pass and those that its method needs for its choice. */
export function previewMerge(
  plan: MergePlan,
  progress: (done: number, total: number) => void = () => undefined,
): MergePreview {
  const { method } = plan.recipe;
  const survey = surveyOf(plan);
  const origin = method.baseIsEnd !== true && plan.tensors[0]!.base !== undefined;
  const measured = plan.tensors.map((tensor, index) => {
    progress(index, plan.tensors.length);
    const sums = sumsOf(tensor, origin, method.kept?.(tensor, survey()) ?? 1);
    return { tensor, sums };
  });
  progress(plan.tensors.length, plan.tensors.length);
  const row = (name: string, layer: number | null, part: string | null, sums: Sums): PreviewRow => ({
    name,
    layer,
    part,
    ...measures(sums, origin),
  });
  const some = (name: string, layer: number | null, chosen: typeof measured): PreviewRow[] =>
    chosen.length === 0 ? [] : [row(name, layer, null, chosen.map(({ sums }) => sums).reduce(addSums))];
  const layers = Array.from({ length: plan.config.layers }, (_, layer) =>
    some(
      `layer ${layer}`,
      layer,
      measured.filter(({ tensor }) => tensor.layer === layer),
    ),
  );
  const outside = some(
    "outside the layers",
    null,
    measured.filter(({ tensor }) => tensor.layer === undefined),
  );
  return {
    vectors: origin ? "task vectors" : "weights",
    tensors: measured.map(({ tensor: { name, layer }, sums }) =>
      row(name, layer ?? null, partOf(name), sums),
    ),
    layers: [...layers.flat(), ...outside],
    all: some("all", null, measured)[0]!,
  };
}

/** Cells of a heat map of one measure; tensors that have none are left out. */
export function heatCells(
  { tensors }: MergePreview,
  measure: "cosine" | "angle" | "normRatio" | "signConflict" | "kept",
): HeatCell[] {
  return tensors.flatMap(({ layer, part, [measure]: value }) =>
    layer === null || part === null || value === null ? [] : [{ layer, part, value }],
  );
}

/** `model.layers.3.mlp.up_proj.weight` -> `mlp.up_proj`. */
function partOf(name: string): string {
  return name.replace(/^model\.(layers\.\d+\.)?/, "").replace(/\.weight$/, "");
}

function sumsOf({ base, inputs, shape, size }: PlannedTensor, origin: boolean, kept: number): Sums {
  const values = inputs.map((input) => input.values);
  const own = base !== undefined && !origin ? [base, ...values] : values;
  const n = own.length;
  const length = wholeRows(shape);
  const buffers = origin ? own.map(() => new Float32Array(Math.min(length, size))) : [];
  const products = new Float64Array(n * n);
  let [squares, conflicts] = [0, 0];
  for (const blocks of together(origin ? [...own, base!] : own, length)) {
    const b = origin ? blocks[n]! : undefined;
    const x = own.map((_, i) => (b === undefined ? blocks[i]! : difference(blocks[i]!, b, buffers[i]!)));
    for (let i = 0; i < n; i++) {
      for (let j = i; j < n; j++) products[i * n + j]! += dot(x[i]!, x[j]!, 0, x[i]!.length);
    }
    if (b !== undefined) squares += dot(b, b, 0, b.length);
    conflicts += countConflicts(x);
  }
  return { elements: size, count: n, products, base: squares, conflicts, kept: kept * size };
}

function countConflicts(vectors: readonly Float32Array[]): number {
  const size = vectors[0]!.length;
  let conflicts = 0;
  for (let i = 0; i < size; i++) {
    let [plus, minus] = [false, false];
    for (let k = 0; k < vectors.length; k++) {
      const value = vectors[k]![i]!;
      if (value > 0) plus = true;
      else if (value < 0) minus = true;
    }
    if (plus && minus) conflicts++;
  }
  return conflicts;
}

/** Slices of different numbers of models have no vectors in common: only their entries are counted. */
function addSums(a: Sums, b: Sums): Sums {
  const alike = a.count === b.count;
  return {
    elements: a.elements + b.elements,
    count: alike ? a.count : 1,
    products: alike ? a.products.map((product, index) => product + b.products[index]!) : new Float64Array(1),
    base: a.base + b.base,
    conflicts: a.conflicts + b.conflicts,
    kept: a.kept + b.kept,
  };
}

function measures(
  { elements, count: n, products, base, conflicts, kept }: Sums,
  origin: boolean,
): Omit<PreviewRow, "name" | "layer" | "part"> {
  const norms = Array.from({ length: n }, (_, i) => Math.sqrt(products[i * n + i]!));
  const cosines = norms.flatMap((a, i) =>
    norms.slice(i + 1).map((b, rest) => products[i * n + i + 1 + rest]! / (a * b)),
  );
  const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  const cosine = cosines.length === 0 || norms.includes(0) ? null : mean(cosines);
  const ratio = origin ? mean(norms) / Math.sqrt(base) : Math.max(...norms) / Math.min(...norms);
  return {
    elements,
    cosine,
    angle: cosine === null ? null : (arccos(cosine) * 180) / Math.PI,
    normRatio: (n > 1 || origin) && Number.isFinite(ratio) ? ratio : null,
    signConflict: n > 1 ? conflicts / elements : null,
    kept: kept / elements,
  };
}
