import { resolve } from "node:path";

import { LawbookError } from "../core/errors.js";
import { readText } from "../core/files.js";
import type { Json } from "../core/canonical.js";
import { renderPng, renderSvg } from "../figures/render.js";
import type { RunRecord, TrainResult } from "../runs/record.js";
import { resolveTrain } from "../runs/resolve.js";
import type { TrainInput } from "../runs/schema.js";
import { openStore } from "../runs/store.js";
import { executeInChild } from "../runs/worker.js";
import { command, type CommandContext, type CommandSpec, type Shown } from "./command.js";
import { lossCurve } from "./loss-curve.js";
import { parseRequestText } from "./request-text.js";
import { scoreRowsOf, scoresText } from "./scores.js";

/** A finished training as a cell or a program sees it. */
export interface TrainedModel extends TrainResult {
  /** sha256 of the request and its inputs. */
  readonly id: string;
  /** Name under which other requests take the trained model: `run:<id>`. */
  readonly model: string;
  readonly outcome: RunRecord["outcome"];
  readonly record: RunRecord;
}

/** The view of a record that verbs return. */
export function trainedModel(record: RunRecord): TrainedModel {
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
  const run = resolveTrain(input, root, openStore({ root, home }), { cwd, lineOf });
  const [record] = await executeInChild([run], {
    root,
    home,
    cwd,
    signal: context.signal,
    progress: ({ phase, done, total, loss }) =>
      context.progress({ phase, done, total, ...(loss === undefined ? {} : { values: { loss } }) }),
  });
  return trainedModel(record!);
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
  flags: [],
  examples: ["lawbook train request.yml --json", "", ...EXAMPLE.split("\n").map((line) => `  ${line}`)],
  magics: ["line", "cell"],
  resultType: 'import("lawbook").TrainedModel',
  run: (args, context) => {
    const file = args.positionals[0];
    const text = args.body ?? readText(resolve(context.cwd, file!));
    const { value, lineOf } = parseRequestText(text, args.body === undefined ? file! : "The request");
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new LawbookError(
        "request",
        "The request is empty or no mapping: expected keys such as model and data.",
        {
          hint: "`lawbook train --help` shows a complete request.",
        },
      );
    }
    return trainResolved(value as TrainInput, context, lineOf);
  },
  show: showTrained,
});

async function showTrained(trained: TrainedModel): Promise<Shown> {
  const { record, curve, loss, scores } = trained;
  const { request } = record;
  const method = request.method.kind === "full" ? "full" : `lora r ${request.method.rank}`;
  const lines = [
    `run ${trained.id.slice(0, 12)}, ${trained.outcome}`,
    `${request.objective}, ${method}, ${request.model}, seed ${request.seed}, ${request.device}`,
    `loss ${loss === null ? "not finite" : `${loss.toFixed(3)} nats per token`}, ${count(trained.tokens)} tokens, ${count(trained.parameters)} trained parameters`,
    `weights ${trained.weights?.slice(0, 12) ?? "none"}`,
  ];
  const table = scoresText(scores);
  const display: Record<string, Json> = {};
  if (curve.length > 1) {
    const [title = "", ...subtitle] = lines;
    const spec = lossCurve(title, subtitle, curve, request.steps);
    display["application/vnd.vegalite.v5+json"] = spec;
    display["image/png"] = Buffer.from(await renderPng(await renderSvg(spec))).toString("base64");
  }
  return {
    text: [...lines, ...(table === "" ? [] : ["", table])].join("\n"),
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
