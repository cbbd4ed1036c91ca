import {
  type RateCurve,
  schedulerRate,
  type SchedulerName,
  type SchedulerOptions,
} from "../../../src/train/schedule.js";
import type { Runner } from "../case.js";

/** Our names of the schedulers of transformers. */
const NAMES: Readonly<Record<string, SchedulerName>> = {
  constant: "constant",
  constant_with_warmup: "constant",
  linear: "linear",
  cosine: "cosine",
  cosine_with_min_lr: "cosine",
  warmup_stable_decay: "wsd",
};

/** What a case writes into `scheduler_specific_kwargs`. */
interface Keywords {
  readonly min_lr?: number;
  readonly min_lr_rate?: number;
  readonly min_lr_ratio?: number;
  readonly num_cycles?: number;
  readonly num_decay_steps?: number;
  readonly num_stable_steps?: number;
  readonly warmup_type?: RateCurve;
  readonly decay_type?: RateCurve;
}

function optionsOf(keywords: Keywords, peak: number): Partial<SchedulerOptions> {
  const floor =
    keywords.min_lr === undefined ? (keywords.min_lr_rate ?? keywords.min_lr_ratio) : keywords.min_lr / peak;
  const given = {
    floor,
    cycles: keywords.num_cycles,
    decay: keywords.num_decay_steps,
    stable: keywords.num_stable_steps,
    rise: keywords.warmup_type,
    fall: keywords.decay_type,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Learning rates of the schedulers of transformers. */
export const schedule: Runner = {
  ignored: {},
  run: ({ inputs, expected }) => {
    const {
      name,
      lr,
      warmup_and_total: pairs,
    } = inputs as {
      name: string;
      lr: number;
      warmup_and_total: [number, number][];
    };
    const own = NAMES[name];
    if (own === undefined)
      throw new Error(`Unknown schedule: got ${name}, expected one of ${Object.keys(NAMES).join(", ")}.`);
    const keywords = optionsOf(
      (inputs as { scheduler_specific_kwargs: Keywords }).scheduler_specific_kwargs,
      lr,
    );
    const { runs } = expected as { runs: { lr: number[] }[] };
    return Promise.resolve({
      runs: pairs.map(([warmup, steps], index) => ({
        num_warmup_steps: warmup,
        num_training_steps: steps,
        lr: runs[index]!.lr.map((_, k) =>
          schedulerRate(own, k, { peak: lr, warmup, steps, convention: "transformers", ...keywords }),
        ),
      })),
    });
  },
};
