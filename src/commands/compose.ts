import { resolve } from "node:path";

import { copy, readText, writeFolderAtomic } from "../core/files.js";
import { mean, sum } from "../core/math.js";
import type { LineOf } from "../core/problems.js";
import type { RoutingStatistics } from "../evaluate/routing.js";
import type { LayerReport } from "../merge/compose/report.js";
import type { CompositionReport } from "../runs/compose/report.js";
import type { ComposeInput, ComposeRequest } from "../runs/compose/request.js";
import { relocated, resolveCompose } from "../runs/compose/resolve.js";
import { findOrExecute } from "../runs/execute.js";
import { lossSummary } from "../runs/losses.js";
import type { ComposeRecord, ResolvedRun } from "../runs/record.js";
import { findAdapter, findRunModel } from "../runs/resolve.js";
import { openStore, type Store } from "../runs/store.js";
import { executeInChild } from "../runs/worker.js";
import { type Arguments, command, type CommandContext, type CommandSpec, type Shown } from "./command.js";
import { routingText, shortName } from "./describe.js";
import { mixtureCannotBeFolded, outFolder, requireOut } from "./out-folder.js";
import { parseRequestMapping } from "./request-text.js";
import { textTable } from "./table.js";

/** A composition as a cell or a program sees it. */
export interface Composition extends Omit<CompositionReport, "weights"> {
  /** sha256 of the request and its inputs. */
  readonly id: string;
  /** Name under which other requests take the composed adapter, and the base with it: `run:<id>`. */
  readonly model: string;
  readonly request: ComposeRequest;
  readonly inputs: {
    readonly base: { readonly name: string; readonly sha256: string };
    readonly adapters: readonly {
      readonly name: string;
      readonly sha256: string;
      /** Null where weights of layers or gates were learnt. */
      readonly weight: number | null;
    }[];
    /** Runs that trained the base and the adapters. */
    readonly parents: readonly string[];
  };
  /** sha256 of the composed weights. */
  readonly weights: string;
  readonly routing?: RoutingStatistics;
}

const EXAMPLE = `base: xs-instruct
adapters:
  - { adapter: run:3fa94c01, weight: 0.6 }
  - { adapter: ./geography, weight: 0.4 }
method: svd
rank: 8
seed: 1`;

/** `lawbook compose FILE.yml`, `%compose FILE.yml` and `%%compose`. */
export const composeCommand: CommandSpec<Composition> = command({
  name: "compose",
  summary: "Make one adapter of several: by a formula, by a search of weights, or by learning them",
  positionals: [{ name: "FILE", description: "request in YAML", required: true }],
  flags: [
    {
      name: "out",
      kind: "string",
      placeholder: "DIR",
      description: "also write the composed adapter to this folder",
    },
    {
      name: "merged",
      kind: "boolean",
      description: "with --out: write the base with the composed adapter folded in",
    },
  ],
  examples: [
    "lawbook compose request.yml --out composed",
    "",
    ...EXAMPLE.split("\n").map((line) => `  ${line}`),
  ],
  magics: ["line", "cell"],
  resultType: 'import("lawbook").Composition',
  run: async (args, context) => {
    const out = writerOf(args, context);
    const file = args.positionals[0];
    const text = args.body ?? readText(resolve(context.cwd, file!));
    const name = args.body === undefined ? file! : "The request";
    const { value, lineOf } = parseRequestMapping(text, name, { verb: "compose", keys: "base and adapters" });
    const composition = await composeRequest(value as ComposeInput, context, lineOf, out.check);
    await out.write(composition);
    return composition;
  },
  show: showComposition,
});

/**
 * Composes adapters of one model into one, which becomes a run of the store; one that the store has is not made again. All
 * problems of a request come in one error.
 */
export async function compose(input: ComposeInput, context: CommandContext): Promise<Composition> {
  return composeRequest(input, context);
}

async function composeRequest(
  input: ComposeInput,
  context: CommandContext,
  lineOf?: LineOf,
  check?: (request: ComposeRequest) => void,
): Promise<Composition> {
  const { root, home, cwd } = context;
  const store = openStore({ root, home });
  const { run } = resolveCompose(input, { root, store, cwd, lineOf });
  check?.(run.request);
  try {
    return compositionOf(await recordOf(run, store, context));
  } catch (error) {
    throw relocated(error, lineOf);
  }
}

/** A formula is applied in this process; what asks a model is left to a child, which may be killed and goes on. */
async function recordOf(
  run: ResolvedRun<ComposeRequest>,
  store: Store,
  { root, home, cwd, signal, progress }: CommandContext,
): Promise<ComposeRecord> {
  const { search, learn } = run.request;
  if (search === undefined && learn === undefined) return findOrExecute(run, { root, store, cwd, signal });
  const [record] = await executeInChild([run], {
    root,
    home,
    cwd,
    signal,
    progress: ({ phase, done, total, loss }) =>
      progress({ phase, done, total, ...(loss === undefined ? {} : { values: { loss } }) }),
  });
  return record!;
}

/** The view of a record that the verb returns. */
function compositionOf({ id, request, inputs, result }: ComposeRecord): Composition {
  const { composition, routing } = result;
  const { weights, ...report } = composition;
  return {
    id,
    model: `run:${id}`,
    request,
    inputs: {
      base: inputs.model,
      adapters: request.adapters.map(({ adapter: name }, index) => ({
        name,
        sha256: inputs.others![name]!,
        weight: weights[index]!,
      })),
      parents: inputs.parents,
    },
    weights: result.weights!,
    ...report,
    ...(routing === undefined ? {} : { routing }),
  };
}

/** What --out asks for: `check` refuses before anything is composed, `write` copies the run's folder. */
interface Writer {
  check(request: ComposeRequest): void;
  write(composition: Composition): Promise<void>;
}

function writerOf({ flags }: Arguments, { root, home, cwd }: CommandContext): Writer {
  const merged = flags["merged"] === true;
  requireOut(flags, ["merged"]);
  const folder = outFolder(flags, cwd);
  return {
    check: ({ learn }) => {
      if (merged && learn?.kind === "gate") throw mixtureCannotBeFolded();
    },
    write: async ({ model }) => {
      if (folder === undefined) return;
      const store = openStore({ root, home });
      const { folder: from } = merged ? findRunModel(model, store) : findAdapter(model, store);
      await writeFolderAtomic(folder, (temporary) => copy(from, temporary));
    },
  };
}

function showComposition(composition: Composition): Shown {
  const { id, request, inputs, kind, weights, layers, search, learnt, routing } = composition;
  const how = request.learn === undefined ? request.method! : `learnt ${request.learn.kind}`;
  const adapters = inputs.adapters.map(({ name, weight }) =>
    weight === null ? shortName(name) : `${number(weight)} x ${shortName(name)}`,
  );
  const lines = [
    `${kind} by ${search === undefined ? how : `${how}, weights searched`}, on ${shortName(request.base)}, seed ${request.seed}, ${request.device}`,
    adapters.join(", "),
    ...(search === undefined
      ? []
      : [
          `loss ${search.loss.toFixed(4)} nats per token after ${search.trials.length} evaluations, ${number(search.trials[0]!.loss ?? Number.NaN)} without adapters`,
        ]),
    ...(learnt === undefined
      ? []
      : [
          `loss ${lossSummary(learnt.losses).loss!.toFixed(4)} nats per token after ${learnt.losses.length} steps, ${learnt.losses[0]!.toFixed(4)} at first; ${learnt.parameters} trained parameters`,
        ]),
    `weights ${weights.slice(0, 12)}, run:${id.slice(0, 12)}`,
  ];
  const layerWeights = learnt?.layerWeights?.map((own, index) => {
    const values = Object.values(own);
    const range = `${number(Math.min(...values))} to ${number(Math.max(...values))}`;
    return `weight of ${shortName(inputs.adapters[index]!.name)}: mean ${number(mean(values))}, ${range}`;
  });
  const parts = [
    lines.join("\n"),
    ...(layerWeights === undefined ? [] : [layerWeights.join("\n")]),
    ...(layers.length === 0 ? [] : [layersText(layers)]),
    ...(routing === undefined ? [] : [routingText(routing)]),
  ];
  return {
    text: parts.join("\n\n"),
    json: composition,
    ...(layers.length === 0 ? {} : { table: layers.map(tableRow) }),
  };
}

/** The numbers of a layer in the order of reading. */
function tableRow({ layer, rank, norm, sumNorm, distance, ...others }: LayerReport): LayerReport {
  return { layer, rank, norm, sumNorm, distance, ...others };
}

/** Norms and losses by target: norms are the roots of the summed squares over blocks, shares their means. */
function layersText(layers: readonly LayerReport[]): string {
  const targets = [...new Set(layers.map(({ layer }) => layer.split(".").at(-1)!))];
  const has = (key: "crossTerms" | "tailEnergy"): boolean => layers.some((layer) => layer[key] !== undefined);
  const shares = (["crossTerms", "tailEnergy"] as const).filter(has);
  const titles = { crossTerms: "cross terms", tailEnergy: "tail energy" } as const;
  const rows = targets.map((target) => {
    const own = layers.filter(({ layer }) => layer.endsWith(`.${target}`));
    const root = (key: "norm" | "sumNorm"): string =>
      number(Math.sqrt(sum(own.map((layer) => layer[key] * layer[key]))));
    const ranks = [...new Set(own.map(({ rank }) => rank))].join(", ");
    const distances = own.flatMap(({ distance }) => distance ?? []);
    return [
      target,
      ranks,
      root("norm"),
      root("sumNorm"),
      distances.length === 0 ? "" : number(mean(distances)),
      ...shares.map((key) => number(mean(own.map((layer) => layer[key] ?? 0)))),
    ];
  });
  return textTable(
    ["target", "rank", "norm", "norm of the sum", "distance", ...shares.map((key) => titles[key])],
    rows,
  );
}

function number(value: number): string {
  return value.toFixed(4);
}
