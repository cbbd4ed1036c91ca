import { LineCounter, parseDocument } from "yaml";

import { invalidRequest, LawbookError } from "../core/errors.js";
import type { TrainInput } from "../runs/schema.js";

/** A request read from YAML, and where each part of it stands. */
export interface RequestText {
  readonly value: unknown;
  /** 1-based line of a path, or of the nearest part above it that the text has. */
  readonly lineOf: (path: readonly (string | number)[]) => number | undefined;
}

/** Parses YAML. Bad syntax, duplicate keys and aliases to nowhere are one error with lines. */
export function parseRequestText(text: string, name: string): RequestText {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, uniqueKeys: true, prettyErrors: false });
  if (document.errors.length > 0) {
    throw invalidRequest(
      name,
      document.errors.map(({ message, pos }) => ({
        message: `${message}.`.replace(/\.\.$/, "."),
        line: counter.linePos(pos[0]).line,
      })),
    );
  }
  const lineOf = (path: readonly (string | number)[]): number | undefined => {
    for (let length = path.length; length > 0; length--) {
      const parent: unknown =
        length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
      const items = (
        parent as { items?: { key?: { value?: unknown; range?: [number] }; range?: [number] }[] } | null
      )?.items;
      const last = path[length - 1];
      const item = typeof last === "number" ? items?.[last] : items?.find(({ key }) => key?.value === last);
      const offset = item?.key?.range?.[0] ?? item?.range?.[0];
      if (offset !== undefined) return counter.linePos(offset).line;
    }
    return undefined;
  };
  return { value: document.toJS() as unknown, lineOf };
}

/** Reads a train request from YAML; what is no mapping at all is refused here, all else by its schema. */
export function parseTrainText(text: string, name: string): RequestText & { readonly value: TrainInput } {
  const { value, lineOf } = parseRequestText(text, name);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new LawbookError(
      "request",
      "The request is empty or no mapping: expected keys such as model and data.",
      { hint: "`lawbook train --help` shows a complete request." },
    );
  }
  return { value: value as TrainInput, lineOf };
}
