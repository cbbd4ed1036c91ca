import { type Discipline, DISCIPLINES, type EvaluationSet, type TrainRequest } from "../runs/request.js";
import type { TrainInput } from "../runs/schema.js";
import type { Arms } from "./arms.js";
import { each, trainingRequest } from "./requests.js";
import type { Design, ShareThenSpecializeRule } from "./share-then-specialize.rule.js";

/** Runs beside those of the designs, which are named as they are. */
export const ARMS = {
  controlShared: "shared A, nothing to share",
  controlSymmetric: "symmetric, nothing to share",
  instruct: "instruct",
} as const;

/** A discipline's own adapter, trained on it alone. */
export const aloneArm = (discipline: Discipline): string => `${discipline} alone`;

/** The mean over those adapters. */
export const ALONE = "each discipline alone";

/** A mixture with another number of experts. */
export const expertsArm = (design: Design, experts: number): string => `${design}, ${experts} experts`;

/** What differs between the runs of a seed. */
interface Variant {
  readonly design: Design;
  readonly experts?: number;
  readonly disciplines?: readonly Discipline[];
  readonly steps?: number;
  readonly lr?: number;
  readonly disjoint?: boolean;
  readonly set?: EvaluationSet;
}

/**
 * The runs of one seed: every design, the two compared ones where disciplines share nothing, an adapter for each discipline
 * alone, and the untouched model.
 */
export function armsOf(rule: ShareThenSpecializeRule, seed: number): Arms {
  const { settings } = rule;
  const request = (variant: Variant): TrainRequest => requestOf(rule, seed, variant);
  const designs = Object.keys(settings.designs) as Design[];
  return {
    ...Object.fromEntries(designs.map((design) => [design, request({ design })])),
    [ARMS.controlShared]: request({ design: "shared A", disjoint: true }),
    [ARMS.controlSymmetric]: request({ design: "symmetric", disjoint: true }),
    ...Object.fromEntries(
      DISCIPLINES.map((one) => [
        aloneArm(one),
        request({ design: "LoRA, equal rank", disciplines: [one], steps: settings.aloneSteps }),
      ]),
    ),
    [ARMS.instruct]: request({ design: "LoRA, equal rank", steps: 0 }),
  };
}

/** The two mixtures with other numbers of experts. */
export function gridOf(rule: ShareThenSpecializeRule, seed: number): Arms {
  const { grid } = rule.settings;
  if (!grid.seeds.includes(seed)) return {};
  return Object.fromEntries(
    grid.experts.flatMap((experts) =>
      (["symmetric", "shared A"] as const).map((design) => [
        expertsArm(design, experts),
        requestOf(rule, seed, { design, experts }),
      ]),
    ),
  );
}

/** One run of a design. */
export function requestOf(
  rule: ShareThenSpecializeRule,
  seed: number,
  { design, experts, disciplines = DISCIPLINES, steps, lr, disjoint, set = "t-recall" }: Variant,
): TrainRequest {
  const { settings } = rule;
  return trainingRequest(rule, seed, {
    method: methodOf(rule, design, experts ?? settings.experts),
    data: {
      facts: each(settings.facts, disciplines),
      wordings: each(settings.wordings, disciplines),
      sampler: { kind: "balanced", diversity: true },
      ...(disjoint === true ? { disjoint } : {}),
    },
    steps: steps ?? settings.training.steps,
    optimizer: { ...settings.training.optimizer, lr: lr ?? settings.designs[design].lr },
    evaluate: { sets: [set] },
  });
}

/** Spelled out, since a record holds its request with nothing left open. */
const BY_LABEL = {
  kind: "labels",
  experts: Object.fromEntries(DISCIPLINES.map((discipline, expert) => [discipline, expert])),
} as const;

const MIXTURES = { symmetric: "lora-moe", "shared A": "shared-a", "shared B": "shared-b" } as const;

function methodOf(
  { settings }: ShareThenSpecializeRule,
  design: Design,
  experts: number,
): NonNullable<TrainInput["method"]> {
  const { rank } = settings.designs[design];
  const adapter = { rank, alpha: settings.alphaPerRank * rank, targets: "all-linear" };
  if (design === "LoRA" || design === "LoRA, equal rank") return { kind: "lora", ...adapter };
  if (design === "oracle") return { kind: "lora-moe", ...adapter, experts, routing: BY_LABEL };
  return { kind: MIXTURES[design], ...adapter, experts };
}
