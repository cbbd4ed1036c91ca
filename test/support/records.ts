import { canonicalJson, contentId } from "../../src/core/canonical.js";
import { stream } from "../../src/core/random.js";
import { smallDiscipline } from "../../src/laws/balance-then-diversity-arms.js";
import { balanceThenDiversity } from "../../src/laws/balance-then-diversity.js";
import type { RunInputs, TrainRecord, Score, TrainResult } from "../../src/runs/record.js";
import { type Discipline, DISCIPLINES, type FactsData, type TrainRequest } from "../../src/runs/request.js";

const MODEL = { name: "xs-instruct", sha256: contentId("a planted base model") };

/** A record as `runs` would write it, with planted scores. */
export function plantedRecord(
  request: TrainRequest,
  strict: (discipline: Discipline) => number,
  changes: { outcome?: TrainRecord["outcome"]; parents?: string[]; engine?: number } = {},
): TrainRecord {
  const engine = changes.engine ?? 1;
  const inputs: RunInputs = {
    model: MODEL,
    data: { "datasets/facts/geography.jsonl": contentId("geography") },
    parents: changes.parents ?? [],
  };
  const facts: FactsData["facts"] = "facts" in request.data ? request.data.facts : {};
  const score = (value: number): Score => ({
    strict: value,
    lenient: Math.min(1, 0.25 + 0.75 * value),
    majority: 0.08,
    chance: 0.25,
    logLikelihood: -2 + 2 * value,
    questions: 240,
  });
  const disciplines = DISCIPLINES.filter((one) => facts[one] !== undefined);
  const result: TrainResult = {
    graph: contentId("graph"),
    weights: contentId(request),
    loss: 0.5,
    curve: [3, 2, 1, 0.5],
    tokens: request.steps * request.batch * 28,
    parameters: 382_656,
    consumed: Object.fromEntries(
      (request.steps === 0 ? [] : disciplines).map((one) => [
        one,
        { facts: facts[one]!, wordings: facts[one]! * 2, rows: 2560, maxRepeats: 5, vendi: 20 },
      ]),
    ),
    scores: Object.fromEntries(
      request.evaluate.sets.map((set) => [
        set,
        Object.fromEntries(disciplines.map((one) => [one, score(strict(one))])),
      ]),
    ),
  };
  return {
    id: contentId({ engine, request, inputs }),
    engine,
    request,
    inputs,
    outcome: changes.outcome ?? "finished",
    result,
    resultSha256: contentId(result),
  };
}

/** True accuracies of the arms of Law 1 and how much seeds scatter about them. */
export interface Plan {
  readonly proportional: number;
  readonly balanced: number;
  readonly diverse: number;
  readonly controlBalanced: number;
  readonly controlDiverse: number;
  readonly spread: number;
}

/** What the pilot found, about. */
export const PILOT_LIKE: Plan = {
  proportional: 0.01,
  balanced: 0.18,
  diverse: 0.59,
  controlBalanced: 0.93,
  controlDiverse: 0.88,
  spread: 0.07,
};

/** True accuracy of every arm of the grid that is no arm of the comparison. */
const GRID = 0.3;

/** All records of Law 1 for some seeds, scattered by a fixed stream. */
export function plantedStudy(seeds: readonly number[], plan: Plan, name = "planted"): TrainRecord[] {
  const truths = [
    plan.proportional,
    plan.balanced,
    plan.diverse,
    plan.controlBalanced,
    plan.controlDiverse,
    0.98,
    0.0,
  ];
  return seeds.flatMap((seed) => {
    const draw = stream(seed, "planted", name);
    const different = new Map(
      Object.values({ ...balanceThenDiversity.arms(seed), ...balanceThenDiversity.grid!(seed) }).map(
        (request) => [canonicalJson(request), request],
      ),
    );
    return ([...different.values()] as TrainRequest[]).map((request, index) => {
      const noisy = (truth: number): number => Math.min(1, Math.max(0, draw.normal(truth, plan.spread)));
      const small = index === 6 ? 0 : noisy(truths[index] ?? GRID);
      const large = noisy(0.35);
      return plantedRecord(request, (one) =>
        one === smallDiscipline(balanceThenDiversity.rule, seed) ? small : large,
      );
    });
  });
}
