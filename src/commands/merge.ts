import { dirname, resolve } from "node:path";

import type { Json } from "../core/canonical.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { readText } from "../core/files.js";
import { product } from "../core/math.js";
import { renderPng, renderSvg } from "../figures/render.js";
import { mergePlan, writeMerged } from "../merge/merge.js";
import { type MergePlan, planMerge } from "../merge/plan.js";
import { type MergePreview, type PreviewRow, previewMerge } from "../merge/preview.js";
import { modelsOf, parseRecipe } from "../merge/recipe.js";
import { type Dtype, DTYPES } from "../model/element-type.js";
import { parseBytes } from "../model/shards.js";
import { modelFinder, resolveMerge } from "../runs/merge.js";
import { openStore } from "../runs/store.js";
import { executeInChild } from "../runs/worker.js";
import { type Arguments, command, type CommandContext, type CommandSpec, type Shown } from "./command.js";
import { shortName } from "./describe.js";
import { mergeChart } from "./merge-chart.js";
import { outFolder, requireOut } from "./out-folder.js";
import { textTable } from "./table.js";

/** A merge as a cell or a program sees it. */
export interface Merged {
  /** mergekit's name of the method. */
  readonly method: string;
  /** Names of the models as the recipe has them, the base first. */
  readonly models: readonly string[];
  readonly seed: number;
  /** Element type of the merged weights. */
  readonly dtype: Dtype;
  readonly layers: number;
  readonly parameters: number;
  /** Tensors of the merged model, and those of them that are one model's own. */
  readonly tensors: number;
  readonly copied: number;
  /** Name under which requests take the merged model: `run:<id>`, or the folder that was written; null after a dry run. */
  readonly model: string | null;
  /** sha256 over config, tokenizer and weights of the merged model, as its run has it; null after a dry run. */
  readonly weights: string | null;
  /** What the recipe says and changes nothing. */
  readonly notes: readonly string[];
  /** How the models lie to each other; only after a dry run. */
  readonly preview: MergePreview | null;
}

/** What a merge takes beside its recipe. */
export interface MergeSettings {
  /** How errors call the recipe. */
  readonly name: string;
  /** Folder that relative paths of models start from, before the working folder. */
  readonly folder: string;
  readonly seed: number;
  /** Only compare the models. */
  readonly dryRun?: boolean | undefined;
  /** Folder to write, from the working folder; undefined: the merged model becomes a run of the store. */
  readonly out?: string | undefined;
  /** Of the folder: its element type, before that of the recipe, and its largest file. */
  readonly dtype?: Dtype | undefined;
  readonly shardBytes?: number | undefined;
}

/** Merges models by a recipe in mergekit's YAML into a run of the store or a folder, or only looks at what would be merged. */
export async function mergeModels(
  text: string,
  { name, folder, seed, dryRun = false, out, dtype, shardBytes }: MergeSettings,
  context: CommandContext,
): Promise<Merged> {
  const { root, home, cwd, signal } = context;
  const target = outFolder({ out }, cwd);
  const place = { root, store: openStore({ root, home }), folders: [folder, cwd] };
  const progress =
    (phase: string) =>
    (done: number, total: number): void => {
      if (signal.aborted) throw new LawbookError("interrupted", "The merge was interrupted.");
      context.progress({ phase, done, total });
    };
  if (!dryRun && target === undefined) {
    const { run, plan } = resolveMerge(text, name, place, seed);
    const [record] = await executeInChild([run], {
      root,
      home,
      cwd: folder,
      signal,
      progress: ({ phase, done, total }) => context.progress({ phase, done, total }),
    });
    const made = { model: `run:${record!.id}`, weights: record!.result.weights, preview: null };
    return { ...describePlan(plan, seed), ...made };
  }
  const plan = planMerge(parseRecipe(text, name), {
    resolve: modelFinder(place, seed),
    seed,
    outDtype: dtype,
  });
  if (dryRun) {
    const preview = previewMerge(plan, progress("comparing"));
    return { ...describePlan(plan, seed), model: null, weights: null, preview };
  }
  const weights = await writeMerged(target!, mergePlan(plan), { shardBytes, progress: progress("merging") });
  return { ...describePlan(plan, seed), model: out!, weights, preview: null };
}

function describePlan(plan: MergePlan, seed: number): Omit<Merged, "model" | "weights" | "preview"> {
  const { recipe, dtype, config, tensors, notes } = plan;
  return {
    method: recipe.method.name,
    models: modelsOf(recipe),
    seed,
    dtype,
    layers: config.layers,
    parameters: tensors.reduce((sum, { shape }) => sum + product(shape), 0),
    tensors: tensors.length,
    copied: mergePlan(plan).copied.length,
    notes,
  };
}

const SEED = 101;

const EXAMPLE = `merge_method: slerp
base_model: xs-instruct
models:
  - model: xs-instruct
  - model: run:3fa94c01
parameters:
  t:
    - { filter: self_attn, value: [0, 0.5, 0.3, 0.7, 1] }
    - { filter: mlp, value: [1, 0.5, 0.7, 0.3, 0] }
    - { value: 0.5 }`;

/** `lawbook merge RECIPE.yml`, `%merge RECIPE.yml` and `%%merge`. */
export const mergeCommand: CommandSpec<Merged> = command({
  name: "merge",
  summary: "Merge models by a recipe of mergekit",
  positionals: [{ name: "RECIPE", description: "recipe in mergekit's YAML", required: true }],
  flags: [
    {
      name: "out",
      kind: "string",
      placeholder: "DIR",
      description: "write the merged model to this folder, not to the store",
    },
    { name: "dry-run", kind: "boolean", description: "compare the models, and write nothing" },
    {
      name: "seed",
      kind: "number",
      placeholder: "N",
      description: `names the random masks, default ${SEED}`,
    },
    {
      name: "dtype",
      kind: "string",
      placeholder: "TYPE",
      description: "with --out: element type of the weights, default the recipe's, else the models'",
      values: DTYPES,
    },
    {
      name: "shard-size",
      kind: "string",
      placeholder: "SIZE",
      description: 'with --out: largest file of the weights, for example "500MB"; default one file',
    },
  ],
  examples: [
    "lawbook merge recipe.yml --dry-run",
    "lawbook merge recipe.yml",
    "lawbook merge recipe.yml --out merged --dtype bfloat16",
    "",
    ...EXAMPLE.split("\n").map((line) => `  ${line}`),
  ],
  magics: ["line", "cell"],
  resultType: 'import("lawbook").Merged',
  run: (args, context) => {
    const file = args.positionals[0];
    const text = args.body ?? readText(resolve(context.cwd, file!));
    return mergeModels(text, settingsOf(args, context), context);
  },
  show: showMerged,
});

function settingsOf({ flags, positionals, body }: Arguments, { cwd }: CommandContext): MergeSettings {
  const { out, "dry-run": dryRun } = flags;
  if (dryRun !== true) requireOut(flags, ["dtype", "shard-size"]);
  const seed = flags["seed"] ?? SEED;
  if (!Number.isSafeInteger(seed))
    throw new LawbookError("usage", mismatch("--seed", seed, "a whole number"));
  const size = flags["shard-size"];
  const file = positionals[0];
  return {
    name: body === undefined ? file! : "The recipe",
    folder: body === undefined ? dirname(resolve(cwd, file!)) : cwd,
    seed: seed as number,
    dryRun: dryRun === true,
    out: out as string | undefined,
    dtype: flags["dtype"] as Dtype | undefined,
    shardBytes: size === undefined ? undefined : parseBytes(size as string),
  };
}

async function showMerged(merged: Merged): Promise<Shown> {
  const { method, models, seed, parameters, layers, tensors, copied, dtype, model, weights, preview } =
    merged;
  const title = `${method} of ${models.map(shortName).join(", ")}, seed ${seed}`;
  const lines = [
    title,
    `${count(parameters)} parameters, ${layers} layers, ${dtype}; ${copied} of ${tensors} tensors are one model's own`,
    ...(weights === null
      ? []
      : [
          `weights ${weights.slice(0, 12)}, ${model!.startsWith("run:") ? shortName(model!) : `written to ${model!}`}`,
        ]),
    ...merged.notes.map((note) => `note: ${note}`),
  ];
  if (preview === null) return { text: lines.join("\n"), json: merged };
  const display: Record<string, Json> = {};
  if (preview.tensors.some(({ layer, cosine }) => layer !== null && cosine !== null)) {
    const spec = mergeChart(preview, title);
    display["application/vnd.vegalite.v5+json"] = spec;
    display["image/png"] = Buffer.from(await renderPng(await renderSvg(spec))).toString("base64");
  }
  return {
    text: [...lines, "", previewText(preview)].join("\n"),
    json: merged,
    display,
  };
}

function previewText({ vectors, layers, all }: MergePreview): string {
  const number = (value: number | null, digits: number): string =>
    value === null ? "" : value.toFixed(digits);
  const cells = (row: PreviewRow): string[] => [
    row.name,
    number(row.cosine, 3),
    number(row.angle, 1),
    number(row.normRatio, 4),
    number(row.signConflict, 3),
    number(row.kept, 3),
  ];
  const header = [vectors, "cosine", "degrees", "norm ratio", "sign conflict", "kept"];
  return textTable(header, [...layers, all].map(cells));
}

/** A whole number with its thousands separated. */
function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}
