import { join, resolve } from "node:path";

import { LawbookError } from "../core/errors.js";
import { copy, readText, writeFolderAtomic } from "../core/files.js";
import type { Json } from "../core/canonical.js";
import { renderPng, renderSvg } from "../figures/render.js";
import { writeCheckpoint } from "../model/checkpoint.js";
import { type Dtype, DTYPES } from "../model/element-type.js";
import { parseBytes } from "../model/shards.js";
import type { TrainRecord, TrainResult } from "../runs/record.js";
import { findAdapter, findModel, resolveTrain } from "../runs/resolve.js";
import type { TrainInput } from "../runs/schema.js";
import { openStore } from "../runs/store.js";
import { executeInChild } from "../runs/worker.js";
import { type Arguments, command, type CommandContext, type CommandSpec, type Shown } from "./command.js";
import { describeMethod, routingText } from "./describe.js";
import { lossCurve } from "./loss-curve.js";
import { dropRequest, keepRequest, type ResolvedTraining } from "./open-runs.js";
import { mixtureCannotBeFolded, outFolder, requireOut } from "./out-folder.js";
import { parseTrainText } from "./request-text.js";
import { scoreRowsOf, scoresText } from "./scores.js";

/** A finished training as a cell or a program sees it. */
export interface TrainedModel extends TrainResult {
  /** sha256 of the request and its inputs. */
  readonly id: string;
  /** Name under which other requests take the trained model: `run:<id>`. */
  readonly model: string;
  readonly outcome: TrainRecord["outcome"];
  readonly record: TrainRecord;
}

/** The view of a record that verbs return. */
export function trainedModel(record: TrainRecord): TrainedModel {
  return { id: record.id, model: `run:${record.id}`, outcome: record.outcome, ...record.result, record };
}

/**
 * Trains a request and scores the result; a run that the store or the committed records have is not trained again.
 * Defaults are filled in; all problems of a request come in one error.
 */
export async function train(input: TrainInput, context: CommandContext): Promise<TrainedModel> {
  return trainResolved(input, context, () => undefined);
}

async function trainResolved(
  input: TrainInput,
  context: CommandContext,
  lineOf: (path: readonly (string | number)[]) => number | undefined,
): Promise<TrainedModel> {
  const { root, home, cwd } = context;
  return executeTraining(resolveTrain(input, root, openStore({ root, home }), { cwd, lineOf }), context);
}

/**
 * Executes a training in a child process. From its first step until it is finished its request is kept, so that `resume`
 * finds it; one that is refused leaves nothing.
 */
export async function executeTraining(
  run: ResolvedTraining,
  { root, home, cwd, signal, progress }: CommandContext,
): Promise<TrainedModel> {
  const store = openStore({ root, home });
  let kept = store.find(run.id) !== undefined;
  const keep = (): void => {
    if (!kept) keepRequest(store, run);
    kept = true;
  };
  try {
    const [record] = await executeInChild([run], {
      root,
      home,
      cwd,
      signal,
      progress: ({ phase, done, total, loss }) => {
        keep();
        progress({ phase, done, total, ...(loss === undefined ? {} : { values: { loss } }) });
      },
    });
    dropRequest(store, run);
    return trainedModel(record!);
  } catch (error) {
    if (!(error instanceof LawbookError) || error.code !== "interrupted") throw error;
    keep();
    throw new LawbookError("interrupted", error.message.split("\n")[0]!, {
      hint: `\`resume ${run.id.slice(0, 12)}\` goes on from there, and so does the same request.`,
      data: { ...error.data, id: run.id },
      cause: error,
    });
  }
}

const EXAMPLE = `model: xs-instruct
data:
  facts: { geography: 60, biology: 60 }
  wordings: { else: 8 }
steps: 200
optimizer: { lr: 0.005 }
device: reference`;

/** `lawbook train FILE.yml`, `%train FILE.yml` and `%%train [NAME]`. */
export const trainCommand: CommandSpec<TrainedModel> = command({
  name: "train",
  summary: "Fine-tune or pre-train a model and score it",
  positionals: [{ name: "FILE", description: "request in YAML", required: true }],
  flags: [
    {
      name: "out",
      kind: "string",
      placeholder: "DIR",
      description: "also write what was trained to this folder: the model, or the adapter alone",
    },
    {
      name: "merged",
      kind: "boolean",
      description: "with --out: write the model with its adapter folded in",
    },
    {
      name: "dtype",
      kind: "string",
      placeholder: "TYPE",
      description: "with --out: element type of a model's weights, default float32",
      values: DTYPES,
    },
    {
      name: "shard-size",
      kind: "string",
      placeholder: "SIZE",
      description: 'with --out: largest file of a model\'s weights, for example "500MB"; default one file',
    },
  ],
  examples: [
    "lawbook train request.yml --json",
    "lawbook train request.yml --out my-model --dtype bfloat16",
    "",
    ...EXAMPLE.split("\n").map((line) => `  ${line}`),
  ],
  magics: ["line", "cell"],
  resultType: 'import("lawbook").TrainedModel',
  run: async (args, context) => {
    const write = writerOf(args, context);
    const file = args.positionals[0];
    const text = args.body ?? readText(resolve(context.cwd, file!));
    const { value, lineOf } = parseTrainText(text, args.body === undefined ? file! : "The request");
    const trained = await trainResolved(value, context, lineOf);
    await write(trained);
    return trained;
  },
  show: showTrained,
});

/** Checks what --out needs before anything is trained; the result writes the folder. */
function writerOf(
  { flags }: Arguments,
  { root, home, cwd }: CommandContext,
): (trained: TrainedModel) => Promise<void> {
  const { merged, dtype, "shard-size": size } = flags;
  requireOut(flags, ["merged", "dtype", "shard-size"]);
  const folder = outFolder(flags, cwd);
  if (folder === undefined) return () => Promise.resolve();
  const shardBytes = size === undefined ? undefined : parseBytes(size as string);
  return async ({ id, outcome, record }) => {
    if (outcome === "diverged")
      throw new LawbookError("request", `Run ${id.slice(0, 12)} diverged: it has no model.`);
    const store = openStore({ root, home });
    const { method, stages } = record.request;
    if (stages !== undefined) {
      if (merged === true) throw mixtureCannotBeFolded();
      return writeFolderAtomic(folder, (temporary) => {
        copy(join(store.folder(id), "model"), temporary);
        copy(join(store.folder(id), "adapter"), join(temporary, "adapter"));
      });
    }
    if (method.kind !== "full" && merged !== true) {
      const { folder: adapter } = findAdapter(`run:${id}`, store);
      return writeFolderAtomic(folder, (temporary) => copy(adapter, temporary));
    }
    const { checkpoint } = findModel(`run:${id}`, root, store, 0);
    if (checkpoint.adapter !== undefined) throw mixtureCannotBeFolded();
    await writeCheckpoint(folder, checkpoint, { dtype: dtype as Dtype | undefined, shardBytes });
  };
}

/** How a training is shown: its numbers, its loss curve and its scores. */
export async function showTrained(trained: TrainedModel): Promise<Shown> {
  const { record, curve, loss, scores } = trained;
  const { request } = record;
  const lines = [
    `run ${trained.id.slice(0, 12)}, ${trained.outcome}`,
    `${describeMethod(request)}, ${request.model}, seed ${request.seed}, ${request.device}`,
    `loss ${loss === null ? "not finite" : `${loss.toFixed(3)} nats per token`}, ${count(trained.tokens)} tokens, ${count(trained.parameters)} trained parameters`,
    `weights ${trained.weights?.slice(0, 12) ?? "none"}`,
  ];
  const table = scoresText(scores);
  const routing = trained.routing === undefined ? [] : ["", routingText(trained.routing)];
  const display: Record<string, Json> = {};
  if (curve.length > 1) {
    const [title = "", ...subtitle] = lines;
    const spec = lossCurve(title, subtitle, curve, request.steps);
    display["application/vnd.vegalite.v5+json"] = spec;
    display["image/png"] = Buffer.from(await renderPng(await renderSvg(spec))).toString("base64");
  }
  return {
    text: [...lines, ...(table === "" ? [] : ["", table]), ...routing].join("\n"),
    json: {
      id: trained.id,
      outcome: trained.outcome,
      request,
      inputs: record.inputs,
      result: record.result,
      resultSha256: record.resultSha256,
    },
    display,
    ...(table === "" ? {} : { table: scoreRowsOf(scores) }),
  };
}

/** A whole number with its thousands separated. */
function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}
