import { type EvaluationSet, type TrainRequest } from "../runs/request.js";
import type { TrainInput } from "../runs/schema.js";
import type { Arms } from "./arms.js";
import type { OptimizeThenScaleRule } from "./optimize-then-scale.rule.js";
import { each, trainingRequest } from "./requests.js";

/** The two designs that are scaled. */
export const DESIGNS = ["default", "optimised"] as const;

/** One of the two designs that are scaled. */
export type ScaledDesign = (typeof DESIGNS)[number];

/** What optimising changes, each by itself. */
export const CHANGES = [
  "all linear layers",
  "learning rate",
  "alpha / sqrt(rank)",
  "balanced and diverse data",
] as const;

/** One of the changes. */
export type Change = (typeof CHANGES)[number];

/** Name of a design at a rank. */
export const rankArm = (design: ScaledDesign, rank: number): string => `${design}, rank ${rank}`;
/** The same with the facts of the control. */
export const controlArm = (design: ScaledDesign, rank: number): string => `${rankArm(design, rank)}, control`;
/** The default design with one change, at the smallest rank. */
export const changeArm = (change: Change): string => `default with ${change}`;
/** A mixture. */
export const expertsArm = (design: ScaledDesign, experts: number): string => `${design}, ${experts} experts`;
/** A design at the smallest rank on another base model. */
export const modelArm = (design: ScaledDesign, model: string): string => `${design} on ${model}`;
/** The untouched model. */
export const INSTRUCT = "instruct";

/** What a run is made of. */
interface Variant {
  readonly changes: readonly Change[];
  readonly rank: number;
  readonly experts?: number;
  readonly model?: string;
  readonly facts?: number;
  readonly steps?: number;
  readonly lr?: number;
  readonly set?: EvaluationSet;
}

const changesOf = (design: ScaledDesign): readonly Change[] => (design === "optimised" ? CHANGES : []);

/**
 * The runs of one seed: both designs at the smallest and the largest rank, with the facts of the claim and of the control, and
 * the untouched model.
 */
export function armsOf(rule: OptimizeThenScaleRule, seed: number): Arms {
  const { facts, ranks } = rule.settings;
  const [smallest, largest] = [ranks[0]!, ranks.at(-1)!];
  return Object.fromEntries([
    ...DESIGNS.flatMap((design) =>
      [smallest, largest].flatMap((rank) => {
        const variant = { changes: changesOf(design), rank };
        return [
          [rankArm(design, rank), requestOf(rule, seed, variant)],
          [controlArm(design, rank), requestOf(rule, seed, { ...variant, facts: facts.control })],
        ];
      }),
    ),
    [INSTRUCT, requestOf(rule, seed, { changes: [], rank: smallest, steps: 0 })],
  ]) as Arms;
}

/** The ranks between, each change by itself, experts and widths. */
export function gridOf(rule: OptimizeThenScaleRule, seed: number): Arms {
  const { ranks, grid } = rule.settings;
  if (!grid.seeds.includes(seed)) return {};
  const [smallest] = ranks as [number];
  const request = (variant: Variant): TrainRequest => requestOf(rule, seed, variant);
  return Object.fromEntries([
    ...DESIGNS.flatMap((design) => {
      const changes = changesOf(design);
      return [
        ...ranks.map((rank) => [rankArm(design, rank), request({ changes, rank })]),
        ...grid.experts.map((experts) => [
          expertsArm(design, experts),
          request({ changes, rank: grid.expertRank, experts }),
        ]),
        ...grid.models.map(({ model }) => [
          modelArm(design, model),
          request({ changes, rank: smallest, model }),
        ]),
      ];
    }),
    ...CHANGES.map((change) => [changeArm(change), request({ changes: [change], rank: smallest })]),
  ]) as Arms;
}

/** One run of a design. */
export function requestOf(rule: OptimizeThenScaleRule, seed: number, variant: Variant): TrainRequest {
  const { settings } = rule;
  const { changes, model, facts = settings.facts.claim, steps = settings.training.steps } = variant;
  const changed = (change: Change): boolean => changes.includes(change);
  const diverse = changed("balanced and diverse data");
  const { others, scarce, diverse: many } = settings.wordings;
  const lr = variant.lr ?? settings.rates[changed("learning rate") ? "optimised" : "default"];
  return trainingRequest(rule, seed, {
    ...(model === undefined ? {} : { model }),
    method: methodOf(rule, variant),
    data: {
      facts: each(facts),
      wordings: { ...each(others), geography: diverse ? many : scarce },
      sampler: { kind: diverse ? "balanced" : "proportional", diversity: diverse },
    },
    steps,
    optimizer: { ...settings.training.optimizer, lr },
    evaluate: { sets: [variant.set ?? "t-recall"] },
  });
}

function methodOf(
  { settings: { alpha, grid } }: OptimizeThenScaleRule,
  { changes, rank, experts }: Variant,
): NonNullable<TrainInput["method"]> {
  const changed = (change: Change): boolean => changes.includes(change);
  const adapter = {
    rank,
    targets: changed("all linear layers") ? "all-linear" : ["q_proj", "v_proj"],
    // The same scaling as alpha / rank at rank 8.
    ...(changed("alpha / sqrt(rank)") ? { alpha: alpha / Math.sqrt(8), rsLora: true } : { alpha }),
  };
  if (experts === undefined) return { kind: "lora", ...adapter };
  const balanced = changed("balanced and diverse data") ? { balance: { auxiliary: grid.balance } } : {};
  return { kind: "lora-moe", ...adapter, experts, ...balanced };
}
