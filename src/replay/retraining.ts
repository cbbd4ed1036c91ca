import { randomIndex } from "../core/entropy.js";
import { LawbookError } from "../core/errors.js";
import type { RunRecord } from "../runs/record.js";
import type { Retrained } from "../runs/retrain.js";
import { isOfAllLaws } from "../study/study.js";
import type { LawRecords } from "./records.js";
import type { ReplayOptions } from "./options.js";
import type { ReportBuilder } from "./report.js";

/** A record is only chosen for re-training where it takes less, parents included. */
const MOST_SECONDS = 120;

/** Trains some records again, chosen by the entropy of the system, so that nobody knows beforehand which. */
export async function retrainSome(
  options: ReplayOptions,
  laws: readonly LawRecords[],
  home: string,
  report: ReportBuilder,
): Promise<void> {
  const { retrain, plannedSeconds, trainAgain, signal } = options;
  if (retrain === 0) return;
  const byId = new Map(laws.flatMap(({ records }) => records.map((record) => [record.id, record])));
  const seconds = (record: RunRecord): number =>
    withParents(record, byId).reduce((sum, run) => sum + plannedSeconds(run, (id) => byId.get(id)), 0);
  const short = (all: readonly LawRecords[]): RunRecord[][] =>
    all.map(({ records }) => records.filter((record) => seconds(record) < MOST_SECONDS));
  const own = short(laws.filter(({ law }) => !isOfAllLaws(law)));
  const together = short(laws.filter(({ law }) => isOfAllLaws(law))).flat();
  const chosen = chooseRecords(own, together, retrain, randomIndex);
  if (chosen.length === 0) {
    report.row("retrain", "any", "skipped", `no record trains in less than ${MOST_SECONDS} s`);
  }
  for (const record of chosen) {
    const name = record.id.slice(0, 12);
    try {
      const retrained = await trainAgain(record, home);
      const { got, equal } = retrained;
      const detail = `weights ${got.weights.slice(0, 12)}…, result ${got.resultSha256.slice(0, 12)}…`;
      report.row("retrain", name, equal ? "same" : "differs", detail);
      if (!equal) report.failure("retrain", name, retrainDiffers(retrained));
    } catch (error) {
      if (signal.aborted) throw error;
      report.row("retrain", name, "failed", "could not be trained");
      report.failure("retrain", name, error);
    }
  }
}

/** `count` different items in rounds: one of each group in a drawn order, then one of the last group. */
export function chooseRecords<T>(
  groups: readonly (readonly T[])[],
  last: readonly T[],
  count: number,
  draw: (n: number) => number,
): T[] {
  const left = groups.map((group) => [...group]);
  const atEnd = [...last];
  const chosen: T[] = [];
  const take = (group: T[]): void => void chosen.push(...group.splice(draw(group.length), 1));
  while (chosen.length < count && [...left, atEnd].some((group) => group.length > 0)) {
    const round = left.filter((group) => group.length > 0);
    while (round.length > 0) take(round.splice(draw(round.length), 1)[0]!);
    if (atEnd.length > 0) take(atEnd);
  }
  return chosen.slice(0, count);
}

/** A record and all that it was made from, each once. */
function withParents(record: RunRecord, byId: ReadonlyMap<string, RunRecord>): RunRecord[] {
  const found = new Set([record]);
  for (const run of found) {
    for (const id of run.inputs.parents) {
      const parent = byId.get(id);
      if (parent !== undefined) found.add(parent);
    }
  }
  return [...found];
}

function retrainDiffers({ id, expected, got }: Retrained): LawbookError {
  const what =
    `Record ${id}, trained again, gives other bytes:\n` +
    `- weights ${expected.weights}, result ${expected.resultSha256}\n` +
    `+ weights ${got.weights}, result ${got.resultSha256}`;
  return new LawbookError("retrain-differs", what, { data: { record: id } });
}
