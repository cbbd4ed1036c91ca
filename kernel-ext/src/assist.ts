import type { Fields } from "lawbook/dist/jupyter/index.js";

import { findMagics } from "./cell/rewrite.js";
import type { MagicCompletion } from "./magics/completion.js";
import type { Session } from "./session.js";

// The protocol counts cursors in code points, TypeScript in UTF-16 units.

/** Answers a `complete_request`. */
export async function complete(session: Session, code: string, cursor: number): Promise<Fields> {
  const offset = toUnits(code, cursor);
  const lineStart = code.lastIndexOf("\n", offset - 1) + 1;
  const line = code.slice(lineStart, offset);
  const reply = (
    matches: readonly string[],
    start: number,
    end: number,
    kinds?: readonly (string | undefined)[],
  ): Fields => ({
    status: "ok",
    matches,
    cursor_start: toPoints(code, start),
    cursor_end: toPoints(code, end),
    metadata:
      kinds === undefined
        ? {}
        : {
            _jupyter_types_experimental: matches.map((text, index) => ({
              text,
              type: kinds[index] ?? "",
              start: toPoints(code, start),
              end: toPoints(code, end),
            })),
          },
  });
  const cell = /^\s*%%([A-Za-z_]\w*)/.exec(code);
  // `${expr}` of a magic is TypeScript.
  if (!/\$\{[^}]*$/.test(line)) {
    const offer = ({ matches, replaces, kind }: MagicCompletion): Fields =>
      reply(
        matches,
        offset - replaces,
        offset,
        matches.map(() => kind),
      );
    const header = cell === null ? -1 : code.indexOf("\n", cell[0].length);
    if (cell !== null && header >= 0 && offset > header)
      return offer((await session.magics()).completeBody(cell[1] ?? "", code.slice(header + 1, offset)));
    if (line.includes("%")) {
      const isFirst = code.slice(0, lineStart).trim() === "";
      const found = (await session.magics()).complete(line, isFirst);
      if (found !== undefined) return offer(found);
    }
    if (cell !== null) return reply([], offset, offset);
  }
  const cells = await session.cells();
  const { text } = await session.rewritten(code, "leave");
  const moved = sameLine(code, text, offset);
  const { start, end, candidates, original } = cells.complete(text, moved);
  const kinds = new Map(original?.entries.map((entry) => [entry.name, entry.kind as string]));
  const matches = preferPrefix(candidates, text.slice(start, moved));
  return reply(
    matches,
    offset + start - moved,
    offset + end - moved,
    matches.map((name) => kinds.get(name)),
  );
}

/** Names that begin with what was typed, in any case; where there are none, those that hold it. */
function preferPrefix(names: readonly string[], typed: string): readonly string[] {
  const begin = names.filter((name) => name.toLowerCase().startsWith(typed.toLowerCase()));
  return begin.length > 0 ? begin : names;
}

/** Answers an `inspect_request`: help on a magic, or types and documentation of a name. */
export async function inspectAt(session: Session, code: string, cursor: number): Promise<Fields> {
  const offset = toUnits(code, cursor);
  const found = (text: string | undefined): Fields => ({
    status: "ok",
    found: text !== undefined,
    data: text === undefined ? {} : { "text/plain": text },
    metadata: {},
  });
  const cells = await session.cells();
  if (/[%?]/.test(code)) {
    const magics = await session.magics();
    const variables = new Set(cells.names());
    const span = findMagics(
      cells.compiler,
      code,
      magics.names((name) => variables.has(name)),
      "leave",
    ).find(({ start, argsEnd }) => start <= offset && offset <= argsEnd);
    const help = span && magics.help(span.name);
    if (help !== undefined) return found(help);
  }
  const { text } = await session.rewritten(code, "leave");
  return found(cells.inspect(text, sameLine(code, text, offset)));
}

/** Answers an `is_complete_request`. */
export async function isComplete(session: Session, code: string): Promise<Fields> {
  if (/^\s*%%[A-Za-z_]/.test(code)) {
    // The body of a cell magic ends with an empty line.
    return /\n[ \t]*\n?$/.test(code) ? { status: "complete" } : { status: "incomplete", indent: "" };
  }
  const { compiler: ts } = await session.cells();
  const { text } = await session.rewritten(code, "leave");
  const file = ts.createSourceFile(
    "cell.ts",
    text,
    ts.ScriptTarget.Latest,
    false,
    ts.ScriptKind.TS,
  ) as unknown as {
    parseDiagnostics: readonly { readonly length: number; readonly code: number }[];
  };
  // At the end of the text the parser has nothing to point at.
  const isOpen = ({ length, code: number }: { readonly length: number; readonly code: number }): boolean =>
    OPEN.has(number) || (length === 0 && EXPECTED.has(number));
  const [first] = file.parseDiagnostics;
  if (first === undefined) return { status: "complete" };
  return isOpen(first) ? { status: "incomplete", indent: indentOf(code) } : { status: "invalid" };
}

/** Messages of a text that goes on: unterminated template (1160), comment (1010). */
const OPEN: ReadonlySet<number> = new Set([1160, 1010]);
/** "X expected" in its kinds; at the end of the text they say that it goes on. */
const EXPECTED: ReadonlySet<number> = new Set([
  1003, 1005, 1109, 1110, 1123, 1126, 1128, 1129, 1130, 1131, 1132, 1134, 1135, 1136, 1137, 1138, 1139, 1140,
  1141, 1142, 1144, 1145, 1146, 1181, 1472,
]);

function indentOf(code: string): string {
  const line = code.slice(code.lastIndexOf("\n") + 1);
  const indent = /^\s*/.exec(line)?.[0] ?? "";
  return /[{([]\s*$/.test(line) ? `${indent}  ` : indent;
}

/** The same column of the same line in a text whose lines were changed one by one. */
function sameLine(from: string, to: string, offset: number): number {
  const before = from.slice(0, offset).split("\n");
  const lines = to.split("\n").slice(0, before.length - 1);
  const start = lines.reduce((total, line) => total + line.length + 1, 0);
  return Math.min(start + (before.at(-1)?.length ?? 0), to.length);
}

function toUnits(text: string, points: number): number {
  let units = 0;
  for (let left = points; left > 0 && units < text.length; left--)
    units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
  return units;
}

function toPoints(text: string, units: number): number {
  return Array.from(text.slice(0, units)).length;
}
