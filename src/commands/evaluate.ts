import { loadTokenizer } from "../data/tokenizer.js";
import { drawSources } from "../data/mixture.js";
import { findDevice } from "../compute/devices/list.js";
import { LawbookError, mismatch, unknownName } from "../core/errors.js";
import { scoreSet } from "../evaluate/sets.js";
import {
  isTraining,
  type RunRecord,
  type Score,
  type TrainRecord,
  type TrainResult,
} from "../runs/record.js";
import { DISCIPLINES, EVALUATION_SETS, type EvaluationSet, type FactsData } from "../runs/request.js";
import { findModel } from "../runs/resolve.js";
import { openStore, type Store } from "../runs/store.js";
import { type Arguments, command, type CommandContext, type CommandSpec } from "./command.js";
import { MODEL } from "./models.js";
import { scoreRowsOf, scoresText } from "./scores.js";

/** Scores of a model. */
export interface Evaluation {
  readonly model: string;
  /** sha256 over config, tokenizer and weights. */
  readonly sha256: string;
  readonly device: string;
  readonly seed: number;
  readonly scores: TrainResult["scores"];
}

const DEFAULT_FACTS = 60;

/** `lawbook evaluate MODEL` and `%evaluate MODEL`. */
export const evaluateCommand: CommandSpec<Evaluation> = command({
  name: "evaluate",
  summary: "Score a model per discipline, beside majority and chance",
  positionals: [MODEL],
  flags: [
    {
      name: "set",
      kind: "string",
      placeholder: "SET,...",
      description: `questions to put, default t-recall; ${EVALUATION_SETS.join(", ")}`,
    },
    {
      name: "facts",
      kind: "number",
      placeholder: "N",
      description: `facts per discipline, default ${DEFAULT_FACTS}; a run is asked about its own, a merge about its parents'`,
    },
    {
      name: "seed",
      kind: "number",
      placeholder: "N",
      description: "draws the facts, default 101; a run has its own, a merge its first parent's",
    },
    { name: "device", kind: "string", placeholder: "NAME", description: "default: the run's own, else auto" },
  ],
  examples: [
    "lawbook evaluate xs-instruct",
    "lawbook evaluate run:3fa94c01 --set t-recall,instructions --json",
  ],
  magics: ["line"],
  resultType: 'import("lawbook").Evaluation',
  run: evaluate,
  show: (evaluation) => ({
    text: `${evaluation.model}, ${evaluation.sha256.slice(0, 12)}, ${evaluation.device}\n\n${scoresText(evaluation.scores)}`,
    json: evaluation,
    table: scoreRowsOf(evaluation.scores),
  }),
});

async function evaluate(args: Arguments, context: CommandContext): Promise<Evaluation> {
  const { root, home, cwd, signal } = context;
  const store = openStore({ root, home });
  const name = args.positionals[0]!;
  const sets = setsOf((args.flags["set"] as string | undefined) ?? "t-recall");
  const record = name.startsWith("run:") ? store.find(name.slice(4)) : undefined;
  const trainings = record === undefined ? [] : trainingsOf(record, store);
  const own = trainings[0]?.request;
  const data = ownFacts(trainings) ?? factsData(args);
  const seed = own?.seed ?? integerFlag(args, "seed", 101);
  const named = args.flags["device"] as string | undefined;
  const device = findDevice(named ?? own?.device ?? "auto");
  const { checkpoint, sha256 } = findModel(name, root, store, seed, cwd);
  if (checkpoint.tokenizerFolder === undefined)
    throw new LawbookError("bad-file", `The model ${name} has no tokenizer.json.`);
  const sources = drawSources(root, data.facts, data.wordings as Record<string, number>, seed);
  const asking = {
    device,
    config: checkpoint.config,
    weights: checkpoint.weights,
    adapter: checkpoint.adapter,
    tokenizer: loadTokenizer(checkpoint.tokenizerFolder),
    signal,
    progress: (done: number, total: number) => context.progress({ phase: "evaluating", done, total }),
  };
  const scores: { [Set in EvaluationSet]?: Record<string, Score> } = {};
  for (const set of sets) scores[set] = await scoreSet(asking, set, root, sources, seed);
  return { model: name, sha256, device: device.name, seed, scores };
}

/** The training of a record, or those that a merge was made from. */
function trainingsOf(record: RunRecord, store: Store): TrainRecord[] {
  if (isTraining(record)) return [record];
  return record.inputs.parents.flatMap((id) => {
    const parent = store.find(id);
    return parent === undefined ? [] : trainingsOf(parent, store);
  });
}

/** Facts of all trainings, of each discipline the most that one of them drew; undefined where none has facts. */
function ownFacts(trainings: readonly TrainRecord[]): Pick<FactsData, "facts" | "wordings"> | undefined {
  const drawn = trainings.flatMap(({ request: { data } }) => ("facts" in data ? [data] : []));
  if (drawn.length === 0) return undefined;
  const most = (key: "facts" | "wordings"): FactsData["facts"] =>
    Object.fromEntries(
      DISCIPLINES.map(
        (one) => [one, Math.max(0, ...drawn.map((data) => data[key][one] ?? 0))] as const,
      ).filter(([, count]) => count > 0),
    );
  return { facts: most("facts"), wordings: most("wordings") };
}

function setsOf(flag: string): readonly EvaluationSet[] {
  const names = [...new Set(flag.split(",").map((name) => name.trim()))];
  const unknown = names.find((name) => !(EVALUATION_SETS as readonly string[]).includes(name));
  if (unknown !== undefined) throw unknownName("set", unknown, EVALUATION_SETS);
  return names as EvaluationSet[];
}

function factsData(args: Arguments): Pick<FactsData, "facts" | "wordings"> {
  const count = integerFlag(args, "facts", DEFAULT_FACTS);
  return {
    facts: Object.fromEntries(DISCIPLINES.map((discipline) => [discipline, count])),
    wordings: { else: 1 },
  };
}

function integerFlag(args: Arguments, name: string, fallback: number): number {
  const value = args.flags[name] ?? fallback;
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw new LawbookError("usage", mismatch(`--${name}`, value, "a whole number of at least 1"));
  }
  return value as number;
}
