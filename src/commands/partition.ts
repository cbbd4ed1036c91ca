import { join, resolve } from "node:path";

import { type Json } from "../core/canonical.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { readText, sha256File, writeAtomic, writeFolderAtomic } from "../core/files.js";
import { loadTokenizer } from "../data/tokenizer.js";
import type { VegaLiteSpec } from "../figures/chart.js";
import { renderPng, renderSvg } from "../figures/render.js";
import { factsCorpora } from "../partition/facts-corpus.js";
import { partitionCorpora } from "../partition/partition.js";
import { partitionReport, type PartitionReport } from "../partition/report.js";
import type { PartitionInput, PartitionRequest } from "../partition/request.js";
import { parsePartitionRequest } from "../partition/schema.js";
import { DISCIPLINES } from "../runs/request.js";
import { findModel, tokenizerFolder } from "../runs/resolve.js";
import { openStore } from "../runs/store.js";
import { command, type CommandContext, type CommandSpec, type Shown } from "./command.js";
import { partitionChart, viewsChart } from "./partition-chart.js";
import { partitionLines, partitionText, stagesYaml } from "./partition-text.js";
import { outFolder } from "./out-folder.js";
import { parseRequestText } from "./request-text.js";

/** A partition as a cell or a program sees it. */
export interface PartitionResult extends PartitionReport {
  /** Every default filled in. */
  readonly request: PartitionRequest;
  /** sha256 of what was read. */
  readonly inputs: {
    readonly model: { readonly name: string; readonly sha256: string } | null;
    readonly data: Readonly<Record<string, string>>;
  };
  /** The stages as YAML that a train request takes. */
  readonly yaml: string;
}

type LineOf = (path: readonly (string | number)[]) => number | undefined;

/** Partitions disciplines into stages; all problems of a request come in one error. Nothing is trained. */
export async function partition(input: PartitionInput, context: CommandContext): Promise<PartitionResult> {
  return partitionRequested(input, context, () => undefined);
}

async function partitionRequested(
  input: unknown,
  { root, home, cwd, signal, progress }: CommandContext,
  lineOf: LineOf,
): Promise<PartitionResult> {
  const request = parsePartitionRequest(input, DISCIPLINES, lineOf);
  const { disciplines, corpus, seed } = request;
  const model =
    request.model === undefined
      ? undefined
      : findModel(request.model, root, openStore({ root, home }), seed, cwd);
  const folder = model === undefined ? tokenizerFolder(root) : model.checkpoint.tokenizerFolder;
  if (folder === undefined)
    throw new LawbookError("bad-file", `The model ${request.model} has no tokenizer.json.`);
  const corpora = factsCorpora(root, {
    disciplines,
    ...corpus,
    seed,
    tokenizer: loadTokenizer(folder),
    table: model?.checkpoint.weights.get("model.embed_tokens.weight"),
    lineOf,
  });
  const total = request.bootstrap;
  const analysis = await partitionCorpora(corpora, request, async (done) => {
    progress({ phase: "resampling", done, total });
    // An interrupt arrives between two resamples only.
    await new Promise(setImmediate);
    if (signal.aborted)
      throw new LawbookError("interrupted", `Interrupted after resample ${done} of ${total}.`);
  });
  const report = partitionReport(analysis);
  return {
    request,
    inputs: {
      model: model === undefined ? null : { name: request.model!, sha256: model.sha256 },
      data: dataHashes(root, request),
    },
    ...report,
    yaml: stagesYaml(report.stages, request),
  };
}

function dataHashes(root: string, { disciplines, model }: PartitionRequest): Record<string, string> {
  const paths = [
    ...(model === undefined ? ["datasets/tokenizer/tokenizer.json"] : []),
    "datasets/templates/grammars.json",
    ...disciplines.flatMap((name) => [
      `datasets/facts/${name}.jsonl`,
      `datasets/templates/${name}.json`,
      ...(model === undefined ? [`datasets/embeddings/${name}.bin`] : []),
    ]),
  ];
  return Object.fromEntries(paths.map((path) => [path, sha256File(join(root, path))]));
}

const EXAMPLE = `disciplines: [mathematics, chemistry, biology, medicine, geography]
corpus: { facts: 200 }
lambda: [1, 0, 0.5, 1.5, 2, 3]
penalty: { weights: 0.1, adapters: 0.1 }
radius: { weights: 1, adapters: 1 }
bootstrap: 200`;

/** `lawbook partition FILE.yml`, `%partition FILE.yml` and `%%partition`. */
export const partitionCommand: CommandSpec<PartitionResult> = command({
  name: "partition",
  summary: "Divide disciplines into training stages by discrepancy and synergy",
  positionals: [{ name: "FILE", description: "request in YAML", required: true }],
  flags: [
    {
      name: "out",
      kind: "string",
      placeholder: "DIR",
      description: "also write the result, the stages and two figures to this folder",
    },
  ],
  examples: [
    "lawbook partition request.yml --out stages",
    "",
    ...EXAMPLE.split("\n").map((line) => `  ${line}`),
  ],
  magics: ["line", "cell"],
  resultType: 'import("lawbook").PartitionResult',
  run: async ({ flags, positionals: [file], body }, context) => {
    const out = outFolder(flags, context.cwd);
    const text = body ?? readText(resolve(context.cwd, file!));
    const { value, lineOf } = parseRequestText(text, body === undefined ? file! : "The request");
    if (value !== null && (typeof value !== "object" || Array.isArray(value)))
      throw new LawbookError(
        "request",
        mismatch("The partition request", value, "keys such as disciplines and corpus"),
        { hint: "`lawbook partition --help` shows a complete request." },
      );
    const result = await partitionRequested(value, context, lineOf);
    if (out !== undefined) await writeResult(out, result);
    return result;
  },
  show: showPartition,
});

async function writeResult(folder: string, result: PartitionResult): Promise<void> {
  const [, ...subtitle] = partitionLines(result);
  const figures = { figure: partitionChart(result, subtitle), views: viewsChart(result, subtitle) };
  const drawn = await Promise.all(
    Object.entries(figures).map(async ([name, spec]) => ({ name, spec, ...(await draw(spec)) })),
  );
  await writeFolderAtomic(folder, (temporary) => {
    const write = (name: string, content: string | Uint8Array): void => {
      writeAtomic(join(temporary, name), content);
    };
    write("partition.json", `${JSON.stringify(result, null, 2)}\n`);
    write("stages.yml", result.yaml);
    for (const { name, spec, svg, png } of drawn) {
      write(`${name}.json`, `${JSON.stringify(spec)}\n`);
      write(`${name}.svg`, `${svg}\n`);
      write(`${name}.png`, png);
    }
  });
}

async function draw(spec: VegaLiteSpec): Promise<{ readonly svg: string; readonly png: Uint8Array }> {
  const svg = await renderSvg(spec);
  return { svg, png: await renderPng(svg) };
}

async function showPartition(result: PartitionResult): Promise<Shown> {
  const [, ...subtitle] = partitionLines(result);
  const spec = partitionChart(result, subtitle);
  const { png } = await draw(spec);
  const display: Record<string, Json> = {
    "application/vnd.vegalite.v5+json": spec,
    "image/png": Buffer.from(png).toString("base64"),
  };
  return {
    text: partitionText(result),
    json: result,
    display,
  };
}
