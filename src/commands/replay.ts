import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

import { ENGINE, REFERENCE_MODULE } from "../compute/engine.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { listFiles, sha256File } from "../core/files.js";
import { type ManifestDifference, readManifest, verify } from "../data/manifest.js";
import { isNotebook } from "../replay/lock.js";
import type { ProjectInputs } from "../replay/options.js";
import { replay } from "../replay/replay.js";
import { type ReplayReport, reportText } from "../replay/report.js";
import { plannedSeconds, retrain } from "../runs/retrain.js";
import type { BatchProgress } from "../runs/worker.js";
import { type Arguments, command, type CommandContext, type CommandSpec, type Shown } from "./command.js";

const DEFAULT_TIMEOUT_S = 600;

/** `lawbook replay`: does everything that is committed come out again, byte for byte? */
export const replayCommand: CommandSpec<ReplayReport> = command({
  name: "replay",
  summary: "Run the notebooks, redraw the figures, re-train a record, and compare all with what is committed",
  positionals: [
    {
      name: "NOTEBOOK",
      description: "notebooks to run; without any: all notebooks and figures, and one record is re-trained",
      required: false,
      variadic: true,
      suggest: ({ root }) =>
        listFiles(join(root, "notebooks"))
          .filter(isNotebook)
          .map((path) => `notebooks/${path}`),
    },
  ],
  flags: [
    {
      name: "accept",
      kind: "boolean",
      description:
        "replace the committed outputs and the lock by what comes out; fills a notebook that has none",
    },
    {
      name: "retrain",
      kind: "number",
      placeholder: "N",
      description:
        "re-train N records chosen at random, of each law in turn, the recipe last; default 1, or 0 with NOTEBOOK",
    },
    {
      name: "timeout",
      kind: "number",
      placeholder: "SECONDS",
      description: `longest time of one cell, default ${DEFAULT_TIMEOUT_S}`,
    },
  ],
  examples: [
    "lawbook replay",
    "lawbook replay notebooks/00-tour.ipynb --accept",
    "lawbook replay --retrain 5 --json",
  ],
  run: runReplay,
  show: showReplay,
});

function runReplay({ positionals, flags }: Arguments, context: CommandContext): Promise<ReplayReport> {
  const { root, cwd, env, signal, progress } = context;
  const { retrain: count = positionals.length === 0 ? 1 : 0, timeout: timeoutS = DEFAULT_TIMEOUT_S } = flags;
  if (!(Number.isSafeInteger(count) && Number(count) >= 0)) {
    throw new LawbookError("usage", mismatch("--retrain", count, "a whole number of at least 0"));
  }
  if (!(Number(timeoutS) > 0)) {
    throw new LawbookError("usage", mismatch("--timeout", timeoutS, "seconds above 0"));
  }
  return replay({
    root,
    env,
    notebooks: positionals.map((path) => resolve(cwd, path)),
    accept: flags["accept"] === true,
    retrain: Number(count),
    cellTimeoutMs: Number(timeoutS) * 1000,
    signal,
    progress,
    inputs: projectInputs(root),
    plannedSeconds,
    trainAgain: (record, home) => {
      const label = `record ${record.id.slice(0, 8)}`;
      const told = (step: BatchProgress): void => progress({ ...step, phase: `${label}, ${step.phase}` });
      return retrain(record, { root, home, signal, progress: told });
    },
  });
}

function showReplay(report: ReplayReport): Shown {
  const { rows, failures, exitCode } = report;
  return {
    text: reportText(report),
    json: {
      exitCode,
      rows: rows.map((row) => ({ ...row })),
      failures: failures.map((failure) => ({ ...failure })),
    },
    exitCode,
  };
}

/** Engine, module and data as they are on this machine, and every data file that is not as the manifest says. */
function projectInputs(root: string): ProjectInputs {
  const module = join(
    dirname(createRequire(import.meta.url).resolve(REFERENCE_MODULE.package)),
    REFERENCE_MODULE.file,
  );
  const environment = { engine: ENGINE, wasm: { file: REFERENCE_MODULE.file, sha256: sha256File(module) } };
  try {
    const files = Object.entries(readManifest(root).files);
    const data = Object.fromEntries(files.map(([path, { sha256 }]) => [`datasets/${path}`, sha256]));
    return { ...environment, data, failures: verify(root).map(dataDiffers) };
  } catch (error) {
    // A manifest that cannot be read vouches for nothing.
    if (!(error instanceof LawbookError)) throw error;
    return {
      ...environment,
      data: {},
      failures: [new LawbookError("data-differs", error.message, { cause: error })],
    };
  }
}

function dataDiffers({ path, kind, expected, got }: ManifestDifference): LawbookError {
  const messages = {
    changed: `${path} differs from the manifest: got sha256 ${got}, expected ${expected}.`,
    missing: `${path} is missing: the manifest expects sha256 ${expected}.`,
    unlisted: `${path} is not in the manifest.`,
  };
  return new LawbookError("data-differs", messages[kind], {
    hint: kind === "unlisted" ? "Remove it, or build the datasets again." : "Restore it from the repository.",
    data: { path },
  });
}
