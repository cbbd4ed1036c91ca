import { join, resolve } from "node:path";

import { type Json } from "../core/canonical.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { readText, writeAtomic, writeFolderAtomic } from "../core/files.js";
import type { LineOf } from "../core/problems.js";
import type { VegaLiteSpec } from "../figures/chart.js";
import { renderPng, renderSvg } from "../figures/render.js";
import type { PartitionReport } from "../partition/report.js";
import type { PartitionInput, PartitionRequest } from "../partition/request.js";
import { findOrExecute } from "../runs/execute.js";
import { resolvePartition } from "../runs/partition.js";
import { openStore } from "../runs/store.js";
import { command, type CommandContext, type CommandSpec, type Shown } from "./command.js";
import { partitionChart, viewsChart } from "./partition-chart.js";
import { partitionLines, partitionText, stagesYaml } from "./partition-text.js";
import { outFolder } from "./out-folder.js";
import { parseRequestText } from "./request-text.js";

/** A partition as a cell or a program sees it. */
export interface PartitionResult extends PartitionReport {
  /** sha256 of the request and its inputs. */
  readonly id: string;
  /** Every default filled in. */
  readonly request: PartitionRequest;
  /** sha256 of what was read. */
  readonly inputs: {
    readonly model: { readonly name: string; readonly sha256: string } | null;
    readonly data: Readonly<Record<string, string>>;
  };
  /** The stages as YAML that a train request takes. */
  readonly yaml: string;
  /** The same of each random partition of equal stage sizes, in the order of drawing. */
  readonly controls: readonly string[];
}

/**
 * Partitions disciplines into stages; all problems of a request come in one error. The partition becomes a run of the
 * store; one that the store has is not computed again. Nothing is trained.
 */
export async function partition(input: PartitionInput, context: CommandContext): Promise<PartitionResult> {
  return partitionRequested(input, context, () => undefined);
}

async function partitionRequested(
  input: unknown,
  { root, home, cwd, signal, progress }: CommandContext,
  lineOf: LineOf,
): Promise<PartitionResult> {
  const store = openStore({ root, home });
  const { run } = resolvePartition(input, { root, store, cwd, lineOf });
  const { id, request, inputs, result } = await findOrExecute(run, { root, store, cwd, signal, progress });
  const report = result.partition;
  return {
    id,
    request,
    inputs: { model: request.model === undefined ? null : inputs.model, data: inputs.data },
    ...report,
    yaml: stagesYaml(report.stages, request),
    controls: report.control.drawn.map(({ stages }) => stagesYaml(stages, request)),
  };
}

const EXAMPLE = `disciplines: [mathematics, chemistry, biology, medicine, geography]
corpus: { facts: 200 }
lambda: [1, 0, 0.5, 1.5, 2, 3]
penalty: { weights: 0.001, adapters: 0.0007 }
radius: { weights: 10, adapters: 12 }
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
      description: "also write the result, the stages, those of the control and two figures to this folder",
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
    result.controls.forEach((yaml, index) => write(`control-${index + 1}.yml`, yaml));
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
