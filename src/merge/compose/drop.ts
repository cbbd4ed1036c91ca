/** Values of 32 random bits. */
const RANGE = 4294967296;

/**
 * Drops entries at random and rescales: x m / density with m = 1 at probability `density`, else 0, so that the
 * expectation is x. `density` in (0, 1]; `draw` gives 32 random bits a call.
 * Source: Yu et al. 2024 (DARE), with density = 1 - p.
 */
export function drop(tensor: ArrayLike<number>, density: number, draw: () => number): Float64Array {
  const limit = density * RANGE;
  return Float64Array.from(tensor, (value) => (draw() >>> 0 < limit ? value / density : 0));
}
