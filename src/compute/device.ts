import { LawbookError } from "../core/errors.js";
import { product } from "../core/math.js";
import type { Graph, Tensor, Values } from "./graph.js";

/** How far the bytes of a result can be trusted: on every machine, on this machine, or within a tolerance. */
export type Determinism = "everywhere" | "this-machine" | "tolerance";

/** Values by input or output name. */
export type Feeds = Readonly<Record<string, Values>>;

/** A compiled graph with its carried state. One program is live at a time per process: idle ones slow the live one. */
export interface Program {
  /** sha256 of the ONNX bytes. */
  readonly graphSha256: string;
  /** Sets inputs for all runs to come. Carried ones are copied; the values of others must not change afterwards. */
  load(state: Feeds): void;
  /** Runs once; carried outputs become the next run's inputs and are not returned. */
  run(inputs: Feeds): Promise<Record<string, Values>>;
  /** Copies of the carried values. */
  state(): Promise<Record<string, Float32Array>>;
  dispose(): Promise<void>;
}

/** Values for an input of this name. Throws where their number is not that of its shape. */
export function checkValues<Given extends Values>(name: string, { shape }: Tensor, values: Given): Given {
  if (values.length === product(shape)) return values;
  throw new LawbookError(
    "internal",
    `Input ${name} has ${values.length} values, expected ${product(shape)} for [${shape}].`,
  );
}

/** Options of a compilation. */
export interface CompileOptions {
  /** Threads of one program, at least 1. Never changes a byte on the reference device. */
  readonly threads?: number;
}

/** Something that runs graphs. */
export interface Device {
  readonly name: string;
  readonly determinism: Determinism;
  compile(graph: Graph, options?: CompileOptions): Promise<Program>;
}
