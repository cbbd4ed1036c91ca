import { LawbookError, mismatch } from "../core/errors.js";
import type { RunRequest } from "../runs/request.js";

/**
 * The runs of one seed by name. Where a request names a model or an adapter, `arm:<name>` stands for another run of the seed.
 */
export type Arms = Readonly<Record<string, RunRequest>>;

const PREFIX = "arm:";

/** What a request calls another run of its seed. */
export const armModel = (arm: string): string => `${PREFIX}${arm}`;

/** Names of the runs that a request starts from, each once. */
export function armsBefore(request: RunRequest): string[] {
  const found = new Set<string>();
  replaceArms(request, (arm) => {
    found.add(arm);
    return arm;
  });
  return [...found];
}

/** The request with `run:<id>` for every `arm:<name>`. */
export function withRuns<Request extends RunRequest>(
  request: Request,
  idOf: (arm: string) => string,
): Request {
  return replaceArms(request, (arm) => `run:${idOf(arm)}`) as Request;
}

function replaceArms(value: unknown, replace: (arm: string) => string): unknown {
  if (typeof value === "string")
    return value.startsWith(PREFIX) ? replace(value.slice(PREFIX.length)) : value;
  if (Array.isArray(value)) return value.map((item) => replaceArms(item, replace));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaceArms(item, replace)]));
}

/** Some arms and all that they start from, as far as these are there. */
export function armsFor(names: readonly string[], arms: Arms): Arms {
  const found: Record<string, RunRequest> = {};
  const add = (name: string): void => {
    const request = arms[name];
    if (request === undefined || name in found) return;
    found[name] = request;
    armsBefore(request).forEach(add);
  };
  names.forEach(add);
  return found;
}

/**
 * Arms in waves: those of a wave start from arms of earlier waves alone, and a wave is as early as it can be.
 * Throws where arms wait for one another or for one that is not there.
 */
export function waves(arms: Arms): string[][] {
  const before = new Map(Object.entries(arms).map(([arm, request]) => [arm, armsBefore(request)]));
  const done = new Set<string>();
  const found: string[][] = [];
  while (done.size < before.size) {
    const next = [...before].filter(
      ([arm, needed]) => !done.has(arm) && needed.every((other) => done.has(other)),
    );
    if (next.length === 0) {
      const waiting = [...before].filter(([arm]) => !done.has(arm));
      throw new LawbookError(
        "internal",
        mismatch("Arms that start from one another", Object.fromEntries(waiting), "an order of training"),
      );
    }
    next.forEach(([arm]) => done.add(arm));
    found.push(next.map(([arm]) => arm));
  }
  return found;
}
