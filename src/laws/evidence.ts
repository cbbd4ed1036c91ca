import { canonicalJson, contentId, sha256 } from "../core/canonical.js";
import { LawbookError, mismatch, quote } from "../core/errors.js";
import { mean, sum } from "../core/math.js";
import { type Interval, signFlipTest, standardDeviation, tInterval } from "../core/statistics.js";
import {
  closeUnderParents,
  type Consumed,
  type RunRecord,
  type Score,
  tokenParameters,
} from "../runs/record.js";
import { type Discipline, DISCIPLINES, type EvaluationSet } from "../runs/request.js";
import { type Arms, armsBefore, waves, withRuns } from "./arms.js";
import type { Law, LawRule } from "./law.js";
import { type Purpose, purposeOf } from "./seeds.js";

/** A number per seed with its summary. */
export interface Sample {
  /** One value a seed, in the order of `Evidence.seeds`. */
  readonly values: readonly number[];
  readonly mean: number;
  /** Sample standard deviation; null for one value. */
  readonly deviation: number | null;
  /** 95 % t interval of the mean; null for one value. */
  readonly interval: Interval | null;
}

/** How one arm, control arm or reference model scored. */
export interface ArmEvidence extends Sample {
  readonly arm: string;
  readonly role: "arm" | "control" | "reference";
  /** Which score, for example "strict t-recall of the small discipline". */
  readonly measure: string;
  /** Strict and lenient accuracy of the same questions, mean over seeds. */
  readonly strict: number;
  readonly lenient: number;
  /** Score of the commonest answer and of guessing, mean over seeds. */
  readonly majority: number;
  readonly chance: number;
  /** Tokens fed on the way to a run, those of the runs that it was made from included, mean over seeds. */
  readonly tokens: number;
  /** Parameters that the last run on that way trained, mean over seeds. */
  readonly parameters: number;
  /** What was fed of the scored discipline, mean over seeds; null where nothing was. */
  readonly consumed: Consumed | null;
  /** The records behind the values, in the order of the seeds. */
  readonly runs: readonly string[];
}

/** How an arm scored, without what was fed on the way. */
export type ArmScores = Omit<ArmEvidence, "tokens">;

/** A paired difference between two arms. */
export interface Difference extends Sample {
  readonly treatment: string;
  readonly comparator: string;
  readonly measure: string;
  /** Exact two-sided sign-flip p of the differences. */
  readonly p: number;
}

/** A difference that the rule asks for. */
export interface Contrast extends Difference {
  /** Name in the rule: "primary", "control" or a secondary claim. */
  readonly name: string;
}

/** One point of a grid. */
export interface GridPoint extends Sample {
  /** What the points of one line have in common. */
  readonly design: string;
  readonly x: number;
  /** The seeds behind the values: a grid may be run on some of the law's seeds. */
  readonly seeds: readonly number[];
  readonly runs: readonly string[];
  /** Trainable parameters, mean over seeds. */
  readonly parameters: number;
}

/** Arms along a dial, for example the imbalance or the rank; told with intervals, judged by nothing. */
export interface Grid {
  readonly name: string;
  readonly measure: string;
  /** What x is. */
  readonly x: string;
  readonly points: readonly GridPoint[];
}

/** Values of rows and columns, for example how often the router sends a discipline to an expert. */
export interface Matrix {
  /** Says of which seed, or that it holds means over how many. */
  readonly name: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** null where there is no such cell. */
  readonly values: readonly (readonly (number | null)[])[];
}

/** What the records say about a law, before any judgement. */
export interface Evidence {
  readonly law: string;
  readonly number: number;
  /** sha256 of the canonical rule. */
  readonly rule: string;
  /** sha256 of the canonical records, sorted by id, one a line. */
  readonly records: string;
  readonly purpose: Purpose;
  readonly seeds: readonly number[];
  /** What each seed varies besides its draws, for example the small discipline; in the order of the seeds. */
  readonly units: readonly string[];
  readonly base: {
    readonly model: string;
    readonly sha256: string;
    /** Parameters of the model. */
    readonly parameters: number;
    readonly engine: number;
  };
  /** Every model that a run started from. */
  readonly models: readonly { readonly model: string; readonly sha256: string; readonly engine: number }[];
  readonly arms: readonly ArmEvidence[];
  readonly primary: Contrast;
  readonly control: Contrast;
  readonly secondary: readonly Contrast[];
  readonly grids: readonly Grid[];
  readonly matrices: readonly Matrix[];
  /** Numbers without an arm, for example a ratio of spreads with its interval. */
  readonly numbers: readonly {
    readonly name: string;
    readonly value: number;
    readonly interval: Interval | null;
  }[];
  /** Ids of diverged runs; they score 0 and stay in. */
  readonly diverged: readonly string[];
  /** Number of runs, and the sum over them of tokens times parameters of the model that these went through. */
  readonly cost: { readonly runs: number; readonly tokenParameters: number };
}

/** The runs of each seed, by arm; a seed may lack arms that other seeds have. */
export type RunsBySeed = ReadonlyMap<number, Readonly<Record<string, RunRecord>>>;

/**
 * Finds the record of every arm of every seed by the request itself, so that no label can be wrong. A seed counts
 * when it has any arm; it must then have all. Arms of a grid come with a seed that has all of them. Records that belong
 * to no arm are passed over.
 */
export function matchRuns(
  arms: (seed: number) => Arms,
  records: readonly RunRecord[],
  grid: (seed: number) => Arms = () => ({}),
): RunsBySeed {
  const find = finder(records);
  const seeds = [...new Set(records.map((record) => record.request.seed))].sort((a, b) => a - b);
  const found = new Map<number, Readonly<Record<string, RunRecord>>>();
  for (const seed of seeds) {
    const compared = arms(seed);
    const wanted = { ...compared, ...grid(seed) };
    const runs = find(wanted);
    const names = Object.keys(compared);
    const missing = names.filter((arm) => runs[arm] === undefined);
    if (missing.length === names.length) continue;
    if (missing.length > 0) {
      throw new LawbookError(
        "missing",
        `Seed ${seed} is incomplete: got no record of ${missing.map(quote).join(", ")}.`,
        {
          hint: "Run the study with --fresh; finished runs are not trained again.",
          data: { seed, missing },
        },
      );
    }
    const all = Object.keys(wanted);
    const kept = all.every((arm) => runs[arm] !== undefined) ? all : names;
    found.set(seed, Object.fromEntries(kept.map((arm) => [arm, runs[arm]!])));
  }
  if (found.size === 0) {
    throw new LawbookError(
      "missing",
      "No record belongs to this law: got no complete seed, expected at least one.",
      {
        hint: "Run the study with --fresh.",
      },
    );
  }
  return found;
}

/**
 * Finds those of one seed's arms that are among the records, by their requests. Throws `record-damaged` where two records
 * answer one request.
 */
export function finder(records: readonly RunRecord[]): (arms: Arms) => Readonly<Record<string, RunRecord>> {
  const byRequest = new Map<string, RunRecord>();
  for (const record of records) {
    const key = canonicalJson(record.request);
    const other = byRequest.get(key);
    if (other !== undefined && other.id !== record.id) {
      throw new LawbookError(
        "record-damaged",
        `Two records answer the same request: got ${other.id} and ${record.id}, expected one engine and one base model.`,
        { hint: "Run the study again with --fresh.", data: { ids: [other.id, record.id] } },
      );
    }
    byRequest.set(key, record);
  }
  return (arms) => {
    const runs: Record<string, RunRecord> = {};
    for (const arm of waves(arms).flat()) {
      if (armsBefore(arms[arm]!).some((other) => runs[other] === undefined)) continue;
      const request = withRuns(arms[arm]!, (other) => runs[other]!.id);
      const record = byRequest.get(canonicalJson(request));
      if (record !== undefined) runs[arm] = record;
    }
    return runs;
  };
}

/** The score of one group of questions, mostly a discipline. A diverged run scores 0; a finished run without the score is an error. */
export function scoreOf(record: RunRecord, set: EvaluationSet, group: string): Score {
  const score = record.result.scores[set]?.[group];
  if (record.outcome === "diverged") {
    return {
      ...(score ?? { majority: 0, chance: 0, questions: 0 }),
      strict: 0,
      lenient: 0,
      logLikelihood: 0,
    };
  }
  if (score === undefined) {
    throw new LawbookError(
      "record-damaged",
      mismatch(
        `Record ${record.id}, scores.${set}`,
        Object.keys(record.result.scores[set] ?? {}),
        quote(group),
      ),
    );
  }
  return score;
}

/** Several disciplines as one score, each counting alike; questions are summed. */
export function macroScore(record: RunRecord, set: EvaluationSet, groups: readonly string[]): Score {
  const scores = groups.map((group) => scoreOf(record, set, group));
  const of = (key: "strict" | "lenient" | "majority" | "chance" | "logLikelihood"): number =>
    mean(scores.map((score) => score[key]));
  return {
    strict: of("strict"),
    lenient: of("lenient"),
    majority: of("majority"),
    chance: of("chance"),
    logLikelihood: of("logLikelihood"),
    questions: sum(scores.map(({ questions }) => questions)),
  };
}

/** Mean, deviation and interval of one value a seed. */
export function sample(values: readonly number[]): Sample {
  const several = values.length > 1;
  return {
    values,
    mean: mean(values),
    deviation: several ? standardDeviation(values) : null,
    interval: several ? tInterval(values) : null,
  };
}

/** Treatment minus comparator, seed by seed. */
export function contrast(
  measure: string,
  treatment: { readonly arm: string; readonly values: readonly number[] },
  comparator: { readonly arm: string; readonly values: readonly number[] },
): Difference {
  const differences = treatment.values.map((value, index) => value - comparator.values[index]!);
  return {
    treatment: treatment.arm,
    comparator: comparator.arm,
    measure,
    ...sample(differences),
    p: signFlipTest(differences).p,
  };
}

/** What is measured of a run: a score, and which of its numbers counts. */
export interface Measure {
  readonly name: string;
  readonly key: "strict" | "lenient";
  /** `index`: place of the run's seed. */
  score(run: RunRecord, index: number): Score;
  /** The discipline whose rows are counted; left out: none are. */
  fed?(index: number): Discipline;
}

/** Recall of trained facts in unseen phrasings, each discipline counting alike. */
export function recallMeasure(key: Measure["key"]): Measure {
  return {
    name: `${key} t-recall, macro over disciplines`,
    key,
    score: (run) => macroScore(run, "t-recall", DISCIPLINES),
  };
}

/** How one arm scored over the seeds; its runs in their order. */
export function armEvidence(
  arm: string,
  role: ArmScores["role"],
  measure: Measure,
  runs: readonly RunRecord[],
): ArmScores {
  const scores = runs.map((run, index) => measure.score(run, index));
  const { fed: fedOf } = measure;
  const fed =
    fedOf === undefined ? [] : runs.flatMap((run, index) => run.result.consumed[fedOf(index)] ?? []);
  const of = (key: keyof Consumed): number => mean(fed.map((one) => one[key]));
  return {
    arm,
    role,
    measure: measure.name,
    ...sample(scores.map((score) => score[measure.key])),
    strict: mean(scores.map((score) => score.strict)),
    lenient: mean(scores.map((score) => score.lenient)),
    majority: mean(scores.map((score) => score.majority)),
    chance: mean(scores.map((score) => score.chance)),
    parameters: mean(runs.map((run) => run.result.parameters)),
    consumed:
      fed.length < runs.length
        ? null
        : {
            facts: of("facts"),
            wordings: of("wordings"),
            rows: of("rows"),
            maxRepeats: of("maxRepeats"),
            vendi: of("vendi"),
          },
    runs: runs.map((run) => run.id),
  };
}

/** Several arms as one, each counting alike, seed by seed. */
export function meanArm(
  arm: string,
  role: ArmScores["role"],
  measure: string,
  parts: readonly ArmScores[],
): ArmScores {
  const over = (value: (part: ArmScores) => number): number => mean(parts.map(value));
  return {
    arm,
    role,
    measure,
    ...sample(parts[0]!.values.map((_, seed) => over((part) => part.values[seed]!))),
    strict: over((part) => part.strict),
    lenient: over((part) => part.lenient),
    majority: over((part) => part.majority),
    chance: over((part) => part.chance),
    parameters: over((part) => part.parameters),
    consumed: null,
    runs: parts.flatMap((part) => part.runs),
  };
}

/** One point of a grid: the runs of an arm, on the seeds that have it. */
export function gridPoint(
  design: string,
  x: number,
  measure: Measure,
  runs: ReadonlyMap<number, RunRecord>,
): GridPoint {
  const records = [...runs.values()];
  return {
    design,
    x,
    ...sample(records.map((run, index) => measure.score(run, index)[measure.key])),
    seeds: [...runs.keys()],
    runs: records.map((run) => run.id),
    parameters: mean(records.map((run) => run.result.parameters)),
  };
}

/** The runs of an arm by seed, on the seeds that have it, or on some of them. */
export function runsOfArm(
  runs: RunsBySeed,
  arm: string,
  seeds: readonly number[] = [...runs.keys()],
): Map<number, RunRecord> {
  return new Map(
    [...runs].flatMap(([seed, arms]) =>
      arms[arm] === undefined || !seeds.includes(seed) ? [] : [[seed, arms[arm]]],
    ),
  );
}

/** The seeds that have an arm; of one of the grid: those that have their grid. */
export function seedsOfArm(runs: RunsBySeed, arm: string): number[] {
  return [...runsOfArm(runs, arm).keys()];
}

/**
 * Evidence of what a law's own file says about its runs: secondary differences in the order of the rule's claims; units,
 * grids, matrices and numbers only where it has them.
 */
export type OwnEvidence = {
  readonly arms: readonly ArmScores[];
  readonly primary: Difference;
  readonly control: Difference;
  readonly secondary: readonly Difference[];
} & Partial<Pick<Evidence, "units" | "grids" | "matrices" | "numbers">>;

/** The evidence of a law: its runs found among the records, where they come from, and what the law says about them. */
export function gatherEvidence(
  { rule, arms, grid }: Pick<Law, "rule" | "arms" | "grid">,
  records: readonly RunRecord[],
  own: (runs: RunsBySeed) => OwnEvidence,
): Evidence {
  const runs = matchRuns(arms, records, grid);
  const provided = provenance(rule, runs, records);
  const { primary, control, secondary, ...others } = own(runs);
  const tokens = tokensTo(records);
  if (secondary.length !== rule.secondary.length) {
    throw new LawbookError(
      "internal",
      mismatch(
        `Secondary differences of ${rule.law}`,
        secondary.length,
        `${rule.secondary.length}, as claimed`,
      ),
    );
  }
  return {
    ...provided,
    units: provided.seeds.map(() => "all disciplines"),
    grids: [],
    matrices: [],
    numbers: [],
    ...others,
    arms: others.arms.map((arm) => ({ ...arm, tokens: mean(arm.runs.map(tokens)) })),
    primary: { name: "primary", ...primary },
    control: { name: "control", ...control },
    secondary: rule.secondary.map((name, index) => ({ name, ...secondary[index]! })),
  };
}

/** Tokens fed on the way to a run of the records, each of those that it was made from counted once. */
function tokensTo(records: readonly RunRecord[]): (id: string) => number {
  const byId = new Map(records.map((record) => [record.id, record]));
  return (id) =>
    sum(closeUnderParents([byId.get(id)!], (parent) => byId.get(parent)).map(({ result }) => result.tokens));
}

/** What every law's evidence holds besides its arms and contrasts. Throws where runs start from different models of one name. */
function provenance(
  rule: LawRule,
  runs: RunsBySeed,
  records: readonly RunRecord[],
): Pick<
  Evidence,
  "law" | "number" | "rule" | "records" | "purpose" | "seeds" | "base" | "models" | "diverged" | "cost"
> {
  const seeds = [...runs.keys()];
  const all = [...runs.values()].flatMap((arms) => Object.values(arms));
  const used = new Map<
    string,
    { readonly model: string; readonly sha256: string; readonly engine: number }
  >();
  for (const { engine, inputs } of records.filter((record) => record.inputs.parents.length === 0)) {
    used.set(canonicalJson({ engine, model: inputs.model }), {
      model: inputs.model.name,
      sha256: inputs.model.sha256,
      engine,
    });
  }
  const models = [...used.values()].sort((a, b) => (a.model < b.model ? -1 : 1));
  const base = models.find(({ model }) => model === rule.base.model);
  const names = new Set(models.map(({ model }) => model));
  const engines = new Set(records.map(({ engine }) => engine));
  if (base === undefined || names.size !== models.length || engines.size !== 1) {
    throw new LawbookError(
      "record-damaged",
      mismatch(
        "Base models and engines of the records",
        [...used.keys()],
        `one engine, and one model of each name, ${rule.base.model} among them`,
      ),
      { hint: "Run the study again with --fresh." },
    );
  }
  const sorted = [...records].sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    law: rule.law,
    number: rule.number,
    rule: contentId(rule),
    records: sha256(sorted.map((record) => `${canonicalJson(record)}\n`).join("")),
    purpose: purposeOf(rule, seeds),
    seeds,
    base: { ...base, parameters: rule.base.parameters },
    models,
    diverged: [...new Set(all.filter((record) => record.outcome === "diverged").map((record) => record.id))],
    cost: { runs: records.length, tokenParameters: tokenParameters(records) },
  };
}
