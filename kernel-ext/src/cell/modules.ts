import { join } from "node:path";
import { isModuleNamespaceObject } from "node:util/types";
import { constants, runInThisContext } from "node:vm";

/** Why `require` refuses a module that `import` can load: import-only packages and modules that await at their top. */
const IMPORT_ONLY: ReadonlySet<unknown> = new Set([
  "ERR_PACKAGE_PATH_NOT_EXPORTED",
  "ERR_REQUIRE_ESM",
  "ERR_REQUIRE_ASYNC_MODULE",
]);

/** Loads a module by its name, as `require` does. */
export type Require = (id: string) => unknown;

/** The modules of cells: `require` first, as tslab has it, and a real `import` for what only that can load. */
export class CellModules {
  readonly #imported = new Map<string, unknown>();
  #imports: ((id: string) => Promise<unknown>) | undefined;
  #refused: { readonly id: string; readonly error: unknown } | undefined;

  constructor(
    private readonly cwd: string,
    private readonly load: Require,
  ) {}

  /** What `require` and static imports of a cell give. */
  require(id: string): unknown {
    if (this.#imported.has(id)) return this.#imported.get(id);
    try {
      return this.load(id);
    } catch (error) {
      if (IMPORT_ONLY.has((error as NodeJS.ErrnoException).code)) this.#refused = { id, error };
      throw error;
    }
  }

  /** What `import(id)` of a cell gives. */
  async import(id: string): Promise<unknown> {
    let module: unknown;
    try {
      module = this.require(id);
    } catch (error) {
      if (error !== this.#refused?.error) throw error;
      return this.#import(id);
    }
    if (isModuleNamespaceObject(module) || (module as { __esModule?: unknown } | null)?.__esModule === true)
      return module;
    return { ...(module as object), default: module };
  }

  /** Imports what this error of a static import was about, so that the cell can run; false where it was another error. */
  async supply(error: unknown, staticImports: () => readonly string[]): Promise<boolean> {
    const refused = this.#refused;
    if (refused === undefined || refused.error !== error || this.#imported.has(refused.id)) return false;
    if (!staticImports().includes(refused.id)) return false;
    this.#imported.set(refused.id, marked((await this.#import(refused.id)) as object));
    return true;
  }

  #import(id: string): Promise<unknown> {
    // Names are resolved from the working directory, whatever module this is.
    this.#imports ??= runInThisContext("(id) => import(id)", {
      filename: join(this.cwd, "cell.js"),
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    }) as (id: string) => Promise<unknown>;
    return this.#imports(id);
  }
}

/** A namespace as Node's `require` gives it: with the mark by which compiled imports find its default export. */
function marked(namespace: object): object {
  const module = Object.defineProperty({}, "__esModule", { value: true });
  for (const key of Object.keys(namespace)) {
    Object.defineProperty(module, key, {
      enumerable: true,
      get: () => (namespace as Readonly<Record<string, unknown>>)[key],
    });
  }
  return module;
}
