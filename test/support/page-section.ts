import { readText, writeAtomic } from "../../src/core/files.js";

/** Text of a page between `<!-- name -->` and `<!-- /name -->`, without the lines' ends around it. */
export function readSection(path: string, name: string): string {
  const text = readText(path);
  const [start, end] = marks(text, name);
  return text.slice(start, end);
}

/** Writes that text anew. */
export function writeSection(path: string, name: string, content: string): void {
  const text = readText(path);
  const [start, end] = marks(text, name);
  writeAtomic(path, text.slice(0, start) + content + text.slice(end));
}

/** Where the text between two marks starts and ends. Throws where a mark is missing. */
function marks(text: string, name: string): [number, number] {
  const found = new RegExp(`<!-- ${name} -->\\n+([^]*?)\\n+<!-- /${name} -->`, "d").exec(text)?.indices?.[1];
  if (found === undefined) throw new Error(`The page has no section ${name}.`);
  return found;
}
