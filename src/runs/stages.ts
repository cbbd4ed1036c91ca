import { stream } from "../core/random.js";
import { labelExperts } from "../model/adapted.js";
import { adapterOf } from "./method.js";
import { DISCIPLINES, type StageRequest, type TrainRequest } from "./request.js";

/** A training that is one stage of a run, or all of it. */
export interface Stage {
  readonly request: TrainRequest;
  /** Weights of the adapter that belong to other stages. */
  readonly freeze: readonly string[];
}

/** Stages in the order of the first discipline of each, so that equal sets of stages draw the same order. */
export function sortStages(stages: readonly StageRequest[]): StageRequest[] {
  const place = ({ disciplines }: StageRequest): number =>
    Math.min(...disciplines.map((discipline) => DISCIPLINES.indexOf(discipline)));
  return [...stages].sort((a, b) => place(a) - place(b));
}

/** The stages of a run in the order in which they are trained: as given, or drawn from the stream `<seed>/stage-order`. */
export function orderStages({
  stages = [],
  stageOrder,
  seed,
}: Pick<TrainRequest, "stages" | "stageOrder" | "seed">): readonly StageRequest[] {
  return stageOrder === "drawn" ? stream(seed, "stage-order").shuffle(sortStages(stages)) : stages;
}

/**
 * The trainings of a run, one after another. In a staged one the model and the experts of a stage's disciplines learn from
 * the rows of these disciplines; the other experts stay as they are. Source: Partition-based multi-stage fine-tuning,
 * arXiv 2511.07198; deviation: the caps of the norms are kept by projection, see `appendUpdates`.
 */
export function stagesOf(request: TrainRequest): Stage[] {
  const { stages, data } = request;
  if (stages === undefined || "text" in data) return [{ request, freeze: [] }];
  const experts = Object.entries(labelExperts(adapterOf(request))!);
  return orderStages(request).map(({ disciplines, steps }) => {
    const own = (name: string): boolean => (disciplines as readonly string[]).includes(name);
    const facts = Object.fromEntries(Object.entries(data.facts).filter(([name]) => own(name)));
    const trained = new Set(experts.filter(([name]) => own(name)).map(([, expert]) => expert));
    const others = [...new Set(experts.map(([, expert]) => expert))].filter((expert) => !trained.has(expert));
    return {
      request: { ...request, steps, data: { ...data, facts } },
      freeze: others.flatMap((expert) => [`lora_A${expert}`, `lora_B${expert}`]),
    };
  });
}
