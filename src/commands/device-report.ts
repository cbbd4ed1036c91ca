import { type DeviceState, deviceState, deviceStates, findDevice } from "../compute/devices/list.js";
import { LawbookError } from "../core/errors.js";
import { checkDevice, type DeviceReport } from "../train/conformance.js";
import type { CommandContext, Shown } from "./command.js";
import { textTable } from "./table.js";

/** A device of this machine with what the conformance suite found; no report where the device cannot be used. */
export interface ExaminedDevice extends DeviceState {
  readonly report?: DeviceReport;
}

/** Runs the conformance suite on every usable device, or on the one of a name. Throws where that one cannot be used. */
export async function examineDevices(
  name: string | undefined,
  { signal, progress }: Pick<CommandContext, "signal" | "progress">,
): Promise<readonly ExaminedDevice[]> {
  const states = name === undefined ? deviceStates() : [deviceState(findDevice(name))];
  if (name !== undefined && !states[0]!.usable) {
    throw new LawbookError("environment", `The device ${name} cannot be used here: ${states[0]!.reason}.`);
  }
  const examined: ExaminedDevice[] = [];
  for (const state of states) {
    if (!state.usable) {
      examined.push(state);
      continue;
    }
    const report = await checkDevice(findDevice(state.name), {
      signal,
      progress: (done, total) => progress({ phase: `checking ${state.name}`, done, total }),
    });
    examined.push({ ...state, report });
  }
  return examined;
}

/** A table per device, one row per operation or program, and every check that failed. Exit code 31 if any did. */
export function showExamined(examined: readonly ExaminedDevice[]): Shown {
  return {
    text: examined.map(deviceText).join("\n\n"),
    json: examined,
    exitCode: examined.some(({ report }) => report?.passed === false) ? 31 : 0,
  };
}

function deviceText({ name, reason, report }: ExaminedDevice): string {
  if (report === undefined) return `${name}: not checked; ${reason}`;
  const passed = report.checks.filter((check) => check.passed).length;
  const failed = report.checks.filter((check) => !check.passed);
  const bytes = `bytes repeat ${report.determinism}, ${report.threads} threads`;
  const lines = [
    `${name}: ${passed} of ${report.checks.length} checks passed; ${bytes}`,
    "",
    textTable(["what", "checks", "passed", "worst", "may be"], summaries(report)),
  ];
  if (failed.length > 0) {
    lines.push("", ...failed.map((check) => `FAILED  ${check.name}\n        ${check.detail}`));
  }
  return lines.join("\n");
}

/** One row per operation: what stands before the first comma or colon of a check's name. */
function summaries({ checks }: DeviceReport): string[][] {
  const groups = new Map<string, typeof checks>();
  for (const check of checks) {
    const what = check.name.split(/[,:]/)[0]!;
    groups.set(what, [...(groups.get(what) ?? []), check]);
  }
  return [...groups].map(([what, own]) => {
    const share = ({ measured = Infinity, tolerance }: (typeof checks)[number]): number =>
      tolerance === undefined || tolerance === 0 ? 0 : measured / tolerance;
    const worst = own.reduce((a, b) => (share(b) > share(a) ? b : a));
    const figures = share(worst) === 0 ? ["", ""] : [show(worst.measured), show(worst.tolerance)];
    return [what, `${own.length}`, `${own.filter(({ passed }) => passed).length}`, ...figures];
  });
}

function show(figure: number | undefined): string {
  return figure === undefined ? "not finite" : figure.toExponential(1);
}
