import { MultiBar, Presets, type SingleBar } from "cli-progress";

import { monotonicMs } from "../core/clock.js";
import type { Progress } from "./command.js";

/** Draws the progress of long work on a terminal. */
export interface TerminalProgress {
  readonly step: (step: Progress) => void;
  /** Takes the drawing away; nothing is drawn after it. */
  readonly end: () => void;
}

/** Milliseconds between two plain lines of one phase. */
const LINE_EVERY_MS = 10_000;

/** A bar on a terminal; plain lines, at most one in ten seconds and phase, elsewhere. */
export function terminalProgress(stream: NodeJS.WriteStream): TerminalProgress {
  return stream.isTTY ? bar(stream) : lines(stream);
}

function bar(stream: NodeJS.WriteStream): TerminalProgress {
  let bars: MultiBar | undefined;
  let current: SingleBar | undefined;
  let phase = "";
  return {
    step: (step) => {
      bars ??= new MultiBar(
        {
          stream,
          format: "{phase} {bar} {value}/{total} {numbers} {eta_formatted}",
          hideCursor: true,
          clearOnComplete: true,
        },
        Presets.shades_classic,
      );
      if (step.phase !== phase || current === undefined) {
        if (current !== undefined) bars.remove(current);
        phase = step.phase;
        current = bars.create(step.total, 0, { phase, numbers: "" });
      }
      current.setTotal(step.total);
      current.update(step.done, { phase, numbers: numbersOf(step) });
    },
    end: () => bars?.stop(),
  };
}

function lines(stream: NodeJS.WriteStream): TerminalProgress {
  const last = new Map<string, number>();
  return {
    step: (step) => {
      const now = monotonicMs();
      if (step.done < step.total && now - (last.get(step.phase) ?? -Infinity) < LINE_EVERY_MS) return;
      last.set(step.phase, now);
      stream.write(`${[`${step.phase} ${step.done}/${step.total}`, numbersOf(step)].join(" ").trimEnd()}\n`);
    },
    end: () => {},
  };
}

function numbersOf({ values }: Progress): string {
  return Object.entries(values ?? {})
    .map(([name, value]) => `${name} ${value.toFixed(3)}`)
    .join(" ");
}
