import type { Json } from "../core/canonical.js";
import type { VegaLiteSpec } from "../figures/chart.js";
import { CONFIG, INK } from "../figures/style.js";
import type { Matrix } from "../partition/matrix.js";
import type { PartitionReport } from "../partition/report.js";

/** One heat map of a symmetric matrix. */
interface HeatMap {
  readonly title: string;
  readonly matrix: Matrix;
  /** Values at the light and at the dark end. */
  readonly domain: readonly [number, number];
}

/** One pair of disciplines: its value, and how it is written on it. */
type Cell = {
  readonly x: string;
  readonly y: string;
  readonly value: number;
  readonly label: string;
  readonly ink: string;
};

const CELL = { width: 58, height: 42 };

/** Perceptually uniform and made for colour-blind readers; light is small here. Source: Nuñez et al. 2018. */
const SCHEME = { scheme: "cividis", reverse: true } as const;

/** Figures on light cells and on dark ones; where they change, either has a contrast of 4.5 or more. */
const FIGURES = { onLight: "#000000", onDark: INK.paper } as const;
const DARK_FROM = 0.53;

/** Discrepancy, synergy and togetherness of the disciplines, in the order of the stages, which are outlined. */
export function partitionChart(report: PartitionReport, subtitle: readonly string[]): VegaLiteSpec {
  const { discrepancy, synergy, together } = report.matrices;
  return heatMaps(report, `Disciplines in ${stageCount(report.stages.length)}`, subtitle, [
    { title: "discrepancy d", matrix: discrepancy, domain: rangeOf(discrepancy) },
    { title: "synergy s", matrix: synergy, domain: rangeOf(synergy) },
    ...(together === null
      ? []
      : [
          {
            title: `in one stage, share of ${report.stability!.resamples} resamples`,
            matrix: together,
            domain: [0, 1] as const,
          },
        ]),
  ]);
}

/** The three views of the disciplines: token distributions, vocabulary, meaning. */
export function viewsChart(report: PartitionReport, subtitle: readonly string[]): VegaLiteSpec {
  const { discrepancy, jaccard, cosine } = report.matrices;
  return heatMaps(report, "Disciplines in three views", subtitle, [
    { title: "discrepancy d", matrix: discrepancy, domain: rangeOf(discrepancy) },
    { title: "Jaccard index of the vocabularies", matrix: jaccard, domain: rangeOf(jaccard) },
    { title: "cosine of the mean embeddings", matrix: cosine, domain: rangeOf(cosine) },
  ]);
}

/** "1 stage", "3 stages". */
export function stageCount(stages: number): string {
  return stages === 1 ? "1 stage" : `${stages} stages`;
}

function heatMaps(
  { disciplines, stages }: PartitionReport,
  title: string,
  subtitle: readonly string[],
  maps: readonly HeatMap[],
): VegaLiteSpec {
  const names = disciplines.map(({ discipline }) => discipline);
  const order = stages.flat().map((name) => names.indexOf(name));
  const labels = stages.flat();
  const outlines = stages.map((stage) => ({ from: stage[0]!, to: stage.at(-1)! }));
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    title: { text: title, subtitle: [...subtitle] },
    spacing: 28,
    resolve: { scale: { color: "independent", x: "independent", y: "independent" } },
    hconcat: maps.map((map, place) => panel(map, order, labels, outlines, place === 0)),
    config: CONFIG,
  };
}

function panel(
  { title, matrix, domain }: HeatMap,
  order: readonly number[],
  labels: readonly string[],
  outlines: readonly { readonly from: string; readonly to: string }[],
  first: boolean,
): Json {
  const cells = order.flatMap((i, row) =>
    order.flatMap((j, column) =>
      i === j ? [] : [cell(labels[column]!, labels[row]!, matrix[i]![j]!, domain)],
    ),
  );
  const axis = (channel: "x" | "y"): { [key: string]: Json } => ({
    field: channel,
    type: "nominal",
    title: null,
    scale: { domain: [...labels], paddingInner: 0.04, paddingOuter: 0.02 },
    axis: {
      grid: false,
      domain: false,
      ticks: false,
      labelLimit: 0,
      ...(channel === "x" ? { labelAngle: -35, labelAlign: "right" } : { labels: first }),
    },
  });
  const across = { x: axis("x"), y: axis("y") };
  return {
    title: {
      text: title,
      anchor: "start",
      frame: "group",
      fontSize: 11.5,
      fontWeight: "bold",
      offset: 10,
    },
    width: CELL.width * labels.length,
    height: CELL.height * labels.length,
    layer: [
      {
        data: { values: labels.map((name) => ({ x: name, y: name })) },
        mark: { type: "rect", color: INK.band },
        encoding: across,
      },
      {
        data: { values: cells },
        mark: { type: "rect" },
        encoding: {
          ...across,
          color: {
            field: "value",
            type: "quantitative",
            scale: { ...SCHEME, domain: [...domain], clamp: true },
            legend: null,
          },
          tooltip: ["x", "y", "value"].map((field) => ({ field })),
        },
      },
      ...Object.values(FIGURES).map((ink) => ({
        data: { values: cells.filter((one) => one.ink === ink) },
        mark: { type: "text", fontSize: 11, color: ink },
        encoding: { ...across, text: { field: "label" } },
      })),
      {
        data: { values: outlines.map(({ from, to }) => ({ x: from, x2: to, y: from, y2: to })) },
        mark: { type: "rect", fill: null, stroke: INK.text, strokeWidth: 2 },
        encoding: {
          x: { ...axis("x"), bandPosition: 0 },
          x2: { field: "x2", bandPosition: 1 },
          y: { ...axis("y"), bandPosition: 0 },
          y2: { field: "y2", bandPosition: 1 },
        },
      },
    ],
  };
}

function cell(x: string, y: string, value: number, [low, high]: readonly [number, number]): Cell {
  const share = (value - low) / (high - low);
  return { x, y, value, label: figures(value), ink: share >= DARK_FROM ? FIGURES.onDark : FIGURES.onLight };
}

/** Two decimals, with a true minus and no minus before zero. */
function figures(value: number): string {
  return value
    .toFixed(2)
    .replace(/^-(?=0\.00$)/, "")
    .replace("-", "\u2212");
}

/** The range of a matrix beside its diagonal, in whole tenths outwards. */
function rangeOf(matrix: Matrix): readonly [number, number] {
  const values = matrix.flatMap((row, i) => row.filter((_, j) => j !== i));
  const low = Math.floor(Math.min(...values) * 10) / 10;
  const high = Math.ceil(Math.max(...values) * 10) / 10;
  return [low, high > low ? high : low + 0.1];
}
