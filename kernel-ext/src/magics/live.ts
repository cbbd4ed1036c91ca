import type { Progress } from "lawbook";

import type { Bundle, ChildInfo } from "../cell/api.js";
import type { Show } from "../display.js";

/** Redrawn at most once in so many milliseconds. */
const REDRAW_MS = 100;
/** Points kept of a curve; beyond that every second one is dropped. */
const POINTS = 400;

/** So many processes are named. */
const SHOWN_PROCESSES = 8;

let count = 0;

/** What a magic gives that was stopped by an interrupt, beside the last numbers such as `loss`. */
export interface PartialRun {
  readonly outcome: "interrupted";
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  readonly curve: readonly Readonly<Record<string, number>>[];
}

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
  #last: Progress | undefined;

  constructor(
    private readonly show: Show,
    /** Processes that do the work, named while it goes on. */
    private readonly children: () => readonly ChildInfo[] = () => [],
  ) {}

  /** Takes a step of the work. */
  step(progress: Progress): void {
    if (progress.values !== undefined) {
      this.#points.push({ step: progress.done, ...progress.values });
      if (this.#points.length > POINTS) this.#points = this.#points.filter((_, index) => index % 2 === 1);
    }
    this.#last = this.#next = progress;
    this.#timer ??= this.#draw();
  }

  /** Puts the result in place of the progress; further bundles are displays of their own. */
  finish(bundles: readonly Bundle[]): void {
    clearTimeout(this.#timer);
    const [first, ...rest] = bundles;
    if (first !== undefined) this.#show(first);
    for (const bundle of rest) this.show(bundle);
  }

  /**
   * Shows how far stopped work came and gives that as its result; undefined where nothing had begun. The same request
   * goes on from there.
   */
  partial(reason: Error): PartialRun | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    clearTimeout(this.#timer);
    const [text = "", ...hint] = reason.message.split("\n");
    this.#show({
      ...progressBundle(last, this.#points),
      "text/plain": [`${progressText(last)}: stopped. ${text}`, ...hint].join("\n"),
    });
    const { phase, done, total, values = {} } = last;
    return { outcome: "interrupted", phase, done, total, ...values, curve: this.#points };
  }

  /** Says that the work did not end well; the cell's error says why. */
  fail(): void {
    clearTimeout(this.#timer);
    if (this.#drawn) this.#show({ "text/plain": "stopped" });
  }

  #draw(): NodeJS.Timeout {
    const progress = this.#next;
    this.#next = undefined;
    if (progress !== undefined) this.#show(progressBundle(progress, this.#points, this.children()));
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

function progressText({ phase, done, total, values = {} }: Progress): string {
  const numbers = Object.entries(values).map(([name, value]) => `${name} ${value.toPrecision(4)}`);
  return [`${phase} ${done}/${total}`, ...numbers].join(", ");
}

/** A step of long work as text and, where it has numbers, as a curve. */
export function progressBundle(
  progress: Progress,
  points: readonly Readonly<Record<string, number>>[],
  children: readonly ChildInfo[] = [],
): Bundle {
  const pids = children.map(({ pid }) => pid);
  const text = [
    progressText(progress),
    ...(pids.length === 0 ? [] : [`process ${pids.slice(0, SHOWN_PROCESSES).join(" ")}`]),
  ].join(", ");
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
