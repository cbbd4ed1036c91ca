/**
 * The first key that stands twice in one object of a JSON text, or undefined. `JSON.parse` keeps the last of them in
 * silence. The text must be one that `JSON.parse` takes.
 */
export function duplicateKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let expectsKey = false;
  const mark = /["{}[\],]/g;
  for (let found = mark.exec(json); found !== null; found = mark.exec(json)) {
    switch (found[0]) {
      case '"': {
        const end = endOfText(json, found.index);
        mark.lastIndex = end;
        if (!expectsKey) break;
        const key = JSON.parse(json.slice(found.index, end)) as string;
        const keys = open.at(-1)!;
        if (keys.has(key)) return key;
        keys.add(key);
        expectsKey = false;
        break;
      }
      case ",":
        expectsKey = open.at(-1) !== undefined;
        break;
      case "{":
        open.push(new Set());
        expectsKey = true;
        break;
      case "[":
        open.push(undefined);
        expectsKey = false;
        break;
      default:
        open.pop();
        expectsKey = false;
    }
  }
  return undefined;
}

/** Index after the closing quote of the text that opens at `start`. */
function endOfText(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); ; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json[end - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
}
