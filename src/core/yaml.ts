import { LineCounter, parseDocument } from "yaml";

import { invalidRequest } from "./errors.js";

/** A value read from YAML, and where each part of it stands. */
export interface YamlText {
  readonly value: unknown;
  /** 1-based line of a path, or of the nearest part above it that the text has; undefined where it has none. */
  readonly lineOf: (path: readonly (string | number)[]) => number | undefined;
}

interface Item {
  readonly key?: { readonly value?: unknown; readonly range?: readonly [number] };
  readonly range?: readonly [number];
}

/**
 * Parses one YAML document. Bad syntax, duplicate keys, aliases to nowhere and several documents are one error with lines.
 * `name`: how errors call the text; `kind`: what it should hold one of.
 */
export function parseYaml(text: string, name: string, kind: string): YamlText {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, uniqueKeys: true, prettyErrors: false });
  if (document.errors.length > 0) {
    throw invalidRequest(
      name,
      document.errors.map(({ code, message, pos }) => ({
        message:
          code === "MULTIPLE_DOCS"
            ? `got several documents, expected one ${kind}.`
            : `${message}.`.replace(/\.\.$/, "."),
        line: counter.linePos(pos[0]).line,
      })),
    );
  }
  const lineOf = (path: readonly (string | number)[]): number | undefined => {
    for (let length = path.length; length > 0; length--) {
      const parent: unknown =
        length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
      const items = (parent as { readonly items?: readonly Item[] } | null)?.items;
      const last = path[length - 1];
      const item = typeof last === "number" ? items?.[last] : items?.find(({ key }) => key?.value === last);
      const offset = item?.key?.range?.[0] ?? item?.range?.[0];
      if (offset !== undefined) return counter.linePos(offset).line;
    }
    return undefined;
  };
  return { value: document.toJS() as unknown, lineOf };
}
