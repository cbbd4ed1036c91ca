import { Document } from "yaml";

import { mean } from "../core/math.js";
import { findDiscrepancy } from "../partition/discrepancy.js";
import type { PartitionReport, Stages } from "../partition/report.js";
import type { PartitionRequest } from "../partition/request.js";
import { stageCount } from "./partition-chart.js";
import { textTable } from "./table.js";

/**
 * The stages as part of a train request, which needs `model` and `data` beside it: an adapter for each discipline, stages,
 * and the norm balls.
 */
export function stagesYaml(
  stages: Stages,
  { steps, radius: { weights, adapters } }: PartitionRequest,
): string {
  const radius = { weights, adapters };
  const method = { kind: "lora-moe", rank: 8, alpha: 16, experts: stages.flat().length, routing: "labels" };
  const document = new Document({
    method,
    stages: stages.map((disciplines) => ({ disciplines, steps })),
    optimizer: { lr: 0.003, radius },
  });
  document.setIn(["method"], document.createNode(method, { flow: true }));
  document.setIn(["optimizer", "radius"], document.createNode(radius, { flow: true }));
  stages.forEach((disciplines, stage) => {
    document.setIn(["stages", stage, "disciplines"], document.createNode(disciplines, { flow: true }));
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** What a partition is in a few lines: the result, then the measures, the prices, the corpora. */
export function partitionLines(result: PartitionReport & { readonly request: PartitionRequest }): string[] {
  const { request, disciplines, stages, lambda, unit, objective } = result;
  const { penalty, radius } = request;
  const documents = disciplines.reduce((total, one) => total + one.documents, 0);
  const tokens = disciplines.reduce((total, one) => total + one.tokens, 0);
  const smoothing =
    findDiscrepancy(request.discrepancy).over === "tokens" ? `, smoothing ${request.smoothing}` : "";
  return [
    `${disciplines.length} disciplines in ${stageCount(stages.length)}, objective ${objective.toFixed(4)}`,
    `d: ${request.discrepancy}, ${unit}${smoothing}; s: ${request.synergy === "mean" ? "mean of Jaccard index and cosine" : request.synergy}; lambda ${lambda}`,
    `price of a stage ${rounded(penalty.weights * radius.weights * radius.weights)}, of an adapter ${rounded(penalty.adapters * radius.adapters * radius.adapters)}; at most ${stageCount(request.stages)}`,
    `${documents} facts, ${tokens} tokens, seed ${request.seed}; embeddings: ${request.model ?? "committed sentence embeddings"}`,
  ];
}

/** Everything as text. */
export function partitionText(
  result: PartitionReport & {
    readonly request: PartitionRequest;
    readonly yaml: string;
    readonly controls: readonly string[];
  },
): string {
  const { stability, corollary, control } = result;
  return [
    ...partitionLines(result),
    "",
    pairsTable(result),
    "",
    textTable(
      ["solver", "exact", "objective", "gap", "stages"],
      result.solutions.map(({ solver, exact, objective, gap, stages }) => [
        solver,
        exact ? "yes" : "no",
        objective.toFixed(4),
        gap.toFixed(4),
        stagesText(stages),
      ]),
    ),
    "",
    sweepTable(result),
    "",
    textTable(
      ["M at most", "objective", "optimum"],
      result.caps.map(({ most, objective, stages }) => [
        String(most),
        objective.toFixed(4),
        stagesText(stages),
      ]),
    ),
    ...(stability === null
      ? []
      : [
          "",
          `The partition came back in ${percent(stability.recurrence)} of ${stability.resamples} resamples of the facts.`,
          biasText(result.pairs),
          textTable(
            ["share", "optimum"],
            stability.frequent.map(({ share, stages }) => [percent(share), stagesText(stages)]),
          ),
        ]),
    "",
    textTable(
      ["stage", "capacity / (L B)", "discrepancy / beta", "confidence"],
      result.bound.map(({ stage, capacity, discrepancy, confidence }) => [
        stage.join(", "),
        capacity.toFixed(3),
        discrepancy.toFixed(3),
        confidence.toFixed(3),
      ]),
    ),
    "",
    `Sets with Lambda > (gamma + Cap) / lambda: ${corollary.met} of ${corollary.subsets.length}; of these one stage holds ${corollary.grouped}.`,
    controlText(control),
    "",
    result.yaml.trimEnd(),
    ...result.controls
      .slice(0, 1)
      .flatMap((yaml) => ["", "# control: a random partition with stages of equal sizes", yaml.trimEnd()]),
  ].join("\n");
}

/** What recentring took out, as means over the pairs. */
function biasText(pairs: PartitionReport["pairs"]): string {
  const shift = (of: "discrepancy" | "synergy"): string => {
    const value = mean(pairs.map(({ spread }) => spread!.bias[of]));
    return `${value < 0 ? "" : "+"}${value.toFixed(3)}`;
  };
  return `A resample has fewer different facts; the shift from that, d ${shift("discrepancy")} and s ${shift("synergy")}, is taken out.`;
}

function pairsTable({ pairs }: PartitionReport): string {
  return textTable(
    ["pair", "d", "Jaccard", "cosine", "s", "lambda s - d", "together", "d, 95 %", "s, 95 %"],
    pairs.map(({ pair, spread, together, ...numbers }) => [
      pair.join(", "),
      ...[numbers.discrepancy, numbers.jaccard, numbers.cosine, numbers.synergy, numbers.margin].map(
        (value) => value.toFixed(3),
      ),
      together === null ? "-" : percent(together),
      ...(spread === null
        ? ["-", "-"]
        : [spread.discrepancy, spread.synergy].map(({ low, high }) => `${fixed(low)} to ${fixed(high)}`)),
    ]),
  );
}

function sweepTable({ sweep, request }: PartitionReport & { readonly request: PartitionRequest }): string {
  const heuristics = request.solver.filter((name) => sweep[0]?.gaps[name] !== undefined);
  return textTable(
    ["lambda", "M", "objective", ...heuristics.map((name) => `gap of ${name}`), "optimum"],
    sweep.map(({ lambda, stages, objective, gaps }) => [
      String(lambda),
      String(stages.length),
      objective.toFixed(4),
      ...heuristics.map((name) => gaps[name]!.toFixed(4)),
      stagesText(stages),
    ]),
  );
}

function controlText({ sizes, possible, drawn, mean, atLeast }: PartitionReport["control"]): string {
  if (possible === 1)
    return `Control: no other partition has stages of ${sizes.join(" + ")}, so there is nothing to compare with.`;
  if (mean === null || atLeast === null)
    return `Control: none drawn of ${possible - 1} other partitions with stages of ${sizes.join(" + ")}.`;
  return (
    `Control: ${drawn.length} of ${possible - 1} other partitions with stages of ${sizes.join(" + ")}, ` +
    `mean objective ${mean.toFixed(4)}, ${percent(atLeast)} at least as good.`
  );
}

/** "chemistry + geography | mathematics". */
function stagesText(stages: Stages): string {
  return stages.map((stage) => stage.join(" + ")).join(" | ");
}

/** Three decimals, without a minus before zero. */
function fixed(value: number): string {
  return value.toFixed(3).replace(/^-(?=0\.000$)/, "");
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)}%`;
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(3)));
}
