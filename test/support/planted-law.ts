import { contentId } from "../../src/core/canonical.js";
import { stream } from "../../src/core/random.js";
import { waves, withRuns } from "../../src/laws/arms.js";
import type { Law } from "../../src/laws/law.js";
import type { RunInputs, RunRecord, Score, TrainResult } from "../../src/runs/record.js";
import {
  DISCIPLINES,
  type EvaluationSet,
  type RunRequest,
  type TrainRequest,
} from "../../src/runs/request.js";

/** True accuracy of an arm, and how much its runs scatter about it. */
export interface Truth {
  readonly accuracy: number;
  readonly spread: number;
}

/** A record of every arm of a law for some seeds, as `runs` would write them, with planted scores. */
export function plantedLaw(
  law: Law,
  seeds: readonly number[],
  truth: (arm: string, set: EvaluationSet) => Truth,
): RunRecord[] {
  const records = new Map<string, RunRecord>();
  for (const seed of seeds) {
    const arms = { ...law.arms(seed), ...law.grid?.(seed) };
    const ids = new Map<string, RunRecord>();
    for (const arm of waves(arms).flat()) {
      const parents = new Set<string>();
      const request = withRuns(arms[arm]!, (other) => {
        const { id } = ids.get(other)!;
        parents.add(id);
        return id;
      });
      const record = plantedRun(law, request, [...parents], (set) => truth(arm, set), `${seed}/${arm}`);
      ids.set(arm, records.get(record.id) ?? record);
      if (!records.has(record.id)) records.set(record.id, record);
    }
  }
  return [...records.values()];
}

function plantedRun(
  law: Law,
  request: RunRequest,
  parents: string[],
  truth: (set: EvaluationSet) => Truth,
  name: string,
): RunRecord {
  const model = request.kind === "train" && parents.length === 0 ? request.model : law.rule.base.model;
  const inputs: RunInputs = { model: { name: model, sha256: contentId(model) }, data: {}, parents };
  const identity = { engine: 1, request, inputs };
  const draw = stream(1, "planted", name);
  const score = (set: EvaluationSet): Score => {
    const { accuracy, spread } = truth(set);
    const value = Math.min(1, Math.max(0, draw.normal(accuracy, spread)));
    return { strict: value, lenient: value, majority: 0.08, chance: 0.25, logLikelihood: -1, questions: 240 };
  };
  const result: TrainResult = {
    graph: null,
    weights: contentId(request),
    loss: 0.5,
    curve: [0.5],
    tokens: 1000,
    parameters: 50_000,
    consumed: {},
    scores: {},
    ...(request.kind === "train" ? trained(request, score) : {}),
  };
  const record = {
    id: contentId(identity),
    ...identity,
    outcome: "finished",
    result,
    resultSha256: contentId(result),
  };
  return record as RunRecord;
}

function trained(request: TrainRequest, score: (set: EvaluationSet) => Score): Partial<TrainResult> {
  const { evaluate, data, method } = request;
  const facts = "facts" in data ? DISCIPLINES.filter((one) => data.facts[one] !== undefined) : [];
  const groups = (set: EvaluationSet): string[] => {
    const { parts } = evaluate;
    if (parts !== undefined)
      return facts.flatMap((one) => Array.from({ length: parts }, (_, part) => `${one}/${part + 1}`));
    return ["instructions", "formatted-facts", "cross"].includes(set) ? [...facts, "all"] : [...facts];
  };
  const scores = Object.fromEntries(
    evaluate.sets.map((set) => [set, Object.fromEntries(groups(set).map((group) => [group, score(set)]))]),
  );
  if (!("experts" in method)) return { scores };
  const experts = method.experts as number;
  const shares = Object.fromEntries(
    facts.map((one) => [one, Array.from({ length: experts }, () => 1 / experts)]),
  );
  return {
    scores,
    routing: { shares, mutualInformation: 0.1, byBlock: [0.1], similarity: { A: 0.5, B: 0.1 } },
  };
}
