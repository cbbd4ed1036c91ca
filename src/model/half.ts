/** Bits of a float32 from which a float16 rounds to infinity: 65,520, half-way between 65,504 and 2^16. */
const HALF_OVERFLOW = 0x477ff000;
/** Bits of 2^-14, the smallest normal float16. */
const HALF_NORMAL = 0x38800000;
/** Bits of 2^-25, half of the smallest float16; it and all below round to zero. */
const HALF_ZERO = 0x33000000;
const INFINITY = 0x7f800000;

/**
 * float16 to float32, exactly: subnormals, infinities and the payload of a NaN included.
 * Symbols: sign s, exponent e, fraction f. (-1)^s 2^(e-15) (1 + f/1024); e = 0: (-1)^s 2^-14 f/1024; e = 31: infinity
 * or NaN. Shapes: words [n] -> into [n]. Source: IEEE 754-2019, binary16.
 */
export function halvesToFloats(words: Uint16Array, into: Float32Array): void {
  const bits = bitsOf(into);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const sign = (word & 0x8000) << 16;
    const exponent = (word >> 10) & 0x1f;
    const fraction = word & 0x3ff;
    if (exponent === 31) bits[i] = sign | INFINITY | (fraction << 13);
    else if (exponent > 0) bits[i] = sign | ((exponent + 112) << 23) | (fraction << 13);
    else if (fraction === 0) bits[i] = sign;
    else {
      const shift = Math.clz32(fraction) - 21;
      bits[i] = sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
    }
  }
}

/**
 * float32 to float16, to the nearest, ties to even; subnormals too. A NaN stays one, made quiet.
 * Returns the index of the first finite value that became infinite (from 65,520 in magnitude), or -1.
 * Shapes: values [n] -> into [n]. Source: IEEE 754-2019, 4.3.1.
 */
export function floatsToHalves(values: Float32Array, into: Uint16Array): number {
  const bits = bitsOf(values);
  let overflow = -1;
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    const sign = (word >>> 16) & 0x8000;
    const size = word & 0x7fffffff;
    if (size > INFINITY) into[i] = sign | 0x7e00 | ((size >>> 13) & 0x3ff);
    else if (size >= HALF_OVERFLOW) {
      into[i] = sign | 0x7c00;
      if (size < INFINITY && overflow < 0) overflow = i;
    } else if (size >= HALF_NORMAL) {
      into[i] = sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
    } else if (size <= HALF_ZERO) into[i] = sign;
    else {
      const shift = 126 - (size >>> 23);
      const fraction = (size & 0x7fffff) | 0x800000;
      const kept = fraction >>> shift;
      const rest = fraction & ((1 << shift) - 1);
      const middle = 1 << (shift - 1);
      into[i] = sign | (kept + (rest > middle || (rest === middle && (kept & 1) === 1) ? 1 : 0));
    }
  }
  return overflow;
}

/**
 * bfloat16 to float32, exactly: its 16 bits are the upper half of a float32.
 * Shapes: words [n] -> into [n]. Source: Kalamkar et al. 2019, section 3.
 */
export function brainsToFloats(words: Uint16Array, into: Float32Array): void {
  const bits = bitsOf(into);
  for (let i = 0; i < words.length; i++) bits[i] = words[i]! << 16;
}

/**
 * float32 to bfloat16, to the nearest, ties to even; subnormals too. A NaN stays one, made quiet.
 * Returns the index of the first finite value that became infinite, or -1.
 * Shapes: values [n] -> into [n]. Source: Kalamkar et al. 2019, section 3; rounding as IEEE 754-2019, 4.3.1.
 */
export function floatsToBrains(values: Float32Array, into: Uint16Array): number {
  const bits = bitsOf(values);
  let overflow = -1;
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    const size = word & 0x7fffffff;
    if (size > INFINITY) into[i] = (word >>> 16) | 0x40;
    else {
      const rounded = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
      into[i] = rounded;
      if ((rounded & 0x7fff) === 0x7f80 && size < INFINITY && overflow < 0) overflow = i;
    }
  }
  return overflow;
}

/** The same memory as 32-bit words: a NaN that passes through a JavaScript number may lose its payload. */
function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
