import { createRequire } from "node:module";

import { LawbookError, mismatch } from "lawbook/dist/jupyter/index.js";

import type { Bundle } from "./cell/api.js";

const VEGA_LITE = /^application\/vnd\.vegalite\.v[345]\+json$/;
const VEGA = /^application\/vnd\.vega\.v[345]\+json$/;
const JSON_TYPE = /^application\/(?:json|.+\+json)$/;

interface Vega {
  parse(spec: object): unknown;
}

interface VegaLite {
  compile(spec: object, options: { readonly logger: object }): { readonly spec: object };
}

/**
 * A bundle as a front end can draw it: JSON types hold values, not their text, and charts compile. A chart that does not
 * compile throws, since front ends show a red line at best and the cell would count as a success. `warn` hears what the
 * compiler of Vega-Lite leaves out.
 */
export function checkedBundle(bundle: Bundle, warn: (text: string) => void): Bundle {
  if (typeof bundle !== "object" || bundle === null || Array.isArray(bundle)) {
    throw new LawbookError("usage", mismatch("Bundle of a display", bundle, "an object of MIME types"));
  }
  return Object.fromEntries(
    Object.entries(bundle).map(([type, value]) => {
      const content = JSON_TYPE.test(type) && typeof value === "string" ? parsed(type, value) : value;
      if (VEGA_LITE.test(type)) checkVegaLite(type, content, warn);
      else if (VEGA.test(type)) checkVega(type, content);
      return [type, content];
    }),
  );
}

function parsed(type: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LawbookError("usage", mismatch(`${type} of a display`, text, "a value or JSON text"), {
      cause,
    });
  }
}

function checkVegaLite(type: string, spec: unknown, warn: (text: string) => void): void {
  if (typeof spec !== "object" || spec === null) {
    throw new LawbookError("usage", mismatch(`${type} of a display`, spec, "a specification"));
  }
  const load = fromLawbook();
  const vegaLite = load("vega-lite") as VegaLite;
  const logger = {
    level: () => logger,
    error: (...words: unknown[]) => (warn(words.join(" ")), logger),
    warn: (...words: unknown[]) => (warn(words.join(" ")), logger),
    info: () => logger,
    debug: () => logger,
  };
  const marks = unknownMarks(spec);
  if (marks.length > 0) {
    throw new LawbookError(
      "usage",
      mismatch("Mark of a Vega-Lite chart", marks[0], `one of ${[...MARKS].join(", ")}`),
    );
  }
  let compiled: object;
  try {
    compiled = vegaLite.compile(spec, { logger }).spec;
  } catch (cause) {
    throw broken("Vega-Lite", cause);
  }
  checkVega(type, compiled, "Vega-Lite");
}

function checkVega(type: string, spec: unknown, language = "Vega"): void {
  if (typeof spec !== "object" || spec === null) {
    throw new LawbookError("usage", mismatch(`${type} of a display`, spec, "a specification"));
  }
  try {
    (fromLawbook()("vega") as Vega).parse(spec);
  } catch (cause) {
    throw broken(language, cause);
  }
}

const MARKS: ReadonlySet<string> = new Set([
  "arc",
  "area",
  "bar",
  "boxplot",
  "circle",
  "errorband",
  "errorbar",
  "geoshape",
  "image",
  "line",
  "point",
  "rect",
  "rule",
  "square",
  "text",
  "tick",
  "trail",
]);

/** Names that are no marks: the compiler itself only says that something is undefined. */
function unknownMarks(spec: object): unknown[] {
  const { mark, ...rest } = spec as Record<string, unknown>;
  const name = typeof mark === "object" && mark !== null ? (mark as { type?: unknown }).type : mark;
  const own = mark === undefined || (typeof name === "string" && MARKS.has(name)) ? [] : [name];
  const inner = ["spec", "layer", "hconcat", "vconcat", "concat"].flatMap((key) => {
    const part = rest[key];
    const parts: unknown[] = Array.isArray(part) ? part : [part];
    return parts
      .filter((value) => typeof value === "object" && value !== null)
      .flatMap((value) => unknownMarks(value as object));
  });
  return [...own, ...inner];
}

function broken(language: string, cause: unknown): LawbookError {
  const { message } = cause as Error;
  return new LawbookError("usage", `The ${language} chart does not compile: ${shortened(message)}`, {
    cause,
  });
}

function shortened(text: string): string {
  return text.length <= 500 ? text : `${text.slice(0, 500)} …`;
}

/** Vega and Vega-Lite are dependencies of Lawbook; loaded with the first chart. */
function fromLawbook(): NodeJS.Require {
  const load = createRequire(import.meta.url);
  return createRequire(load.resolve("lawbook/package.json"));
}
