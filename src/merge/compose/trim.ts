/**
 * Keeps the floor(density n) entries of largest |x| of each tensor and sets the others to 0; of equals the earlier stay.
 * `density` in (0, 1]. Source: Yadav et al. 2023 (TIES), step 1; PEFT's `magnitude_based_pruning`.
 */
export function trim(tensor: ArrayLike<number>, density: number): Float64Array {
  const values = Float64Array.from(tensor);
  if (density >= 1) return values;
  const kept = Math.floor(density * values.length);
  const order = Uint32Array.from(values.keys());
  order.sort((i, j) => Math.abs(values[j]!) - Math.abs(values[i]!) || i - j);
  for (const at of order.subarray(kept)) values[at] = 0;
  return values;
}
