import { canonicalJson, contentId, sha256 } from "../core/canonical.js";
import { LawbookError, mismatch, quote } from "../core/errors.js";
import { mean } from "../core/math.js";
import { type Interval, signFlipTest, standardDeviation, tInterval } from "../core/statistics.js";
import type { Consumed, RunRecord, Score } from "../runs/record.js";
import type { Discipline, EvaluationSet, TrainRequest } from "../runs/request.js";
import type { LawRule } from "./law.js";
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
  /** Lenient accuracy of the same questions, mean over seeds. */
  readonly lenient: number;
  /** Score of the commonest answer and of guessing, mean over seeds. */
  readonly majority: number;
  readonly chance: number;
  /** Tokens fed a run, mean over seeds. */
  readonly tokens: number;
  /** What was fed of the scored discipline, mean over seeds; null where nothing was. */
  readonly consumed: Consumed | null;
  /** The records behind the values, in the order of the seeds. */
  readonly runs: readonly string[];
}

/** A paired difference between two arms. */
export interface Contrast extends Sample {
  /** Name in the rule, for example "primary", "control" or a secondary claim. */
  readonly name: string;
  readonly treatment: string;
  readonly comparator: string;
  readonly measure: string;
  /** Exact two-sided sign-flip p of the differences. */
  readonly p: number;
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
    /** Largest number of trainable parameters of a run; with full fine-tuning the size of the model. */
    readonly parameters: number;
    readonly engine: number;
  };
  readonly arms: readonly ArmEvidence[];
  readonly primary: Contrast;
  readonly control: Contrast;
  readonly secondary: readonly Contrast[];
  /** Ids of diverged runs; they score 0 and stay in. */
  readonly diverged: readonly string[];
  /** Number of runs, and the sum over them of tokens times trainable parameters. */
  readonly cost: { readonly runs: number; readonly tokenParameters: number };
}

/** The runs of each seed, by arm. */
export type RunsBySeed = ReadonlyMap<number, Readonly<Record<string, RunRecord>>>;

/**
 * Finds the record of every arm of every seed by the request itself, so that no label can be wrong. A seed counts
 * when it has any arm; it must then have all. Records that belong to no arm (parents) are passed over.
 */
export function matchRuns(
  arms: (seed: number) => Readonly<Record<string, TrainRequest>>,
  records: readonly RunRecord[],
): RunsBySeed {
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
  const seeds = [...new Set(records.map((record) => record.request.seed))].sort((a, b) => a - b);
  const found = new Map<number, Readonly<Record<string, RunRecord>>>();
  for (const seed of seeds) {
    const requests = Object.entries(arms(seed));
    const runs = requests.map(([arm, request]) => [arm, byRequest.get(canonicalJson(request))] as const);
    const missing = runs.filter(([, record]) => record === undefined).map(([arm]) => arm);
    if (missing.length === requests.length) continue;
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
    found.set(seed, Object.fromEntries(runs) as Record<string, RunRecord>);
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

/** The score of one discipline. A diverged run scores 0; a finished run without the score is an error. */
export function scoreOf(record: RunRecord, set: EvaluationSet, discipline: Discipline): Score {
  const score = record.result.scores[set]?.[discipline];
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
        quote(discipline),
      ),
    );
  }
  return score;
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
  name: string,
  measure: string,
  treatment: { readonly arm: string; readonly values: readonly number[] },
  comparator: { readonly arm: string; readonly values: readonly number[] },
): Contrast {
  const differences = treatment.values.map((value, index) => value - comparator.values[index]!);
  return {
    name,
    treatment: treatment.arm,
    comparator: comparator.arm,
    measure,
    ...sample(differences),
    p: signFlipTest(differences).p,
  };
}

/** How one arm scored over the seeds: its runs, and the discipline scored under each, in their order. */
export function armEvidence(
  identity: Pick<ArmEvidence, "arm" | "role" | "measure">,
  runs: readonly RunRecord[],
  disciplines: readonly Discipline[],
  set: EvaluationSet,
): ArmEvidence {
  const scores = runs.map((run, index) => scoreOf(run, set, disciplines[index]!));
  const fed = runs.flatMap((run, index) => run.result.consumed[disciplines[index]!] ?? []);
  const of = (key: keyof Consumed): number => mean(fed.map((one) => one[key]));
  return {
    ...identity,
    ...sample(scores.map((score) => score.strict)),
    lenient: mean(scores.map((score) => score.lenient)),
    majority: mean(scores.map((score) => score.majority)),
    chance: mean(scores.map((score) => score.chance)),
    tokens: mean(runs.map((run) => run.result.tokens)),
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

/** What every law's evidence holds besides its arms and contrasts. Throws where runs start from different models. */
export function provenance(
  rule: LawRule,
  runs: RunsBySeed,
  records: readonly RunRecord[],
): Pick<
  Evidence,
  "law" | "number" | "rule" | "records" | "purpose" | "seeds" | "base" | "diverged" | "cost"
> {
  const seeds = [...runs.keys()];
  const all = [...runs.values()].flatMap((arms) => Object.values(arms));
  const roots = records.filter((record) => record.inputs.parents.length === 0);
  const bases = new Map(
    roots.map(({ engine, inputs: { model } }) => [canonicalJson({ engine, model }), { engine, model }]),
  );
  const [base] = bases.values();
  if (base === undefined || bases.size !== 1) {
    throw new LawbookError(
      "record-damaged",
      mismatch("Base models and engines of the records", [...bases.keys()], "one model and one engine"),
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
    base: {
      model: base.model.name,
      sha256: base.model.sha256,
      parameters: Math.max(...roots.map((record) => record.result.parameters)),
      engine: base.engine,
    },
    diverged: all.filter((record) => record.outcome === "diverged").map((record) => record.id),
    cost: {
      runs: records.length,
      tokenParameters: records.reduce((total, { result }) => total + result.tokens * result.parameters, 0),
    },
  };
}
