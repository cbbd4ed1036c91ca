/**
 * The border of the k largest magnitudes: all entries above `bits` belong to them, and the first `equal` entries, in
 * order, of exactly that magnitude.
 */
export interface Cut {
  /** Magnitude as the bits of a float32 without its sign: they order as magnitudes do. */
  readonly bits: number;
  readonly equal: number;
}

const MAGNITUDE = 0x7fffffff;
const LOW_BITS = 15;
const LOW = (1 << LOW_BITS) - 1;

/**
 * Finds exact borders of the largest magnitudes without sorting: counts by the upper 16 bits of the magnitude, then, only
 * in the bins where the borders fall, by the lower 15. Two passes over the data and 256 kB, whatever their length.
 * `counts`: given the number of entries that are not 0 and of all entries, how many are the largest, for each border.
 * Source: radix selection, Knuth 1998, section 5.2.5.
 */
export function largestMagnitudes(
  blocks: () => Iterable<Float32Array>,
  counts: (nonzero: number, size: number) => readonly number[],
): Cut[] {
  const coarse = new Uint32Array(1 << 16);
  let zeros = 0;
  let size = 0;
  for (const block of blocks()) {
    const bits = new Int32Array(block.buffer, block.byteOffset, block.length);
    for (let i = 0; i < bits.length; i++) {
      const magnitude = bits[i]! & MAGNITUDE;
      if (magnitude === 0) zeros++;
      coarse[magnitude >>> LOW_BITS]!++;
    }
    size += bits.length;
  }
  const borders = counts(size - zeros, size).map((wanted) => binOf(coarse, wanted));
  const fine = new Map(borders.map(({ bin }) => [bin, new Uint32Array(1 << LOW_BITS)]));
  fine.delete(NONE);
  const [[only, own] = [NONE, undefined], second] = [...fine];
  for (const block of fine.size === 0 ? [] : blocks()) {
    const bits = new Int32Array(block.buffer, block.byteOffset, block.length);
    if (second === undefined) {
      for (let i = 0; i < bits.length; i++) {
        const magnitude = bits[i]! & MAGNITUDE;
        if (magnitude >>> LOW_BITS === only) own![magnitude & LOW]!++;
      }
    } else {
      for (let i = 0; i < bits.length; i++) {
        const magnitude = bits[i]! & MAGNITUDE;
        const into = fine.get(magnitude >>> LOW_BITS);
        if (into !== undefined) into[magnitude & LOW]!++;
      }
    }
  }
  return borders.map(({ bin, rest }): Cut => {
    if (bin === NONE) return { bits: MAGNITUDE, equal: 0 };
    const within = binOf(fine.get(bin)!, rest);
    return { bits: (bin << LOW_BITS) | within.bin, equal: within.rest };
  });
}

const NONE = -1;

/** The bin in which the `wanted` largest end, and how many of it belong to them; none are wanted: no bin. */
function binOf(counts: Uint32Array, wanted: number): { readonly bin: number; readonly rest: number } {
  if (wanted <= 0) return { bin: NONE, rest: 0 };
  let rest = wanted;
  let bin = counts.length - 1;
  for (; bin > 0 && counts[bin]! < rest; bin--) rest -= counts[bin]!;
  return { bin, rest: Math.min(rest, counts[bin]!) };
}

/** Sets all entries to 0 that do not belong to the largest; blocks must come in order. */
export function keepLargest({ bits: border, equal }: Cut): (block: Float32Array) => void {
  let left = equal;
  return (block) => {
    const bits = new Int32Array(block.buffer, block.byteOffset, block.length);
    for (let i = 0; i < bits.length; i++) {
      const magnitude = bits[i]! & MAGNITUDE;
      if (magnitude > border) continue;
      if (magnitude < border || left === 0) bits[i] = 0;
      else left--;
    }
  };
}

/** Sets all entries to 0 that belong to the largest; blocks must come in order. */
export function dropLargest({ bits: border, equal }: Cut): (block: Float32Array) => void {
  let left = equal;
  return (block) => {
    const bits = new Int32Array(block.buffer, block.byteOffset, block.length);
    for (let i = 0; i < bits.length; i++) {
      const magnitude = bits[i]! & MAGNITUDE;
      if (magnitude < border) continue;
      if (magnitude > border) bits[i] = 0;
      else if (left > 0) {
        bits[i] = 0;
        left--;
      }
    }
  };
}
