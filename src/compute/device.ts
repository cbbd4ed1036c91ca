import type { Graph, Values } from "./graph.js";

/** How far the bytes of a result can be trusted: on every machine, on this machine, or within a tolerance. */
export type Determinism = "everywhere" | "this-machine" | "tolerance";

/** Values by input or output name. */
export type Feeds = Readonly<Record<string, Values>>;

/** A compiled graph with its carried state. One program is live at a time per process: idle ones slow the live one. */
export interface Program {
  /** sha256 of the ONNX bytes. */
  readonly graphSha256: string;
  /** Sets carried inputs. */
  load(state: Feeds): void;
  /** Runs once; carried outputs become the next run's inputs and are not returned. */
  run(inputs: Feeds): Promise<Record<string, Values>>;
  /** Copies of the carried values. */
  state(): Promise<Record<string, Float32Array>>;
  dispose(): Promise<void>;
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
