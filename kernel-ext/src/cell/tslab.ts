import { createRequire } from "node:module";
import { dirname } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";

import type * as TypeScript from "@tslab/typescript-for-tslab";
import type { CompletionInfo, ConvertResult } from "tslab/dist/converter.js";
import type { Executor } from "tslab/dist/executor.js";

import { type CellMaps, type MapStep, originalPlace, type Place, scriptName } from "./frames.js";
import { type Compiler, leaveUnwatched, type Packages, resolvePackages } from "./file-view.js";
import { type KeptModule, requireKept } from "./kept-code.js";
import { LateDocs } from "./late-docs.js";
import { CellModules } from "./modules.js";
import {
  type ChangedText,
  IMPORT,
  prepare,
  replaceImportCalls,
  type SourceMapData,
  staticImports,
  waitsAtTopLevel,
} from "./source-text.js";

// The only file that touches the internals of tslab (1.0.22, pinned): its converter and executor are reused, its
// protocol layer is not. What it relies on is checked by test/unit/kernel/tslab.test.ts.

/** One message of the compiler about a cell. */
export interface CellDiagnostic {
  /** Where it starts; undefined for another file. */
  readonly place: Place | undefined;
  /** Characters that it covers on its line, at least 1. */
  readonly length: number;
  readonly code: number;
  readonly message: string;
  /** Name of another file that is at fault. */
  readonly file: string | undefined;
}

/** What became of a cell. */
export type CellOutcome =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "done" }
  | { readonly kind: "diagnostics"; readonly diagnostics: readonly CellDiagnostic[] }
  | { readonly kind: "error"; readonly error: unknown };

/** TypeScript cells that share their variables. One per process: tslab keeps its state in globals. */
export interface Cells {
  readonly compiler: Compiler;
  /** Maps of the cells that ran, by label, for stack traces. */
  readonly maps: ReadonlyMap<string, CellMaps>;
  /**
   * Runs a cell. `label` names its script: its count, or something else for a cell that is not counted. `onPhase` hears
   * when conversion ends and when the synchronous part ends; what it throws ends the cell.
   */
  execute(
    source: ChangedText,
    label: string,
    onPhase: (phase: "running" | "waiting") => void,
  ): Promise<CellOutcome>;
  /** Compiles from the next cell on with or without `strict`. */
  setStrict(strict: boolean): void;
  /** Gives up the cell that waits: its promise is forgotten and its variables are not declared. */
  abandon(): void;
  /** Completions at a UTF-16 offset. */
  complete(source: string, offset: number): CompletionInfo;
  /** Help at a UTF-16 offset, undefined where the name is unknown. */
  inspect(source: string, offset: number): string | undefined;
  /** Names of the variables of earlier cells. */
  names(): string[];
}

const load = createRequire(import.meta.url);

/** Version of the compiler, without loading it. */
export function compilerVersion(): string {
  return (loadFromTslab()("@tslab/typescript-for-tslab/package.json") as { version: string }).version;
}

/** Sends what `import { display } from "tslab"` shows. */
export function redirectTslabDisplay(
  show: (data: Record<string, unknown>, id: string | undefined, update: boolean) => void,
): void {
  const jupyter = load("tslab/dist/jupyter.js") as {
    lastWriteDisplayData: (
      data: { data: Record<string, string | Uint8Array>; transient?: { display_id?: string } },
      update: boolean,
    ) => void;
  };
  jupyter.lastWriteDisplayData = ({ data, transient }, update) =>
    show(
      Object.fromEntries(
        Object.entries(data).map(([type, value]) => [
          type,
          typeof value === "string" ? value : Buffer.from(value).toString("base64"),
        ]),
      ),
      transient?.display_id,
      update,
    );
}

let compiler: KeptModule | undefined;

/** Loads the compiler, with the code that an earlier kernel kept. */
export function loadCompiler(): Compiler {
  compiler ??= requireKept(loadFromTslab().resolve("@tslab/typescript-for-tslab"));
  return compiler.exports as Compiler;
}

/** Keeps the compiler's code for the next kernel, where this has not been done; takes a tenth of a second then. */
export function keepCompiler(): void {
  compiler?.keep();
}

/**
 * Loads compiler and converter in four turns of the event loop, so that requests are answered in between. `isAwaited`: a
 * cell waits already, so nothing else is compiled before it.
 */
export async function openCells(
  cwd: string,
  packages: Packages,
  isAwaited: () => boolean = () => false,
): Promise<Cells> {
  await nextTurn();
  const real = loadCompiler();
  await nextTurn();
  resolvePackages(real, cwd, packages);
  leaveUnwatched(real);
  const maps: { inner: SourceMapData | undefined; outer: SourceMapData | undefined } = {
    inner: undefined,
    outer: undefined,
  };
  let options: TypeScript.CompilerOptions = {
    inlineSourceMap: true,
    // Types of packages that have `exports` only.
    moduleResolution: real.ModuleResolutionKind.Bundler,
    // The same globals in every folder.
    types: ["node", "lawbook-kernel"],
    typeRoots: [typesFolder()],
  };
  replaceCompiler(real, {
    optionsOf: (given) => (options = { ...given, ...options }),
    onMaps: (inner, outer) => Object.assign(maps, { inner, outer }),
    docs: new LateDocs(real),
  });
  const { createConverter } = load("tslab/dist/converter.js") as typeof import("tslab/dist/converter.js");
  const { createExecutor } = load("tslab/dist/executor.js") as typeof import("tslab/dist/executor.js");
  await nextTurn();
  const converter = createConverter({ isJS: false, isBrowser: false });
  await nextTurn();

  const cellMaps = new Map<string, CellMaps>();
  let outcome: CellOutcome = { kind: "done" };
  let current:
    | { label: string; map: SourceMapData | undefined; onPhase: (phase: "running" | "waiting") => void }
    | undefined;
  const convert = (previous: string, source: string): ConvertResult => {
    const { text, map } = prepare(real, source);
    const result = converter.convert(previous, text);
    const tail = [step(map), step(current?.map)].flat();
    if (result.diagnostics.length > 0) {
      outcome = {
        kind: "diagnostics",
        diagnostics: result.diagnostics.map((diagnostic) => toCell(diagnostic, tail)),
      };
      return result;
    }
    if (current === undefined || result.output === undefined || result.output === "") return result;
    const waits = result.hasToplevelAwait === true || waitsAtTopLevel(real, result.output);
    cellMaps.set(current.label, {
      // The converter puts the line `export {};` before the cell.
      steps: [...step(maps.outer), ...step(maps.inner, 1), ...tail],
      prefix: waits ? ASYNC_PREFIX : SYNC_PREFIX,
    });
    current.onPhase("running");
    return {
      ...result,
      hasToplevelAwait: waits,
      output: `${result.output}\n//# sourceURL=${scriptName(current.label)}`,
    };
  };
  const executor: Executor = createExecutor(
    cwd,
    {
      node: { ...converter, convert },
      get browser(): never {
        throw new Error("Cells for the browser (@browser) are not supported.");
      },
      close: () => converter.close(),
    },
    {
      // tslab calls these with the value of the last expression and with the error that ended the cell.
      log: (value: unknown) => (outcome = { kind: "value", value }),
      error: (error: unknown) => {
        if (outcome.kind !== "diagnostics") outcome = { kind: "error", error };
      },
    },
  );
  const modules = shareModules(cwd, packages);
  // The first conversion is the slow one.
  if (!isAwaited()) converter.convert("", "0");

  return {
    compiler: real,
    maps: cellMaps,
    execute: async (source, label, onPhase) => {
      for (;;) {
        outcome = { kind: "done" };
        current = { label, map: source.map, onPhase };
        const running = executor.execute(source.text);
        onPhase("waiting");
        await running;
        const ended = outcome as CellOutcome;
        if (ended.kind !== "error") return ended;
        // A static import failed, so nothing of the cell has run.
        try {
          if (!(await modules.supply(ended.error, () => staticImports(real, source.text)))) return ended;
        } catch (error) {
          return { kind: "error", error };
        }
      }
    },
    setStrict: (strict) => {
      // The same object that the compiler holds: every cell is checked by a new program.
      options.strict = strict;
    },
    abandon: () => executor.interrupt(),
    complete: (source, offset) => executor.complete(source, offset),
    inspect: (source, offset) => {
      const info = executor.inspect(source, offset) as TypeScript.QuickInfo | undefined;
      if (info === undefined) return undefined;
      const { printQuickInfo } = load("tslab/dist/inspect.js") as typeof import("tslab/dist/inspect.js");
      const text = printQuickInfo(info);
      return text === "any" || text === "" ? undefined : text;
    },
    names: () => Object.keys(executor.locals),
  };
}

const SYNC_PREFIX = "(function(exports, require) { ".length;
const ASYNC_PREFIX = "(async function(exports, require) { ".length;

function loadFromTslab(): NodeJS.Require {
  return createRequire(load.resolve("tslab"));
}

/** The `@types` folder that holds the types of Node that tslab brings. */
function typesFolder(): string {
  return dirname(dirname(loadFromTslab().resolve("@types/node/package.json")));
}

/**
 * Makes `require` and `import` in cells find `packages`, with the instances that the kernel itself uses, and load what
 * only `import` can load.
 */
function shareModules(cwd: string, packages: Packages): CellModules {
  const { __tslab__: shared } = globalThis as unknown as { __tslab__: { require: NodeJS.Require } };
  const original = shared.require;
  const modules = new CellModules(cwd, (id) => {
    const known = Object.keys(packages).some((name) => id === name || id.startsWith(`${name}/`));
    return (known ? load : original)(id) as unknown;
  });
  shared.require = new Proxy(original, {
    apply: (target, self, args: [string]) =>
      args.length === 1 ? modules.require(args[0]) : (Reflect.apply(target, self, args) as unknown),
  });
  Object.assign(globalThis, { [IMPORT]: (id: unknown) => modules.import(String(id)) });
  return modules;
}

/** Lets tslab load a compiler with other options, source maps and late docs; its own module object cannot be written to. */
function replaceCompiler(
  real: Compiler,
  {
    optionsOf,
    onMaps,
    docs,
  }: {
    optionsOf: (given: TypeScript.CompilerOptions) => TypeScript.CompilerOptions;
    onMaps: (inner: SourceMapData | undefined, outer: SourceMapData | undefined) => void;
    docs: LateDocs;
  },
): void {
  const changes = {
    getQuickInfoAtPosition: docs.quickInfo.bind(docs),
    createWatchCompilerHost: (roots: string[], given: TypeScript.CompilerOptions, ...rest: unknown[]) =>
      (real.createWatchCompilerHost as (...args: unknown[]) => unknown)(roots, optionsOf(given), ...rest),
    transpileModule: (source: string, given: TypeScript.TranspileOptions) => {
      const inline = /\n\/\/# sourceMappingURL=data:application\/json;base64,([A-Za-z0-9+/=]+)\s*$/.exec(
        source,
      );
      const plain = inline === null ? source : source.slice(0, inline.index);
      const result = real.transpileModule(replaceImportCalls(real, plain), {
        ...given,
        compilerOptions: { ...given.compilerOptions, sourceMap: true },
      });
      const read = (json: string | undefined): SourceMapData | undefined =>
        json === undefined ? undefined : (JSON.parse(json) as SourceMapData);
      onMaps(
        read(inline === null ? undefined : Buffer.from(inline[1] ?? "", "base64").toString()),
        read(result.sourceMapText),
      );
      return { ...result, outputText: result.outputText.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "") };
    },
  };
  const require = loadFromTslab();
  const module = require.cache[require.resolve("@tslab/typescript-for-tslab")];
  if (module === undefined) throw new Error("The compiler of tslab is not in the module cache.");
  // The mark keeps tslab from copying some thousand properties one by one.
  module.exports = Object.create(
    real,
    Object.getOwnPropertyDescriptors({ ...changes, __esModule: true }),
  ) as unknown;
}

function step(map: SourceMapData | undefined, linesBefore = 0): MapStep[] {
  return map === undefined ? [] : [{ map, linesBefore }];
}

function toCell(
  { start, end, code, messageText, fileName }: NonNullable<ConvertResult["diagnostics"]>[number],
  steps: readonly MapStep[],
): CellDiagnostic {
  const place = { line: start.line + 1, column: start.character + 1 };
  return {
    place: fileName === undefined ? (originalPlace({ steps, prefix: 0 }, place) ?? place) : undefined,
    length: Math.max(1, end.line === start.line ? end.character - start.character : 1),
    code,
    message: messageText,
    file: fileName,
  };
}
