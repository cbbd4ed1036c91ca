import { dirname, join } from "node:path";

import { LawbookError, mismatch } from "../core/errors.js";
import { renderPng, renderSvg } from "../figures/render.js";
import type { ArmEvidence } from "../laws/evidence.js";
import {
  controlText,
  digitsOf,
  effectText,
  intervalText,
  pText,
  significance,
  unsigned,
  verdictTitle,
} from "../laws/headline.js";
import { FEWEST_PAIRS } from "../laws/judge.js";
import type { LawRule } from "../laws/law.js";
import { findLaw, LAWS } from "../laws/list.js";
import { pilotSeeds, purposeOf } from "../laws/seeds.js";
import { closeUnderParents } from "../runs/record.js";
import { acceptStudy } from "../study/overview.js";
import { addGrid, runStudy } from "../study/run.js";
import { conclude, familyPs, readStudy, type Study } from "../study/study.js";
import { type Arguments, command, type CommandContext, type CommandSpec, type Shown } from "./command.js";
import { studyOptions } from "./study-options.js";

/** `lawbook law N`: evidence, figure and verdict of a law, from committed records or from new runs. */
export const lawCommand: CommandSpec<Study> = command({
  name: "law",
  summary: "Judge a law: evidence, figure and verdict, from committed records or from new runs",
  positionals: [
    {
      name: "N",
      description: "number or name of the law",
      required: true,
      suggest: () => LAWS.map(({ rule }) => String(rule.number)),
    },
  ],
  flags: [
    {
      name: "fresh",
      kind: "boolean",
      description: "train the runs; committed records are ignored, runs in the store are not trained again",
    },
    {
      name: "seeds",
      kind: "string",
      placeholder: "LIST|COUNT",
      description:
        `a list such as 1-10 or 101,102,103, or a count: below ${FEWEST_PAIRS} that many pilot seeds (101, 102, ...), ` +
        "from there on, and with --grid, the first law seeds; with --fresh all law seeds where left out",
    },
    {
      name: "compared",
      kind: "boolean",
      description: "with --fresh: train only the arms that the verdict compares, and no grid",
    },
    {
      name: "grid",
      kind: "boolean",
      description:
        "train what is missing of the grid (with --seeds: theirs) beside the committed arms; arms that it starts from are trained again and compared " +
        "with their records",
    },
    { name: "jobs", kind: "number", placeholder: "N", description: "runs trained at the same time" },
    {
      name: "accept",
      kind: "boolean",
      description: "write rule, records, figure and verdict to reports/<law>/, and what follows for all laws",
    },
  ],
  examples: [
    "lawbook law 1",
    "lawbook law 1 --fresh --seeds 3 --jobs 2",
    "lawbook law 1 --fresh --accept --json",
  ],
  magics: ["line"],
  resultType: 'import("lawbook").Study',
  run: runLaw,
  show: showLaw,
});

async function runLaw(args: Arguments, context: CommandContext): Promise<Study> {
  const law = findLaw(args.positionals[0] ?? "");
  const folder = join(context.root, "reports", law.rule.law);
  const isSet = (name: string): boolean => args.flags[name] === true;
  const [fresh, compared, grid] = [isSet("fresh"), isSet("compared"), isSet("grid")];
  const seeds =
    typeof args.flags["seeds"] === "string" ? parseSeeds(law.rule, args.flags["seeds"], grid) : undefined;
  const options = studyOptions(args, context);
  if (grid && fresh) {
    throw new LawbookError("usage", mismatch("--grid", "--fresh beside it", "one of them"), {
      hint: "--fresh trains the grid too.",
    });
  }
  let study: Study;
  if (fresh) {
    const all = seeds ?? law.rule.seeds;
    study = await runStudy(law, all, purposeOf(law.rule, all), { ...options, compared });
  } else {
    if (compared) throw new LawbookError("usage", mismatch("--compared", "no --fresh", "both, or neither"));
    study = readStudy(folder);
    checkRecorded(study, seeds ?? []);
    if (grid) study = await addGrid(study, options, seeds);
    else if (seeds !== undefined) study = restrict(study, seeds, familyPs(dirname(folder), law));
  }
  if (isSet("accept")) await acceptStudy(folder, study);
  return study;
}

function checkRecorded({ evidence }: Study, seeds: readonly number[]): void {
  const absent = seeds.filter((seed) => !evidence.seeds.includes(seed));
  if (absent.length === 0) return;
  throw new LawbookError(
    "missing",
    mismatch("Seeds without committed records", absent, evidence.seeds.join(", ")),
    { hint: "Add --fresh to train them." },
  );
}

/** The part of a study that some of its seeds make. */
function restrict(study: Study, seeds: readonly number[], others: readonly number[]): Study {
  const chosen = study.records.filter(({ request }) => seeds.includes(request.seed));
  return conclude(
    study.law,
    closeUnderParents(chosen, (id) => study.records.find((record) => record.id === id)),
    others,
  );
}

/** "1-10", "101,103" or a count, which is one of law seeds for a grid, and otherwise of pilot seeds where it is small. */
function parseSeeds(rule: LawRule, text: string, grid: boolean): number[] {
  const wrong = (expected: string): LawbookError =>
    new LawbookError("usage", mismatch("--seeds", text, expected));
  if (/^\d+$/.test(text) && Number(text) <= 100) {
    const count = Number(text);
    if (count < 1 || count > rule.seeds.length)
      throw wrong(`a count from 1 to ${rule.seeds.length}, or a list of seeds`);
    return count < FEWEST_PAIRS && !grid ? pilotSeeds(count) : rule.seeds.slice(0, count);
  }
  const seeds = text.split(",").flatMap((part) => {
    const [, first, last = first] = /^\s*(\d{1,6})(?:-(\d{1,6}))?\s*$/.exec(part) ?? [];
    if (first === undefined || Number(last) - Number(first) > 1000)
      throw wrong("a count, or a list such as 1-10 or 101,102,103");
    return Array.from(
      { length: Math.max(0, Number(last) - Number(first) + 1) },
      (_, index) => Number(first) + index,
    );
  });
  purposeOf(rule, seeds);
  return seeds;
}

async function showLaw(study: Study): Promise<Shown> {
  const png = await renderPng(await renderSvg(study.figure));
  return {
    text: studyText(study),
    json: studyJson(study),
    display: {
      "application/vnd.vegalite.v5+json": study.figure,
      "image/png": Buffer.from(png).toString("base64"),
    },
  };
}

function studyJson({ law, evidence, verdict, records }: Study): object {
  const { law: name, number, claim, word, because, pairs, ...numbers } = verdict;
  const { primary, control, secondary, records: digest, ...rest } = evidence;
  const shown = {
    ...rest,
    ...numbers,
    law: name,
    number,
    claim,
    verdict: word,
    because,
    n: pairs,
    differences: primary.values,
    control: { ...control, failed: verdict.control.failed },
    secondary,
    records: records.map(({ id }) => id),
    recordsSha256: digest,
    source: law.rule.source,
  };
  return shown;
}

function studyText({ law, evidence, verdict }: Study): string {
  const { control } = evidence;
  const digits = digitsOf(law.rule.sesoi);
  const width = Math.max(
    ...evidence.arms.map(({ arm }) => arm.length),
    ...evidence.secondary.map(({ name }) => name.length),
  );
  const scored = ({ arm, mean, interval, strict, lenient, majority, consumed }: ArmEvidence): string =>
    [
      `  ${arm.padEnd(width)}`,
      mean.toFixed(digits).padEnd(6),
      unsigned(intervalText(interval, digits)).padEnd(16),
      strict.toFixed(2).padEnd(6),
      lenient.toFixed(2).padEnd(7),
      majority.toFixed(2).padEnd(8),
      consumed === null ? "-" : `${Math.round(consumed.wordings)}`.padEnd(8),
      consumed === null ? "" : consumed.vendi.toFixed(1),
    ]
      .join("  ")
      .trimEnd();
  return [
    verdictTitle(law.title, evidence, verdict),
    `  claim     ${law.rule.claim} (${law.rule.source})`,
    `  because   ${verdict.because}`,
    `  estimand  ${law.rule.estimand}`,
    `  effect    ${effectText(evidence.primary, digits)}, ${significance(verdict)}, smallest of interest ${law.rule.sesoi}`,
    `  control   ${effectText(control, digits)}, p ${pText(control.p)}: ${controlText(verdict)}`,
    `  seeds     ${unitsText(evidence)}`,
    `  base      ${evidence.base.model}, ${evidence.base.sha256.slice(0, 12)}, engine ${evidence.base.engine}`,
    `  cost      ${evidence.cost.runs} runs, ${evidence.cost.tokenParameters.toExponential(2)} tokens x parameters` +
      (evidence.diverged.length === 0 ? "" : `, ${evidence.diverged.length} diverged and scored 0`),
    "",
    `  ${"arm".padEnd(width)}  score   95 % interval     strict  lenient  majority  wordings  Vendi`,
    ...evidence.arms.map(scored),
    "",
    "  secondary, without a verdict",
    ...evidence.secondary.map((one) => `  ${one.name.padEnd(width)}  ${effectText(one, digits)}`),
  ].join("\n");
}

/** Seeds by what they rotate: "1, 3 (geography), 2, 4 (biology)". */
function unitsText({ seeds, units }: Study["evidence"]): string {
  return [...new Set(units)]
    .map((unit) => `${seeds.filter((_, index) => units[index] === unit).join(", ")} (${unit})`)
    .join(", ");
}
