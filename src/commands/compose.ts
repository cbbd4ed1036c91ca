import { resolve } from "node:path";

import { readText } from "../core/files.js";
import { mean, sum } from "../core/math.js";
import type { LayerReport } from "../merge/compose/report.js";
import { saveAdapter } from "../model/adapter.js";
import { isMixture } from "../model/adapted.js";
import { writeCheckpoint } from "../model/checkpoint.js";
import { mergeLora } from "../model/lora.js";
import { saveMoeAdapter } from "../model/moe-adapter.js";
import { type Arguments, command, type CommandContext, type CommandSpec, type Shown } from "./command.js";
import { lastLoss } from "./compose-learn.js";
import type { ComposeInput } from "./compose-request.js";
import { type Composed, composeRequest, type Composition } from "./compose-run.js";
import { routingText } from "./describe.js";
import { mixtureCannotBeFolded, outFolder, requireOut } from "./out-folder.js";
import { parseRequestMapping } from "./request-text.js";
import { textTable } from "./table.js";

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
      description: "write the composed adapter to this folder",
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
    const write = writerOf(args, context);
    const file = args.positionals[0];
    const text = args.body ?? readText(resolve(context.cwd, file!));
    const name = args.body === undefined ? file! : "The request";
    const { value, lineOf } = parseRequestMapping(text, name, { verb: "compose", keys: "base and adapters" });
    const composed = await composeRequest(value as ComposeInput, context, lineOf);
    await write(composed);
    return composed.composition;
  },
  show: showComposition,
});

/** Composes adapters of one model into one; writes nothing. All problems of a request come in one error. */
export async function compose(input: ComposeInput, context: CommandContext): Promise<Composition> {
  return (await composeRequest(input, context)).composition;
}

/** Checks what --out needs before anything is computed; the result writes the folder. */
function writerOf({ flags }: Arguments, { cwd }: CommandContext): (composed: Composed) => Promise<void> {
  const { merged } = flags;
  requireOut(flags, ["merged"]);
  const folder = outFolder(flags, cwd);
  if (folder === undefined) return () => Promise.resolve();
  return async ({ adapter: { config, weights }, configJson, base, composition }) => {
    const name = composition.request.base;
    if (isMixture(config)) {
      if (merged === true) throw mixtureCannotBeFolded();
      await saveMoeAdapter(folder, { moe: config, balance: {}, weights, configJson, baseModel: name });
    } else if (merged === true) {
      const { checkpoint } = base;
      await writeCheckpoint(folder, {
        ...checkpoint,
        weights: mergeLora(checkpoint.weights, weights, config),
      });
    } else await saveAdapter(folder, { lora: config, weights, configJson, baseModel: name });
  };
}

function showComposition(composition: Composition): Shown {
  const { request, inputs, kind, weights, layers, search, learnt, routing } = composition;
  const how = request.learn === undefined ? request.method! : `learnt ${request.learn.kind}`;
  const adapters = inputs.adapters.map(({ name, weight }) =>
    weight === null ? name : `${number(weight)} x ${name}`,
  );
  const lines = [
    `${kind} by ${search === undefined ? how : `${how}, weights searched`}, on ${request.base}, seed ${request.seed}, ${request.device}`,
    adapters.join(", "),
    ...(search === undefined
      ? []
      : [
          `loss ${search.loss.toFixed(4)} nats per token after ${search.trials.length} evaluations, ${number(search.trials[0]!.loss ?? Number.NaN)} without adapters`,
        ]),
    ...(learnt === undefined
      ? []
      : [
          `loss ${lastLoss(learnt.losses).toFixed(4)} nats per token after ${learnt.losses.length} steps, ${learnt.losses[0]!.toFixed(4)} at first; ${learnt.parameters} trained parameters`,
        ]),
    `weights ${weights.slice(0, 12)}`,
  ];
  const layerWeights = learnt?.layerWeights?.map((own, index) => {
    const values = Object.values(own);
    const range = `${number(Math.min(...values))} to ${number(Math.max(...values))}`;
    return `weight of ${inputs.adapters[index]!.name}: mean ${number(mean(values))}, ${range}`;
  });
  const parts = [
    lines.join("\n"),
    ...(layerWeights === undefined ? [] : [layerWeights.join("\n")]),
    ...(layers.length === 0 ? [] : [layersText(layers)]),
    ...(routing === undefined ? [] : [routingText(routing)]),
  ];
  return { text: parts.join("\n\n"), json: composition, ...(layers.length === 0 ? {} : { table: layers }) };
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
