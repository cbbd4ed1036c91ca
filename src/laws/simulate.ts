import { contentId } from "../core/canonical.js";
import { stream, type Stream } from "../core/random.js";
import { contrast } from "./evidence.js";
import { judge, type Judged, type VerdictWord } from "./judge.js";
import type { LawRule } from "./law.js";

/** How differences scatter about their truth. */
export const NOISES = ["normal", "student-t3", "discrete"] as const;

/** One of them. */
export type Noise = (typeof NOISES)[number];

/** A world in which the truth is known. */
export interface World {
  /** True mean difference of the claim and of its control, in the unit of the estimand. */
  readonly effect: number;
  readonly control: number;
  /** Standard deviation of a paired difference, > 0. */
  readonly spread: number;
  readonly noise: Noise;
  readonly pairs: number;
}

/** How often a judge said what, and how often its interval held the truth; shares in [0, 1]. */
export interface SimulatedJudgements {
  readonly words: Readonly<Record<VerdictWord, number>>;
  /** Unadjusted p at most alpha. */
  readonly significant: number;
  readonly coverage: number;
}

/**
 * One draw of noise, symmetric about 0 with standard deviation 1 (`discrete`: about 1):
 * normal; Student's t with 3 degrees of freedom, z_0 / sqrt((z_1^2 + z_2^2 + z_3^2) / 3) / sqrt(3);
 * discrete: a normal draw rounded to whole numbers, with zeros and ties as scores of few questions have.
 */
export function drawNoise(noise: Noise, draw: Stream): number {
  const z = draw.normal();
  if (noise === "normal") return z;
  if (noise === "discrete") return Math.sign(z) * Math.round(Math.abs(z));
  const squares = [draw.normal(), draw.normal(), draw.normal()].reduce((total, one) => total + one * one, 0);
  return z / Math.sqrt(squares / 3) / Math.sqrt(3);
}

/** What a judge would see of a world. */
export function plantedEvidence(rule: LawRule, world: World, draw: Stream): Judged {
  const { treatment, comparator } = rule.arms;
  const planted = (truth: number): Judged["primary"] => {
    const values = Array.from(
      { length: world.pairs },
      () => truth + world.spread * drawNoise(world.noise, draw),
    );
    const zeros = { arm: comparator, values: values.map(() => 0) };
    return contrast(rule.estimand, { arm: treatment, values }, zeros);
  };
  return {
    rule: contentId(rule),
    purpose: "law",
    primary: planted(world.effect),
    control: planted(world.control),
  };
}

/**
 * Judges many draws of one world. The draws follow from the seed and the world's noise alone, so that a larger effect
 * is tried on the same noise.
 */
export function simulate(
  rule: LawRule,
  world: World,
  repetitions: number,
  seed: number,
): SimulatedJudgements {
  const draw = stream(seed, "simulated-law", world.noise);
  const words: Record<VerdictWord, number> = {
    supported: 0,
    contradicted: 0,
    "not supported": 0,
    inconclusive: 0,
    "not a test": 0,
  };
  let significant = 0;
  let covered = 0;
  for (let i = 0; i < repetitions; i++) {
    const { word, p, interval } = judge(rule, plantedEvidence(rule, world, draw));
    words[word] += 1 / repetitions;
    if (p <= rule.alpha) significant++;
    if (interval !== null && interval.low <= world.effect && world.effect <= interval.high) covered++;
  }
  return { words, significant: significant / repetitions, coverage: covered / repetitions };
}
