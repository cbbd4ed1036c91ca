import type { Progress } from "lawbook";

import type { Bundle } from "../cell/api.js";
import type { Show } from "../display.js";

/** Redrawn at most once in so many milliseconds. */
const REDRAW_MS = 100;
/** Points kept of a curve; beyond that every second one is dropped. */
const POINTS = 400;

let count = 0;

/**
 * The display of long work: redrawn in place while it goes on, then replaced by the result, so that what a notebook
 * keeps is a function of the result alone.
 */
export class LiveDisplay {
  readonly #id = `lawbook-magic-${++count}`;
  #drawn = false;
  #timer: NodeJS.Timeout | undefined;
  #next: Progress | undefined;
  #points: Record<string, number>[] = [];

  constructor(private readonly show: Show) {}

  /** Takes a step of the work. */
  step(progress: Progress): void {
    if (progress.values !== undefined) {
      this.#points.push({ step: progress.done, ...progress.values });
      if (this.#points.length > POINTS) this.#points = this.#points.filter((_, index) => index % 2 === 1);
    }
    this.#next = progress;
    this.#timer ??= this.#draw();
  }

  /** Puts the result in place of the progress; further bundles are displays of their own. */
  finish(bundles: readonly Bundle[]): void {
    clearTimeout(this.#timer);
    const [first, ...rest] = bundles;
    if (first !== undefined) this.#show(first);
    for (const bundle of rest) this.show(bundle);
  }

  /** Says that the work did not end well; the cell's error says why. */
  fail(): void {
    clearTimeout(this.#timer);
    if (this.#drawn) this.#show({ "text/plain": "stopped" });
  }

  #draw(): NodeJS.Timeout {
    const progress = this.#next;
    this.#next = undefined;
    if (progress !== undefined) this.#show(progressBundle(progress, this.#points));
    return setTimeout(() => {
      this.#timer = undefined;
      if (this.#next !== undefined) this.#timer = this.#draw();
    }, REDRAW_MS);
  }

  #show(bundle: Bundle): void {
    this.show(bundle, { id: this.#id, update: this.#drawn });
    this.#drawn = true;
  }
}

/** A step of long work as text and, where it has numbers, as a curve. */
export function progressBundle(
  progress: Progress,
  points: readonly Readonly<Record<string, number>>[],
): Bundle {
  const numbers = Object.entries(progress.values ?? {}).map(
    ([name, value]) => `${name} ${value.toPrecision(4)}`,
  );
  const text = [`${progress.phase} ${progress.done}/${progress.total}`, ...numbers].join(", ");
  const names = Object.keys(points[0] ?? {}).filter((name) => name !== "step");
  if (names.length === 0 || points.length < 2) return { "text/plain": text };
  return {
    "application/vnd.vegalite.v5+json": {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      title: { text, anchor: "start", fontWeight: "normal" },
      width: 420,
      height: 160,
      data: { values: points },
      transform: [{ fold: names, as: ["series", "value"] }],
      mark: { type: "line", interpolate: "linear" },
      encoding: {
        x: { field: "step", type: "quantitative", title: "step", scale: { domain: [0, progress.total] } },
        y: {
          field: "value",
          type: "quantitative",
          title: names.length === 1 ? names[0] : null,
          scale: { zero: false },
        },
        color: {
          field: "series",
          type: "nominal",
          title: null,
          ...(names.length === 1 ? { legend: null } : {}),
        },
      },
    },
    "text/plain": text,
  };
}
