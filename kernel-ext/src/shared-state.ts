/** Cells of the memory that the main thread and the control thread share. */
export const Slot = {
  /** Counts turns of the main thread's event loop; stands still while JavaScript blocks it. */
  tick: 0,
  /** Odd while a cell is being executed; raised at its start and at its end. */
  epoch: 1,
  /** What the cell is doing, one of `Phase`. */
  phase: 2,
  /** The epoch whose cell somebody wants to stop. */
  wanted: 3,
  /** Magics that run in the cell; they stop by themselves and may block for a while. */
  magics: 4,
} as const;

/**
 * What the main thread is doing with a cell. The control thread makes `ending` of `running` before it terminates the
 * synchronous part, which then waits for that at its end: a termination that came later would hit the kernel itself.
 */
export const Phase = { idle: 0, compiling: 1, running: 2, waiting: 3, ending: 4 } as const;

/** The shared cells as 32-bit integers. */
export type SharedState = Int32Array;

/** Fresh shared cells, all zero. */
export function createSharedState(): SharedState {
  return new Int32Array(new SharedArrayBuffer(4 * Object.keys(Slot).length));
}

/** What the control thread is given at its start. */
export interface ControlData {
  readonly connection: import("lawbook/dist/jupyter/index.js").Connection;
  readonly session: string;
  readonly state: SharedState;
  readonly info: Readonly<Record<string, unknown>>;
  /** Process to die with; undefined where the kernel was started by hand. */
  readonly parent: number | undefined;
}

/** What the control thread tells the main thread. */
export type ControlMessage =
  | { readonly kind: "bound" }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "interrupt"; readonly epoch: number }
  | { readonly kind: "terminated"; readonly epoch: number }
  | { readonly kind: "shutdown"; readonly restart: boolean }
  | { readonly kind: "closed" };
