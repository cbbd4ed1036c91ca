/** A MIME bundle: values by MIME type; JSON types hold objects, all others text (images in base64). */
export type Bundle = Readonly<Record<string, unknown>>;

/** How a bundle is shown. */
export interface DisplayOptions {
  /** Names the display, so that it can be changed later. */
  readonly id?: string;
  /** Changes the display of this id instead of adding one. */
  readonly update?: boolean;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** What rewritten cells and this module call; the kernel sets it. */
export interface CellRuntime {
  /** Runs a magic and returns its result. */
  run<Result>(magic: string, args: string, body?: string): Promise<Result>;
  /** Runs a magic that stands alone as a statement. */
  show(magic: string, args: string, body?: string): Promise<void>;
  /** Opens help on a magic or a name in the pager. */
  help(name: string): Promise<void>;
  display(bundle: Bundle, options?: DisplayOptions): void;
  clearOutput(wait: boolean): void;
}

declare global {
  var __lawbook__: CellRuntime;
}

/** Shows a MIME bundle under the running cell. */
export function display(bundle: Bundle, options: DisplayOptions = {}): void {
  globalThis.__lawbook__.display(bundle, options);
}

/** Removes the outputs of the running cell; with `wait` only when the next output comes. */
export function clearOutput(wait: boolean = false): void {
  globalThis.__lawbook__.clearOutput(wait);
}
