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

/** What travels through a comm. */
export interface CommMessage {
  readonly data: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly buffers: readonly Uint8Array[];
}

/** What may stand beside the data of a comm message. */
export interface CommExtras {
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly buffers?: readonly Uint8Array[];
}

/** A two-way channel between cells and the front end. */
export interface Comm {
  readonly id: string;
  /** Name by which the other side knows what the channel is for. */
  readonly target: string;
  readonly isOpen: boolean;
  /** Sends to the front end. */
  send(data: Readonly<Record<string, unknown>>, extras?: CommExtras): void;
  /** Closes the channel on both sides. */
  close(data?: Readonly<Record<string, unknown>>, extras?: CommExtras): void;
  /** Hears every message of the front end. */
  onMessage(handler: (message: CommMessage) => unknown): void;
  /** Hears that the front end closed the channel. */
  onClose(handler: (message: CommMessage) => unknown): void;
}

/** The channels between cells and the front end. */
export interface Comms {
  /** Opens a channel to a target of the front end, for example `jupyter.widget`. */
  open(target: string, data?: Readonly<Record<string, unknown>>, extras?: CommExtras): Comm;
  /** Lets the front end open channels to a target; `handler` gets each of them. */
  register(target: string, handler: (comm: Comm, message: CommMessage) => unknown): void;
  /** Takes a target back. */
  unregister(target: string): void;
}

/** A child process of the kernel, for example one that trains. */
export interface ChildInfo {
  readonly pid: number;
  /** Its command line. */
  readonly command: string;
}

/** One flag of a magic, written `--name`. */
export interface MagicFlag {
  readonly name: string;
  readonly kind: "boolean" | "string" | "number";
  readonly description: string;
  /** What stands after the flag in help, for example `DIR`. */
  readonly placeholder?: string;
  /** Closed list of values, for validation and completion. */
  readonly values?: readonly string[];
}

/** One positional argument of a magic. */
export interface MagicPositional {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  /** Takes all that follows; only on the last one. */
  readonly variadic?: boolean;
  /** Values offered by completion. */
  readonly suggest?: () => readonly string[];
}

/** Arguments of a magic after parsing; `body` is the text under a `%%name` line. */
export interface MagicArguments {
  readonly flags: Readonly<Record<string, boolean | string | number | undefined>>;
  readonly positionals: readonly string[];
  readonly body?: string;
}

/** What a running magic is given beside its arguments. */
export interface MagicContext {
  readonly cwd: string;
  /** Aborted when the person interrupts. */
  readonly signal: AbortSignal;
  /** Draws how far long work is, in place. */
  readonly progress: (step: {
    readonly phase: string;
    readonly done: number;
    readonly total: number;
    readonly values?: Readonly<Record<string, number>>;
  }) => void;
}

/** A magic of a person's own: parsing, strict flags, help and completion follow from it. */
export interface MagicSpec<Result = unknown> {
  /** Letters, digits and `_`, without `%`. */
  readonly name: string;
  /** One line, in the imperative, without a full stop. */
  readonly summary: string;
  readonly positionals?: readonly MagicPositional[];
  readonly flags?: readonly MagicFlag[];
  /** `%name`, `%%name` (the body stands for the first positional), or both; default `%name`. */
  readonly magics?: readonly ("line" | "cell")[];
  /** TypeScript type of the result; default `any`. */
  readonly resultType?: string;
  readonly examples?: readonly string[];
  run(args: MagicArguments, context: MagicContext): Result | Promise<Result>;
  /** Text, and further MIME types; default the value as a cell shows it. */
  show?(result: Result): { readonly text: string; readonly display?: Bundle };
}

/** What rewritten cells and this module call; the kernel sets it. */
export interface CellRuntime {
  /** Runs a magic and returns its result. */
  run<Result>(magic: string, args: string, body?: string): Promise<Result>;
  /** Runs a magic that stands alone as a statement. */
  show(magic: string, args: string, body?: string): Promise<void>;
  /** Opens help on a magic or a name in the pager. */
  help(name: string): Promise<void>;
  /** Asks the person; rejects where the front end takes no input. */
  ask(prompt: string, password: boolean): Promise<string>;
  /** Opens a text in the pager when the cell has ended. */
  page(text: string): void;
  display(bundle: Bundle, options?: DisplayOptions): void;
  clearOutput(wait: boolean): void;
  registerMagic(spec: MagicSpec): void;
  children(): readonly ChildInfo[];
  readonly comms: Comms;
}

declare global {
  var __lawbook__: CellRuntime;
  /** Asks the person for a line of text. */
  var prompt: typeof askText;
  /** Asks the person a question; true for `y` or `yes`. */
  var confirm: typeof askYesNo;
  /** Shows a MIME bundle under the running cell. */
  var display: typeof showBundle;
  /** Changes the display of an id. */
  var updateDisplay: typeof changeDisplay;
  /** Removes the outputs of the running cell; with `wait` only when the next output comes. */
  var clearOutput: typeof clear;
  /** Opens a text in the pager. */
  var page: typeof openPage;
  /** Opens and registers channels to the front end. */
  var comm: Comms;
}

function askText(question: string = "", options: { readonly password?: boolean } = {}): Promise<string> {
  return globalThis.__lawbook__.ask(question, options.password === true);
}

async function askYesNo(question: string = "Go on?"): Promise<boolean> {
  return /^\s*y(es)?\s*$/i.test(await globalThis.__lawbook__.ask(`${question} [y/N] `, false));
}

function showBundle(bundle: Bundle, options: DisplayOptions = {}): void {
  globalThis.__lawbook__.display(bundle, options);
}

function changeDisplay(
  id: string,
  bundle: Bundle,
  options: Omit<DisplayOptions, "id" | "update"> = {},
): void {
  globalThis.__lawbook__.display(bundle, { ...options, id, update: true });
}

function clear(wait: boolean = false): void {
  globalThis.__lawbook__.clearOutput(wait);
}

function openPage(text: string): void {
  globalThis.__lawbook__.page(text);
}

const channels: Comms = {
  open: (target, data, extras) => globalThis.__lawbook__.comms.open(target, data, extras),
  register: (target, handler) => globalThis.__lawbook__.comms.register(target, handler),
  unregister: (target) => globalThis.__lawbook__.comms.unregister(target),
};

export {
  askText as prompt,
  askYesNo as confirm,
  changeDisplay as updateDisplay,
  channels as comm,
  clear as clearOutput,
  openPage as page,
  showBundle as display,
};

/** Adds a magic to this kernel; one of the same name is replaced. */
export function registerMagic<Result>(spec: MagicSpec<Result>): void {
  globalThis.__lawbook__.registerMagic(spec as MagicSpec);
}

/** Child processes that are alive, for example a training with its process id. */
export function children(): readonly ChildInfo[] {
  return globalThis.__lawbook__.children();
}

/** Makes `prompt`, `confirm`, `display`, `updateDisplay`, `clearOutput`, `page` and `comm` names of every cell. */
export function installGlobals(): void {
  Object.assign(globalThis, {
    prompt: askText,
    confirm: askYesNo,
    display: showBundle,
    updateDisplay: changeDisplay,
    clearOutput: clear,
    page: openPage,
    comm: channels,
  });
}
