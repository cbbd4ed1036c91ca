import { dot, principalDirections } from "./principal.js";
import type { SentenceTable } from "./sentence-table.js";

/** Numbers per fact. */
export const DIMENSIONS = 32;

/**
 * Embeds texts, centres them, keeps the leading principal directions, scales each vector to length 1 and stores its
 * components as round(127 x). One set of directions for all texts, so that vectors of different groups compare.
 */
export function embedTexts(table: SentenceTable, texts: readonly string[]): Int8Array[] {
  const vectors = texts.map((text) => table.embed(text));
  const mean = new Float64Array(table.dimensions);
  for (const vector of vectors) for (let i = 0; i < mean.length; i++) mean[i]! += vector[i]! / vectors.length;
  const centred = vectors.map((vector) => vector.map((value, i) => value - mean[i]!));
  const directions = principalDirections(centred, DIMENSIONS);
  return centred.map((vector) => {
    const projected = Float64Array.from(directions, (direction) => dot(direction, vector));
    const length = Math.sqrt(dot(projected, projected));
    return Int8Array.from(projected, (value) => (length === 0 ? 0 : Math.round((127 * value) / length)));
  });
}

/** The file of one discipline: rows and dimensions as little-endian uint32, then int8 values row by row. */
export function embeddingFile(vectors: readonly Int8Array[]): Uint8Array {
  const bytes = new Uint8Array(8 + vectors.length * DIMENSIONS);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, vectors.length, true);
  view.setUint32(4, DIMENSIONS, true);
  vectors.forEach((vector, row) => bytes.set(new Uint8Array(vector.buffer), 8 + row * DIMENSIONS));
  return bytes;
}
