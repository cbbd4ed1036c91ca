import { LawbookError, mismatch } from "../core/errors.js";
import { stream } from "../core/random.js";
import { elbow } from "../data/clusters.js";
import { drawSources } from "../data/mixture.js";
import type { AdapterConfig } from "../model/adapted.js";
import type { ModelConfig } from "../model/config.js";
import type { MoeConfig } from "../model/lora-moe.js";
import type { StepOptions } from "../train/step.js";
import { DISCIPLINES, type FactsData, type TrainRequest } from "./request.js";

/** The adapter that a resolved request trains, or undefined for full fine-tuning. */
export function adapterOf({ method }: TrainRequest): AdapterConfig | undefined {
  if (method.kind === "full") return undefined;
  const { start: _start, freeze: _freeze, ...adapter } = method;
  if (adapter.kind === "lora") {
    const { kind: _kind, ...lora } = adapter;
    return lora;
  }
  const { balance: _balance, ...mixture } = adapter;
  return mixture as MoeConfig;
}

/** What the request says of the graph of a step; its shape follows from the rows. */
export function stepSettings(request: TrainRequest, config: ModelConfig): Omit<StepOptions, "shape"> {
  const { method, objective, optimizer } = request;
  const { decay, clip, rates, radius, betas, epsilon } = optimizer;
  return {
    config,
    adapter: adapterOf(request),
    joint: request.stages !== undefined,
    freeze: method.kind === "full" ? undefined : method.freeze,
    preference: objective.kind === "dpo" || objective.kind === "orpo" ? objective : undefined,
    balance: "experts" in method ? method.balance : undefined,
    decay,
    clip,
    rates,
    radius,
    adam: { beta1: betas[0], beta2: betas[1], epsilon },
  };
}

/** Replaces what a mixture leaves to the data: the number of experts by the elbow, the expert of each discipline. */
export function chooseExperts(request: TrainRequest, root: string): TrainRequest {
  const { method, data, seed } = request;
  if (!("experts" in method) || "text" in data) return request;
  const used = DISCIPLINES.filter((discipline) => (data.facts[discipline] ?? 0) > 0);
  const experts = method.experts === "elbow" ? elbowExperts(root, data.facts, seed) : method.experts;
  let { routing } = method;
  if (routing.kind === "labels") {
    const given = routing.experts;
    const named = Object.keys(given).length > 0;
    const missing = named ? used.find((discipline) => given[discipline] === undefined) : undefined;
    if (missing !== undefined || (!named && used.length > experts)) {
      throw new LawbookError(
        "request",
        mismatch(
          "method.routing.experts",
          named ? given : `${experts} experts for ${used.length} disciplines`,
          named ? `an expert for ${missing}` : "one expert a discipline, or an expert for each",
        ),
      );
    }
    routing = named
      ? routing
      : { kind: "labels", experts: Object.fromEntries(used.map((name, at) => [name, at])) };
  }
  return { ...request, method: { ...method, experts, routing } };
}

/** Most experts that the elbow may choose. */
const MOST_EXPERTS = 10;

function elbowExperts(root: string, facts: FactsData["facts"], seed: number): number {
  const wordings = Object.fromEntries(Object.keys(facts).map((discipline) => [discipline, 1]));
  const points = drawSources(root, facts as Record<string, number>, wordings, seed).flatMap(
    ({ vectors }) => vectors,
  );
  return elbow(points, MOST_EXPERTS, stream(seed, "elbow")).clusters;
}
