import MagicString from "magic-string";
import type * as TypeScript from "@tslab/typescript-for-tslab";

/** A changed text with the way back to the original positions. */
export interface ChangedText {
  readonly text: string;
  /** Source map v3 from `text` to the original; undefined where nothing was changed. */
  readonly map: SourceMapData | undefined;
}

/** The parts of a source map v3 that are used here. */
export interface SourceMapData {
  readonly version: number;
  readonly sources: string[];
  readonly names: string[];
  readonly mappings: string;
}

/** Text and map of an edited string. */
export function changed(edited: MagicString): ChangedText {
  if (!edited.hasChanged()) return { text: edited.toString(), map: undefined };
  const { version, names, mappings } = edited.generateMap({ hires: true, source: "cell" });
  return { text: edited.toString(), map: { version, sources: ["cell"], names, mappings } };
}

/**
 * What the converter of tslab gets wrong, put right in its input, one line staying one line: `{ b }` loses its value when
 * `b` is of an earlier cell, so it becomes `{ b: b }`; `export` before a declaration is refused, so it is taken away.
 */
export function prepare(ts: typeof TypeScript, source: string): ChangedText {
  const file = ts.createSourceFile("cell.ts", source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const edited = new MagicString(source);
  const visit = (node: TypeScript.Node): void => {
    if (
      ts.isShorthandPropertyAssignment(node) &&
      node.objectAssignmentInitializer === undefined &&
      !isPattern(ts, node)
    ) {
      edited.appendLeft(node.name.getEnd(), `: ${node.name.text}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  for (const statement of file.statements) {
    if (!ts.canHaveModifiers(statement) || ts.isExportAssignment(statement)) continue;
    const modifiers = ts.getModifiers(statement) ?? [];
    if (modifiers.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)) continue;
    const word = modifiers.find(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (word !== undefined) edited.remove(word.getStart(file), word.getEnd());
  }
  return changed(edited);
}

/** Is the shorthand part of a pattern on the left of an assignment, as in `({ a } = b)`? */
function isPattern(ts: typeof TypeScript, node: TypeScript.Node): boolean {
  for (
    let child: TypeScript.Node = node, parent = node.parent;
    parent !== undefined;
    child = parent, parent = parent.parent
  ) {
    if (ts.isBinaryExpression(parent)) {
      return parent.operatorToken.kind === ts.SyntaxKind.EqualsToken && parent.left === child;
    }
    if (ts.isForOfStatement(parent) || ts.isForInStatement(parent)) return parent.initializer === child;
    if (ts.isStatement(parent) || ts.isFunctionLike(parent)) return false;
  }
  return false;
}

/** Does JavaScript wait at its top level (`await` or `for await` outside every function)? */
export function waitsAtTopLevel(ts: typeof TypeScript, javascript: string): boolean {
  if (!javascript.includes("await")) return false;
  const file = ts.createSourceFile("cell.js", javascript, ts.ScriptTarget.Latest, false, ts.ScriptKind.JS);
  const waits = (node: TypeScript.Node): boolean =>
    ts.isAwaitExpression(node) ||
    // Outside a module `await (x)` is read as a call of a function of that name.
    (ts.isIdentifier(node) && node.text === "await") ||
    (ts.isForOfStatement(node) && node.awaitModifier !== undefined) ||
    (!ts.isFunctionLike(node) && ts.forEachChild(node, (child) => waits(child) || undefined) === true);
  return waits(file);
}

/** What stands for the word `import` of a call: as long as that, so that places in the text stay. */
export const IMPORT = "$mport";

/** Replaces the word `import` in calls of it, which tslab would turn into `require`. */
export function replaceImportCalls(ts: typeof TypeScript, javascript: string): string {
  if (!/\bimport\s*\(/.test(javascript)) return javascript;
  const file = ts.createSourceFile("cell.js", javascript, ts.ScriptTarget.Latest, false, ts.ScriptKind.JS);
  const edited = new MagicString(javascript);
  const visit = (node: TypeScript.Node): void => {
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const end = node.expression.getEnd();
      edited.overwrite(end - IMPORT.length, end, IMPORT);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return edited.toString();
}

/** Names of the modules that a text imports by declarations. */
export function staticImports(ts: typeof TypeScript, source: string): string[] {
  const file = ts.createSourceFile("cell.ts", source, ts.ScriptTarget.Latest, false, ts.ScriptKind.TS);
  return file.statements.flatMap((statement) =>
    (ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) &&
    statement.moduleSpecifier !== undefined &&
    ts.isStringLiteral(statement.moduleSpecifier)
      ? [statement.moduleSpecifier.text]
      : [],
  );
}
