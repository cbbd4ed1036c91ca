import { chartSpec, type VegaLiteSpec } from "../figures/chart.js";

/** The loss over the steps of a run, from the means of its twentieths, under the words that say which run it is. */
export function lossCurve(
  title: string,
  subtitle: readonly string[],
  curve: readonly number[],
  steps: number,
): VegaLiteSpec {
  const rows = curve.map((y, part) => ({
    x: ((part + 0.5) * steps) / curve.length,
    y,
    series: "loss",
    group: "loss",
    origin: `part ${part + 1}`,
  }));
  const top = Math.ceil(Math.max(...curve) * 2) / 2;
  return chartSpec({
    title,
    subtitle,
    panels: [
      {
        title: "",
        width: 420,
        height: 160,
        x: {
          kind: "number",
          title: "step",
          domain: [0, steps],
          format: "d",
          ticks: [0, 1, 2, 3, 4].map((q) => Math.round((q * steps) / 4)),
        },
        y: {
          kind: "number",
          title: "nats per token",
          domain: [0, top],
          format: ".1f",
          ticks: [0, 1, 2, 3, 4].map((q) => (q * top) / 4),
        },
        layers: [{ kind: "lines", rows, weight: "full" }],
      },
    ],
  });
}
