import { LawbookError, mismatch, type Problem, invalidRequest } from "../../core/errors.js";
import { exp, mean } from "../../core/math.js";
import { stream } from "../../core/random.js";

/** A search for the weights of adapters. */
export interface WeightSearch {
  /** Adapters. */
  readonly count: number;
  /** What the weights are to make small, for example the mean of -ln p over a few rows. */
  readonly loss: (weights: readonly number[]) => Promise<number>;
  /** Evaluations of the loss, the one of the start included. */
  readonly steps: number;
  /** Factor of the mean |w|, >= 0; LoRAHub: 0.05. */
  readonly l1: number;
  /** Largest |w|, > 0; LoRAHub: 1.5. */
  readonly bound: number;
  readonly seed: number;
  /** Evaluations of the same search that was stopped earlier, from its first on: they are not made again. */
  readonly known?: readonly Trial[] | undefined;
  /** Told of all evaluations after each new one. */
  readonly keep?: ((trials: readonly Trial[]) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((done: number, best: number) => void) | undefined;
}

/** One evaluation of a search. */
export interface Trial {
  readonly weights: readonly number[];
  /** The loss alone; undefined where it was not finite, which counts as worst. */
  readonly loss: number | undefined;
  /** Loss + l1 mean |w|. */
  readonly objective: number | undefined;
}

/** What a search has found. */
export interface FoundWeights {
  readonly weights: readonly number[];
  readonly loss: number;
  readonly objective: number;
  /** All evaluations in their order; the first is at w = 0. */
  readonly trials: readonly Trial[];
}

/** First step as a share of the bound. */
const FIRST_STEP = 1 / 3;
/** Rate of successes at which the step stays as it is. */
const TARGET_SUCCESS = 2 / 11;

/**
 * Searches weights without gradients: minimise L(w) + l1 mean_i |w_i| over w in [-bound, bound]^n, from w = 0 on.
 * A (1+1) evolution strategy: w' = clip(w + sigma z), z normal, taken where it is no worse. The rate of successes is
 * smoothed, p = (11/12) p + (1/12) [success], and sigma changes by exp((p - 2/11) / ((1 - 2/11) d)), d = 1 + n / 2.
 * Deviations: LoRAHub leaves the optimiser to Nevergrad's NGOpt, and adds factors, sum_i w_i A_i and sum_i w_i B_i, where
 * here the caller's loss composes as it likes; objective, box and start are LoRAHub's.
 * Source: Huang et al. 2024 (LoRAHub); Igel, Suttorp & Hansen 2006, procedure UpdateStepSize.
 */
export async function searchWeights(search: WeightSearch): Promise<FoundWeights> {
  checkSearch(search);
  const { count, steps, bound, l1, seed, known = [], keep } = search;
  const draw = stream(seed, "weights");
  const trials: Trial[] = [];
  const evaluate = async (weights: readonly number[]): Promise<number> => {
    const earlier = known[trials.length];
    if (earlier !== undefined && `${earlier.weights}` !== `${weights}`) {
      throw new LawbookError(
        "bad-file",
        mismatch("Earlier evaluation", earlier.weights, `one of ${weights}`),
        {
          hint: "It is of another search: remove it.",
        },
      );
    }
    if (earlier === undefined) search.signal?.throwIfAborted();
    const loss = earlier === undefined ? await search.loss(weights) : (earlier.loss ?? Number.NaN);
    const objective = loss + l1 * mean(weights.map(Math.abs));
    const finite = Number.isFinite(objective);
    trials.push({ weights, loss: finite ? loss : undefined, objective: finite ? objective : undefined });
    if (earlier === undefined) keep?.(trials);
    return finite ? objective : Infinity;
  };
  let best = new Array<number>(count).fill(0);
  let least = await evaluate(best);
  let at = 0;
  let sigma = FIRST_STEP * bound;
  let successes = TARGET_SUCCESS;
  while (trials.length < steps) {
    const candidate = best.map((weight) => clip(weight + sigma * draw.normal(), bound));
    const objective = await evaluate(candidate);
    const success = objective <= least;
    if (success) [best, least, at] = [candidate, objective, trials.length - 1];
    successes = (11 / 12) * successes + Number(success) / 12;
    sigma *= exp((successes - TARGET_SUCCESS) / ((1 - TARGET_SUCCESS) * (1 + count / 2)));
    sigma = Math.min(sigma, bound);
    search.progress?.(trials.length, least);
  }
  if (!Number.isFinite(least)) {
    throw new LawbookError("request", `No weights gave a finite loss in ${steps} evaluations.`, {
      hint: "An adapter or the rows are broken: look at the loss of each adapter alone.",
    });
  }
  return { weights: best, loss: trials[at]!.loss!, objective: least, trials };
}

function clip(value: number, bound: number): number {
  return Math.max(-bound, Math.min(bound, value));
}

function checkSearch({ count, steps, l1, bound }: WeightSearch): void {
  const problems: Problem[] = [];
  const check = (path: string, got: number, right: boolean, expected: string): void => {
    if (!right) problems.push({ path, message: mismatch("wrong value", String(got), expected) });
  };
  check("adapters", count, Number.isInteger(count) && count >= 1, "at least one");
  check("search.steps", steps, Number.isInteger(steps) && steps >= 1, "an integer of at least 1");
  check("search.l1", l1, l1 >= 0 && Number.isFinite(l1), "a number of at least 0");
  check("search.bound", bound, bound > 0 && Number.isFinite(bound), "a number above 0");
  if (problems.length > 0) throw invalidRequest("The search of weights", problems);
}
