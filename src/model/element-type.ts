import { LawbookError, mismatch } from "../core/errors.js";
import { brainsToFloats, floatsToBrains, floatsToHalves, halvesToFloats } from "./half.js";

/** Element types of safetensors files that can be read. */
export type StoredType = "F64" | "F32" | "F16" | "BF16";

/** Element types that can be written from float32 values. */
export type WrittenType = Exclude<StoredType, "F64">;

/** Names of the element types that can be written, as in a model's `config.json`. */
export type Dtype = "float32" | "bfloat16" | "float16";

/** All names of `Dtype`. */
export const DTYPES: readonly Dtype[] = ["float32", "bfloat16", "float16"];

/** Bytes of one element. */
export const ELEMENT_BYTES: Readonly<Record<StoredType, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2 };

/** The name that safetensors has for an element type. */
export function writtenType(dtype: Dtype): WrittenType {
  return ({ float32: "F32", bfloat16: "BF16", float16: "F16" } as const)[dtype];
}

/** Is it an element type that can be read? */
export function isStoredType(value: unknown): value is StoredType {
  return typeof value === "string" && Object.hasOwn(ELEMENT_BYTES, value);
}

/**
 * Turns stored elements into float32: exactly, but for F64, which rounds to the nearest. `bytes` must start at a
 * multiple of the element's size in its buffer. Shapes: bytes [n * size] -> into [n].
 */
export function decodeElements(bytes: Uint8Array, type: StoredType, into: Float32Array): void {
  const count = bytes.length / ELEMENT_BYTES[type];
  if (type === "F32") new Uint8Array(into.buffer, into.byteOffset, bytes.length).set(bytes);
  else if (type === "F64") into.set(new Float64Array(bytes.buffer, bytes.byteOffset, count));
  else {
    const words = new Uint16Array(bytes.buffer, bytes.byteOffset, count);
    if (type === "F16") halvesToFloats(words, into);
    else brainsToFloats(words, into);
  }
}

/** Elements that are converted at once, so that a large tensor is not in memory twice. */
const TOGETHER = 1 << 20;

/**
 * Turns float32 values into stored bytes, piece by piece, to the nearest, ties to even; a piece is valid until the next
 * one is asked for. Throws where a finite value becomes infinite, naming the tensor, unless `allowOverflow`.
 * `first`: place of the first value in the tensor.
 */
export function* encodeElements(
  name: string,
  values: Float32Array,
  first: number,
  type: WrittenType,
  allowOverflow: boolean,
): Generator<Uint8Array, void, undefined> {
  if (type === "F32") {
    yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return;
  }
  const words = new Uint16Array(Math.min(TOGETHER, values.length));
  for (let start = 0; start < values.length; start += TOGETHER) {
    const part = values.subarray(start, start + TOGETHER);
    const overflow = type === "F16" ? floatsToHalves(part, words) : floatsToBrains(part, words);
    if (overflow >= 0 && !allowOverflow) {
      const at = first + start + overflow;
      throw new LawbookError(
        "request",
        mismatch(
          `${name} has a value that ${type === "F16" ? "float16" : "bfloat16"} cannot hold, at ${at}`,
          part[overflow],
          type === "F16" ? "a magnitude below 65520" : "a magnitude below 3.3961e38",
        ),
        { hint: `Write it as ${type === "F16" ? "bfloat16 or float32" : "float32"}.`, data: { name, at } },
      );
    }
    yield new Uint8Array(words.buffer, 0, part.length * 2);
  }
}
