import { resolve } from "node:path";

import { sha256 } from "../core/canonical.js";
import { LawbookError } from "../core/errors.js";
import { readText, writeAtomic } from "../core/files.js";
import { liveCalls, onnxBytes } from "../compute/onnx.js";
import type { Graph } from "../compute/graph.js";
import { loadTokenizer } from "../data/tokenizer.js";
import { prepareFeed } from "../runs/feed.js";
import { stepSettings } from "../runs/method.js";
import { findModel, resolveTrain } from "../runs/resolve.js";
import { openStore } from "../runs/store.js";
import { gradientStep, updateStep } from "../train/accumulation.js";
import { type StepOptions, trainingStep } from "../train/step.js";
import { type Arguments, command, type CommandContext, type CommandSpec } from "./command.js";
import { parseTrainText } from "./request-text.js";
import { textTable } from "./table.js";

/** One program of a training step as it was written. */
export interface WrittenGraph {
  /** `step`, or `gradient` and `update` where a batch is cut into micro-batches. */
  readonly program: "step" | "gradient" | "update";
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Operations of Lawbook; an operation is one or more ONNX nodes. */
  readonly operations: number;
}

/** `lawbook graph FILE.yml --out step.onnx`. */
export const graphCommand: CommandSpec<readonly WrittenGraph[]> = command({
  name: "graph",
  summary: "Write the training step of a request as ONNX, for Netron or another runtime",
  positionals: [{ name: "FILE", description: "train request in YAML", required: true }],
  flags: [
    { name: "out", kind: "string", placeholder: "PATH", description: "file to write, default step.onnx" },
  ],
  examples: ["lawbook graph request.yml --out step.onnx"],
  run: writeGraph,
  show: (graphs) => ({
    text: textTable(
      ["program", "path", "operations", "bytes", "sha256"],
      graphs.map(({ program, path, operations, bytes, sha256: digest }) => [
        program,
        path,
        String(operations),
        String(bytes),
        digest.slice(0, 12),
      ]),
    ),
    json: graphs,
    table: graphs,
  }),
});

async function writeGraph(args: Arguments, { root, home, cwd }: CommandContext): Promise<WrittenGraph[]> {
  const file = args.positionals[0]!;
  const out = String(args.flags["out"] ?? "step.onnx");
  const { value, lineOf } = parseTrainText(readText(resolve(cwd, file)), file);
  const store = openStore({ root, home });
  const { request } = resolveTrain(value, root, store, { cwd, lineOf });
  if (request.steps === 0) throw new LawbookError("request", "A request of 0 steps has no training step.");
  const { checkpoint } = findModel(request.model, root, store, request.seed, cwd);
  const tokenizer = loadTokenizer(checkpoint.tokenizerFolder!);
  const { feed } = await prepareFeed(request, { root, tokenizer, checkpoint, device: undefined });
  const options: StepOptions = { ...stepSettings(request, checkpoint.config), shape: feed.shape };
  const write = (program: WrittenGraph["program"], path: string, graph: Graph): WrittenGraph => {
    const bytes = onnxBytes(graph);
    writeAtomic(resolve(cwd, path), bytes);
    return { program, path, sha256: sha256(bytes), bytes: bytes.length, operations: liveCalls(graph).length };
  };
  if (request.microBatches === 1) return [write("step", out, trainingStep(options).graph)];
  const step = gradientStep(options);
  return [
    write("gradient", out, step.graph),
    write("update", out.replace(/(\.[^./]*)?$/, "-update$1"), updateStep(step.groups, options)),
  ];
}
