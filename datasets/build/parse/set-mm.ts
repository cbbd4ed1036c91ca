import { join } from "node:path";

import { readText } from "../../../src/core/files.js";

/** A proved statement of set.mm with its place in the book. */
export interface Theorem {
  readonly label: string;
  /** Headings above it, from part to subsection; empty where there is none. */
  readonly part: string;
  readonly section: string;
  readonly subsection: string;
  readonly contributor: string;
  /** Year of contribution; 0 where the comment gives none. */
  readonly year: number;
}

/** The theorems and the plain English of the comments, in file order. */
export interface SetMm {
  readonly theorems: readonly Theorem[];
  readonly comments: readonly string[];
  /** Names behind the initials that some contributors sign with. */
  readonly contributors: ReadonlyMap<string, string>;
}

/** What stands in a comment instead of a reference to a statement. */
export const REFERENCE = "another statement";

const LEVELS: Readonly<Record<string, "part" | "section" | "subsection" | "deeper">> = {
  "####": "part",
  "#*#*": "section",
  "=-=-": "subsection",
  "-.-.": "deeper",
};

/**
 * Reads comments `$( ... $)`, headings inside them and labelled statements `label $p`. Mathematics between backquotes
 * becomes "it", references `~ label` become "another statement", so that no formula and no label stays in the text.
 */
export function parseSetMm(folder: string): SetMm {
  const text = readText(join(folder, "usr/share/metamath/databases/set.mm"));
  const theorems: Theorem[] = [];
  const comments: string[] = [];
  const place = { part: "", section: "", subsection: "" };
  const pattern = /\$\(\s([\s\S]*?)\s\$\)\s*(?:(\S+)\s+(\$[ap]))?/g;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, comment, label, kind] = match;
    const heading = /^\s*(####|#\*#\*|=-=-|-\.-\.)[^\n]*\n\s*([^\n]*)\n/.exec(comment!);
    if (heading !== null) {
      enter(place, LEVELS[heading[1]!]!, heading[2]!.trim());
      continue;
    }
    if (label === undefined) continue;
    const credit = /\(Contributed by\s+([^,)]+),\s+\d+-[A-Z][a-z][a-z]-(\d{4})\.\)/.exec(
      comment!.replace(/\s+/g, " "),
    );
    if (kind === "$p") {
      theorems.push({
        label,
        ...place,
        contributor: credit?.[1]?.trim() ?? "",
        year: Number(credit?.[2] ?? 0),
      });
    }
    comments.push(plain(comment!));
  }
  return { theorems, comments, contributors: contributors(text) };
}

/** Reads the table "Contributor list:" at the head of the file: initials and names in three columns. */
function contributors(text: string): ReadonlyMap<string, string> {
  const start = text.indexOf("Contributor list:");
  const table = text.slice(start, text.indexOf("HTML code", start));
  return new Map(
    [...table.matchAll(/\b([A-Z]{2,3}) {1,2}([A-Z][A-Za-z.' -]+?)(?= {2,}|\n|$)/g)].map((m) => [
      m[1]!,
      m[2]!,
    ]),
  );
}

function enter(place: Record<"part" | "section" | "subsection", string>, level: string, title: string): void {
  if (level === "part") Object.assign(place, { part: title, section: "", subsection: "" });
  else if (level === "section") Object.assign(place, { section: title, subsection: "" });
  else if (level === "subsection") place.subsection = title;
}

function plain(comment: string): string {
  return comment
    .replace(/\s+/g, " ")
    .replace(
      /\((Contributed|Revised|Proof shortened|Proof modification|New usage|Proofs? modified) [^()]*(\([^()]*\)[^()]*)*\)/g,
      "",
    )
    .replace(/`[^`]*`/g, "it")
    .replace(/~ \S+/g, REFERENCE)
    .replace(/\[[^\]]*\] p\. [^ .,;)]*/g, "the book")
    .replace(/<[^>]*>|&[a-z]+;|_/g, "")
    .replace(/\bit( it)+\b/g, "it")
    .replace(/\s+/g, " ")
    .trim();
}
