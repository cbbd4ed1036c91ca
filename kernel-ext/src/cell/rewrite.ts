import type * as TypeScript from "@tslab/typescript-for-tslab";
import MagicString from "magic-string";

import { changed, type ChangedText } from "./source-text.js";

/** What the rewriter must know about magics. */
export interface MagicNames {
  /** Kinds of a magic; undefined where there is none of this name. */
  kinds(name: string): readonly ("line" | "cell")[] | undefined;
  /** TypeScript type of the result; undefined for `any`. */
  resultType(name: string): string | undefined;
  /** The error for a name that is no magic, or is used in the wrong form. */
  unknown(name: string, form: "line" | "cell", line: number): Error;
  /** Is it a variable of an earlier cell? */
  isVariable(name: string): boolean;
}

/**
 * What unknown magics do: "leave" never throws; "refuse" throws where nothing else can be meant; "suspect" also where
 * a remainder could be meant, for cells that do not compile.
 */
export type Strictness = "leave" | "refuse" | "suspect";

/** Where a magic stands in a cell; offsets in UTF-16 units. */
export interface MagicSpan {
  readonly form: "line" | "cell" | "help";
  /** Name without `%`. */
  readonly name: string;
  /** Offset of the `%`, or of the name in `name?`. */
  readonly start: number;
  /** End of the line, or of the cell for a cell magic. */
  readonly end: number;
  /** Offset of what follows the name. */
  readonly args: number;
  /** End of the arguments on the first line. */
  readonly argsEnd: number;
  /** 1-based. */
  readonly line: number;
  /** Is the result assigned? */
  readonly assigned: boolean;
}

const CELL = /^\s*%%([A-Za-z_]\w*)/;
const ASSIGNED =
  /^\s*(?:export\s+)?(?:(?:const|let|var)\s+(?:[\w$]+|\{[^}]*\}|\[[^\]]*\])\s*(?::[^=]+)?|[\w$.]+)\s*=\s*$/;

/**
 * Finds the magics of a cell. A cell that begins with `%%name` is one cell magic. Elsewhere `%name` counts only at the
 * start of a line where a statement can start, or after `=` of a simple assignment, so that `a\n%b` stays a remainder;
 * strings, templates and comments are passed over by the TypeScript scanner.
 */
export function findMagics(
  ts: typeof TypeScript,
  source: string,
  magics: MagicNames,
  strictness: Strictness,
): MagicSpan[] {
  const cell = CELL.exec(source);
  if (cell !== null) {
    const name = cell[1] ?? "";
    const start = cell[0].length - name.length - 2;
    const line = source.slice(0, start).split("\n").length;
    if (magics.kinds(name)?.includes("cell") !== true) {
      if (strictness !== "leave") throw magics.unknown(name, "cell", line);
      return [];
    }
    const args = cell[0].length;
    const argsEnd = endOfLine(source, args);
    const form = /^\?\??\s*$/.test(source.slice(args)) ? "help" : "cell";
    return [{ form, name, start, end: source.length, args, argsEnd, line, assigned: false }];
  }
  const found: MagicSpan[] = [];
  scanPercentSigns(ts, source, (offset, previous) => {
    const name = /^%([A-Za-z_]\w*)/.exec(source.slice(offset, offset + 100))?.[1];
    if (name === undefined) return undefined;
    const before = source.slice(source.lastIndexOf("\n", offset - 1) + 1, offset);
    const assigned = previous === ts.SyntaxKind.EqualsToken && ASSIGNED.test(before);
    if (!assigned && before.trim() !== "") return undefined;
    const known = magics.kinds(name)?.includes("line") === true;
    const starts = assigned ? "yes" : startsStatement(ts, previous);
    const line = source.slice(0, offset).split("\n").length;
    if (starts === "no" || (starts === "perhaps" && magics.isVariable(name))) return undefined;
    const args = offset + 1 + name.length;
    const end = endOfLine(source, args);
    if (!known) {
      if (strictness === "suspect") throw magics.unknown(name, "line", line);
      // After the end of an expression or after `}` an unknown name may still be a remainder.
      if (starts === "perhaps" || previous === ts.SyntaxKind.CloseBraceToken) return undefined;
      if (strictness === "refuse") throw magics.unknown(name, "line", line);
      return end;
    }
    const asksHelp = !assigned && /^\?\??\s*;?\s*$/.test(source.slice(args, end));
    found.push({
      form: asksHelp ? "help" : "line",
      name,
      start: offset,
      end,
      args,
      argsEnd: end,
      line,
      assigned,
    });
    return end;
  });
  const question = /(?:^|\n)([ \t]*)(%{0,2})([A-Za-z_$][\w$]*)\?\??\s*$/.exec(source);
  if (question !== null && found.every(({ end }) => end <= question.index + 1)) {
    const name = question[3] ?? "";
    const start = question.index + (question[0].startsWith("\n") ? 1 : 0) + (question[1] ?? "").length;
    const args = start + (question[2] ?? "").length + name.length;
    found.push({
      form: "help",
      name,
      start,
      end: source.length,
      args,
      argsEnd: args,
      line: source.slice(0, start).split("\n").length,
      assigned: false,
    });
  }
  return found;
}

/**
 * Turns the magics of a cell into TypeScript, one line staying one line. `${expr}` in arguments and bodies becomes part
 * of a template literal, so it is type-checked; `\${` stands for the characters themselves. The body of a cell magic
 * keeps its leading line break, so that its line numbers are those of the cell.
 */
export function rewrite(
  ts: typeof TypeScript,
  source: string,
  magics: MagicNames,
  strictness: Strictness,
): ChangedText {
  const edited = new MagicString(source);
  for (const span of findMagics(ts, source, magics, strictness)) replace(edited, span, magics);
  return changed(edited);
}

/** Puts TypeScript in place of a magic; expressions in `${}` stay where they are, so that faults in them have a place. */
function replace(edited: MagicString, span: MagicSpan, magics: MagicNames): void {
  const source = edited.original;
  const name = JSON.stringify(span.name);
  if (span.form === "help") {
    edited.overwrite(span.start, span.end, `await __lawbook__.help(${name})`);
    return;
  }
  const target =
    span.form === "cell"
      ? /^[ \t]*([A-Za-z_$][\w$]*)(?=\s|$)/.exec(source.slice(span.args, span.argsEnd))?.[1]
      : undefined;
  const given = target === undefined ? span.args : source.indexOf(target, span.args) + target.length;
  const [from, to] = trimmed(source, given, span.argsEnd);
  const binds = target !== undefined || span.assigned;
  const call = binds ? `run<${magics.resultType(span.name) ?? "any"}>` : "show";
  const head = `${target === undefined ? "" : `let ${target} = `}await __lawbook__.${call}(${name}, \``;
  if (span.form === "line") {
    surround(edited, [span.start, from], head, [to, span.end], "\`);");
  } else {
    surround(edited, [span.start, from], head, [to, span.argsEnd], "\`, \`");
    escapeTemplate(edited, span.argsEnd, span.end);
    edited.appendLeft(span.end, "\`);");
  }
  escapeTemplate(edited, from, to);
}

/** Replaces two ranges, either of which may be empty, around a text that stays. */
function surround(
  edited: MagicString,
  before: readonly [number, number],
  head: string,
  after: readonly [number, number],
  tail: string,
): void {
  edited.overwrite(before[0], before[1], head);
  if (after[0] < after[1]) edited.overwrite(after[0], after[1], tail);
  else edited.appendLeft(after[0], tail);
}

function trimmed(text: string, from: number, to: number): [number, number] {
  const part = text.slice(from, to);
  const start = from + (part.length - part.trimStart().length);
  return [start, Math.max(start, from + part.trimEnd().length)];
}

/** Makes a range the inside of a template literal in which only `${...}` has a meaning. */
function escapeTemplate(edited: MagicString, from: number, to: number): void {
  const text = edited.original;
  for (let at = from; at < to;) {
    if (text.startsWith("\\${", at)) at += 3;
    else if (text.startsWith("${", at)) at = Math.min(closingBrace(text, at + 2), to);
    else {
      if (text[at] === "`" || text[at] === "\\") edited.appendRight(at, "\\");
      at += 1;
    }
  }
}

/** Offset after the brace that closes an expression; the end of the text where there is none. */
function closingBrace(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === '"' || character === "'" || character === "`") {
      at = text.indexOf(character, at + 1);
      if (at < 0) return text.length;
    } else if (character === "{") depth += 1;
    else if (character === "}" && --depth === 0) return at + 1;
  }
  return text.length;
}

/**
 * Calls `take` with every percent sign that is a token of its own and the token before it. Where `take` returns an
 * offset, scanning goes on from there as after a statement: what follows a magic on its line is no TypeScript.
 */
function scanPercentSigns(
  ts: typeof TypeScript,
  source: string,
  take: (offset: number, previous: TypeScript.SyntaxKind | undefined) => number | undefined,
): void {
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, true, ts.LanguageVariant.Standard, source);
  // Open braces; true where a brace closes the substitution of a template.
  const braces: boolean[] = [];
  let previous: TypeScript.SyntaxKind | undefined;
  for (;;) {
    let kind = scanner.scan();
    switch (kind) {
      case ts.SyntaxKind.EndOfFileToken:
        return;
      case ts.SyntaxKind.PercentToken: {
        const end = take(scanner.getTokenPos(), previous);
        if (end !== undefined) {
          scanner.setTextPos(end);
          kind = ts.SyntaxKind.SemicolonToken;
        }
        break;
      }
      case ts.SyntaxKind.OpenBraceToken:
        braces.push(false);
        break;
      case ts.SyntaxKind.TemplateHead:
        braces.push(true);
        break;
      case ts.SyntaxKind.CloseBraceToken:
        if (braces.at(-1) !== true) {
          braces.pop();
          break;
        }
        kind = scanner.reScanTemplateToken(false);
        if (kind === ts.SyntaxKind.TemplateTail) braces.pop();
        break;
      case ts.SyntaxKind.SlashToken:
      case ts.SyntaxKind.SlashEqualsToken:
        if (!endsExpression(ts, previous)) kind = scanner.reScanSlashToken();
        break;
      default:
    }
    previous = kind;
  }
}

/** Can a statement start after this token? "perhaps": only if the line before was meant to end there. */
function startsStatement(
  ts: typeof TypeScript,
  previous: TypeScript.SyntaxKind | undefined,
): "yes" | "perhaps" | "no" {
  switch (previous) {
    case undefined:
    case ts.SyntaxKind.SemicolonToken:
    case ts.SyntaxKind.OpenBraceToken:
    case ts.SyntaxKind.CloseBraceToken:
      return "yes";
    default:
      return endsExpression(ts, previous) ? "perhaps" : "no";
  }
}

function endsExpression(ts: typeof TypeScript, kind: TypeScript.SyntaxKind | undefined): boolean {
  switch (kind) {
    case undefined:
      return false;
    case ts.SyntaxKind.Identifier:
    case ts.SyntaxKind.NumericLiteral:
    case ts.SyntaxKind.BigIntLiteral:
    case ts.SyntaxKind.StringLiteral:
    case ts.SyntaxKind.RegularExpressionLiteral:
    case ts.SyntaxKind.NoSubstitutionTemplateLiteral:
    case ts.SyntaxKind.TemplateTail:
    case ts.SyntaxKind.CloseParenToken:
    case ts.SyntaxKind.CloseBracketToken:
    case ts.SyntaxKind.CloseBraceToken:
    case ts.SyntaxKind.PlusPlusToken:
    case ts.SyntaxKind.MinusMinusToken:
    case ts.SyntaxKind.TrueKeyword:
    case ts.SyntaxKind.FalseKeyword:
    case ts.SyntaxKind.NullKeyword:
    case ts.SyntaxKind.ThisKeyword:
    case ts.SyntaxKind.SuperKeyword:
      return true;
    default:
      // Words such as `type` and `of`, which may also be names.
      return kind > ts.SyntaxKind.LastReservedWord && kind <= ts.SyntaxKind.LastKeyword;
  }
}

function endOfLine(source: string, from: number): number {
  const end = source.indexOf("\n", from);
  return end < 0 ? source.length : end;
}
