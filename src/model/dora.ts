import type { Weight, Weights } from "./safetensors.js";

/** Name of the magnitudes of a layer, as PEFT stores them: without `.weight`. */
export function magnitudeName(layer: string): string {
  return `${layer}.lora_magnitude_vector`;
}

/** Euclidean norms of the rows of a matrix, in float64, rounded once: the magnitudes at the start, where B = 0. */
export function rowNorms({ shape, data }: Weight): Weight {
  const [rows, width] = shape as [number, number];
  const norms = Float32Array.from({ length: rows }, (_, row) => rowNorm(data.subarray(row * width), width));
  return { shape: [rows], data: norms };
}

/**
 * Scales the rows of V = W + s B A to their magnitudes: W' = m V / |V| by rows, in place.
 * v [out, in] in float64. Does nothing for a layer without magnitudes.
 */
export function applyMagnitudes(v: Float64Array, width: number, adapter: Weights, layer: string): void {
  const magnitudes = adapter.get(magnitudeName(layer));
  magnitudes?.data.forEach((magnitude, row) => {
    const values = v.subarray(row * width, (row + 1) * width);
    const ratio = magnitude / rowNorm(values, width);
    values.forEach((value, column) => (values[column] = value * ratio));
  });
}

function rowNorm(values: Float32Array | Float64Array, width: number): number {
  let squares = 0;
  for (let column = 0; column < width; column++) squares += values[column]! * values[column]!;
  return Math.sqrt(squares);
}
