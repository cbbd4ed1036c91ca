import type { Fields, Message } from "lawbook/dist/jupyter/index.js";

import type { CellError } from "./present.js";

/** One request to run a cell. */
export interface CellRequest {
  readonly message: Message;
  readonly code: string;
  readonly silent: boolean;
  readonly storeHistory: boolean;
  /** May the cell ask the person? */
  readonly allowStdin: boolean;
  /** Expressions evaluated after the cell, by name. */
  readonly userExpressions: Readonly<Record<string, unknown>>;
}

/** What became of it. */
export interface CellResult {
  readonly count: number;
  readonly error: CellError | undefined;
  /** Pages for the pager. */
  readonly payload: readonly Readonly<Record<string, unknown>>[];
  readonly userExpressions: Fields;
}
