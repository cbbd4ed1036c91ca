/** Every failure that Lawbook foresees, with the exit code of its class. */
export const EXIT_CODES = {
  usage: 2,
  request: 2,
  missing: 2,
  "bad-file": 2,
  cell: 10,
  timeout: 11,
  "dead-kernel": 11,
  "output-differs": 20,
  "figure-differs": 21,
  "verdict-differs": 22,
  "retrain-differs": 23,
  "record-damaged": 24,
  "data-differs": 30,
  determinism: 31,
  environment: 32,
  engine: 32,
  interrupted: 60,
  internal: 60,
} as const;

/** The closed set of error codes. */
export type ErrorCode = keyof typeof EXIT_CODES;

/** One thing that is wrong: where, what was found, what was expected. */
export interface Problem {
  /** Path inside the request, the file or the tensor list, for example `method.rank`. */
  readonly path?: string;
  /** 1-based line in the text that the person wrote. */
  readonly line?: number;
  readonly message: string;
}

interface ErrorDetails {
  readonly hint?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly problems?: readonly Problem[];
  readonly cause?: unknown;
}

/** The one error class. `message` reads "what is wrong: got X, expected Y." and, on a new line, the way out. */
export class LawbookError extends Error {
  override readonly name = "LawbookError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
  readonly problems: readonly Problem[];

  constructor(code: ErrorCode, what: string, details: ErrorDetails = {}) {
    super(
      details.hint === undefined ? what : `${what}\n${details.hint}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = code;
    this.hint = details.hint;
    this.data = details.data ?? {};
    this.problems = details.problems ?? [];
  }

  /** The exit code of the command line for this error. */
  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

/** Shows a value in an error: short, quoted where it is text. */
export function quote(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

/** "WHAT: got X, expected Y." */
export function mismatch(what: string, got: unknown, expected: string): string {
  return `${what}: got ${quote(got)}, expected ${expected}.`;
}

/** One error for all problems of a request, each with its path and line. */
export function invalidRequest(subject: string, problems: readonly Problem[], hint?: string): LawbookError {
  const lines = problems.map(({ path, line, message }) => {
    const place = [path, line === undefined ? undefined : `line ${line}`].filter(
      (part) => part !== undefined,
    );
    return `  ${place.length > 0 ? `${place.join(", ")}: ` : ""}${message}`;
  });
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return new LawbookError("request", `${subject} has ${count}:\n${lines.join("\n")}`, {
    problems,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** A name that is not in a closed list, with the nearest one that is. */
export function unknownName(kind: string, got: string, known: readonly string[]): LawbookError {
  const near = nearest(got, known);
  return new LawbookError("usage", mismatch(`Unknown ${kind}`, got, `one of ${known.join(", ")}`), {
    ...(near === undefined ? {} : { hint: `Did you mean "${near}"?` }),
    data: { got, known },
  });
}

/** The known name within edit distance 3 and less than half of its length, or undefined. */
export function nearest(got: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = 4;
  for (const name of known) {
    const distance = editDistance(got.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance && distance * 2 <= Math.max(name.length, 2)) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions, substitutions and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? before[j - 2]! + 1 : Infinity;
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution, swap));
    }
    [before, previous] = [previous, current];
  }
  return previous[b.length]!;
}
