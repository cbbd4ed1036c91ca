import type * as TypeScript from "@tslab/typescript-for-tslab";

import type { Compiler } from "./file-view.js";

/** What of the compiler is not in its public types. */
interface Inside {
  getTouchingPropertyName(file: TypeScript.SourceFile, position: number): TypeScript.Node;
  parseIsolatedJSDocComment(
    text: string,
    start: number,
    length: number,
  ): { readonly jsDoc: TypeScript.JSDoc } | undefined;
  setParentRecursive(node: TypeScript.Node, incremental: boolean): void;
  getQuickInfoAtPosition(
    file: TypeScript.SourceFile,
    checker: TypeScript.TypeChecker,
    token: unknown,
    position: number,
  ): TypeScript.QuickInfo | undefined;
}

/** Texts and comments of TypeScript, whichever starts first. */
const PIECES = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[^]|[^`\\])*`|\/\/[^\n]*|\/\*[^]*?\*\//g;

/**
 * Doc comments as plain comments of the same length: to parse those of Node and of ECMAScript takes a sixth of a kernel's
 * start, and hardly any is ever read.
 */
export function withoutDocs(text: string): string {
  return text.replace(PIECES, (piece) =>
    piece.startsWith("/**") && piece.length > 4 ? `/* ${piece.slice(3)}` : piece,
  );
}

/** Reads declarations of installed packages without their doc comments; `quickInfo` puts them back where they are asked for. */
export class LateDocs {
  readonly #real: Compiler & Inside;
  readonly #read: (path: string) => string | undefined;
  readonly #restored = new WeakSet<TypeScript.Node>();

  constructor(real: Compiler) {
    this.#real = real as Compiler & Inside;
    const { sys } = real;
    const read = sys.readFile.bind(sys);
    this.#read = read;
    sys.readFile = (path, encoding) => {
      const text = read(path, encoding);
      return text !== undefined && isInstalled(path) ? withoutDocs(text) : text;
    };
  }

  /** As `getQuickInfoAtPosition`, with docs. */
  quickInfo(
    file: TypeScript.SourceFile,
    checker: TypeScript.TypeChecker,
    token: unknown,
    position: number,
  ): TypeScript.QuickInfo | undefined {
    const symbol = checker.getSymbolAtLocation(this.#real.getTouchingPropertyName(file, position));
    for (const declaration of this.#declarations(symbol, checker)) this.#restore(declaration);
    return this.#real.getQuickInfoAtPosition(file, checker, token, position);
  }

  #declarations(symbol: TypeScript.Symbol | undefined, checker: TypeScript.TypeChecker): TypeScript.Node[] {
    if (symbol === undefined) return [];
    const isAlias = (symbol.flags & this.#real.SymbolFlags.Alias) !== 0;
    return [
      ...(symbol.declarations ?? []),
      ...(isAlias ? (checker.getAliasedSymbol(symbol).declarations ?? []) : []),
    ];
  }

  /** Parses the doc comments of a declaration and of the statement that it stands in. */
  #restore(declaration: TypeScript.Node): void {
    const file = declaration.getSourceFile();
    if (this.#restored.has(declaration) || !isInstalled(file.fileName)) return;
    this.#restored.add(declaration);
    const text = this.#read(file.fileName);
    if (text?.length !== file.text.length) return;
    const seen = new Set<number>();
    for (let node = declaration; node !== file && !this.#real.isModuleBlock(node); node = node.parent) {
      const docs = (this.#real.getLeadingCommentRanges(text, node.pos) ?? [])
        .filter(({ pos }) => text.startsWith("/**", pos) && !seen.has(pos))
        .flatMap(({ pos, end }) => {
          seen.add(pos);
          const doc = this.#real.parseIsolatedJSDocComment(text, pos, end - pos)?.jsDoc;
          return doc === undefined ? [] : [doc];
        });
      if (docs.length === 0) continue;
      for (const doc of docs) {
        (doc as { parent: TypeScript.Node }).parent = node;
        this.#real.setParentRecursive(doc, false);
      }
      (node as { jsDoc?: TypeScript.JSDoc[] }).jsDoc = docs;
    }
  }
}

const isInstalled = (path: string): boolean => path.endsWith(".d.ts") && path.includes("/node_modules/");
