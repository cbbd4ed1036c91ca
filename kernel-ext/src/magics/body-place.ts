/** Where the cursor stands in the YAML under a cell magic. */
export interface BodyPlace {
  /** Keys that lead to the mapping around the cursor; lists leave no trace. */
  readonly path: readonly string[];
  /** The key whose value is being written; undefined where a key is. */
  readonly key: string | undefined;
  /** Keys that the mapping has before the cursor. */
  readonly used: ReadonlySet<string>;
  /** May the text also be an item of a list, as in `- x` under `key:`? */
  readonly item: boolean;
  /** What has been typed of the word. */
  readonly typed: string;
}

/** A mapping that is open at some line: its column, keys so far, and the last key. */
interface Level {
  readonly indent: number;
  readonly used: Set<string>;
  key: string | undefined;
}

const KEY = /^([A-Za-z_][\w-]*)\s*:(?:\s+|$)/;

/**
 * Finds the place of the cursor at the end of `text`, the body up to it. Understands blocks, lists and `{ a: b, c` or
 * `[a, b` on the cursor's own line; undefined inside a comment or a quoted text.
 */
export function findBodyPlace(text: string): BodyPlace | undefined {
  const lines = text.split("\n");
  const last = lines.pop() ?? "";
  const levels: Level[] = [];
  for (const line of lines) if (!/^\s*(#|$)/.test(line)) enter(levels, line);
  if (/(^|\s)#/.test(last) || oddQuotes(last)) return undefined;

  const { content, isItem } = enter(levels, last, true);
  const level = levels.at(-1);
  const path = levels.slice(0, -1).flatMap(({ key }) => (key === undefined ? [] : [key]));
  const found = KEY.exec(content);
  if (found === null && /^[{[]/.test(content)) return flow(path.slice(0, -1), path.at(-1) ?? "", content);
  if (found === null) {
    // An item of a list may be a mapping or a word: `- x` under `key:`.
    return { path, key: undefined, used: level?.used ?? new Set(), item: isItem, typed: wordOf(content) };
  }
  return flow([...path], found[1] ?? "", content.slice(found[0].length));
}

/** Takes a line: closes what it is not inside of, opens its own mapping, and notes its key. */
function enter(
  levels: Level[],
  line: string,
  isLast = false,
): { readonly content: string; readonly isItem: boolean } {
  let indent = /^ */.exec(line)?.[0].length ?? 0;
  let content = line.slice(indent);
  let isItem = false;
  for (let dash = /^-(?: +|$)/.exec(content); dash !== null; dash = /^-(?: +|$)/.exec(content)) {
    isItem = true;
    while ((levels.at(-1)?.indent ?? -1) > indent) levels.pop();
    indent += Math.max(dash[0].length, 2);
    content = content.slice(dash[0].length);
    while ((levels.at(-1)?.indent ?? -1) >= indent) levels.pop();
  }
  while ((levels.at(-1)?.indent ?? -1) > indent) levels.pop();
  if ((levels.at(-1)?.indent ?? -1) < indent) levels.push({ indent, used: new Set(), key: undefined });
  const key = KEY.exec(content)?.[1];
  const level = levels.at(-1);
  if (level !== undefined && key !== undefined && !isLast) {
    level.key = key;
    level.used.add(key);
  }
  return { content, isItem };
}

/** The place inside the value of a key on one line. */
function flow(path: string[], key: string, value: string): BodyPlace {
  // Open brackets: a mapping with its keys, or a list (undefined).
  const open: ({ readonly used: Set<string> } | undefined)[] = [];
  let current: string | undefined = key;
  let word = "";
  for (const character of value) {
    if (character === "{" || character === "[") {
      path.push(current ?? "");
      open.push(character === "{" ? { used: new Set() } : undefined);
      current = undefined;
      word = "";
    } else if (character === "}" || character === "]") {
      open.pop();
      current = path.pop();
      word = "";
    } else if (character === ",") {
      current = undefined;
      word = "";
    } else if (character === " " && word.endsWith(":")) {
      current = word.slice(0, -1).trim();
      open.at(-1)?.used.add(current);
      word = "";
    } else word += character;
  }
  const typed = wordOf(word);
  const keys = path.filter((part) => part !== "");
  if (open.length === 0) return { path, key, used: new Set(), item: false, typed };
  const mapping = open.at(-1);
  if (mapping === undefined) {
    // Inside `[`: the words are those of the key of the list.
    return { path: keys.slice(0, -1), key: keys.at(-1), used: new Set(), item: true, typed };
  }
  return { path: keys, key: current, used: mapping.used, item: false, typed };
}

function wordOf(text: string): string {
  return /[^\s,[\]{}]*$/.exec(text)?.[0] ?? "";
}

function oddQuotes(text: string): boolean {
  return (text.match(/(?<!\\)"/g) ?? []).length % 2 === 1;
}
