import type { Chart, Panel } from "../figures/chart.js";
import { armsPanel } from "./arms-panel.js";
import { differencesPanel } from "./differences-panel.js";
import type { Evidence } from "./evidence.js";
import { evidenceGridPanel } from "./grid-panel.js";
import { caption, verdictTitle } from "./headline.js";
import type { Verdict } from "./judge.js";
import { evidencePanel } from "./matrix-panel.js";
import { CHANGES, DESIGNS, INSTRUCT, rankArm } from "./optimize-then-scale-arms.js";
import type { OptimizeThenScaleRule } from "./optimize-then-scale.rule.js";
import { accuracyAxis } from "./panel-rows.js";

const AXIS = { ...accuracyAxis(), title: "lenient accuracy" };

/**
 * Both designs at the smallest and the largest rank; what scaling brings to the optimised one beyond the default one, beside
 * the control; the ranks between, experts and widths where seeds of the grid are there.
 */
export function optimizeThenScaleChart(
  rule: OptimizeThenScaleRule,
  title: string,
  evidence: Evidence,
  verdict: Verdict,
): Chart {
  const { ranks, facts, training } = rule.settings;
  const ends = [ranks[0]!, ranks.at(-1)!];
  const panels = (name: string, title: string): Panel[] =>
    evidence.grids
      .filter((one) => one.name === name)
      .map((one) => evidenceGridPanel(one, { title, y: AXIS }));
  const ofRanks = DESIGNS.flatMap((design) => ends.map((rank) => rankArm(design, rank)));
  return {
    title: verdictTitle(title, evidence, verdict),
    subtitle: caption(evidence, verdict, {
      contrast: `Gain from rank ${ends[0]} to ${ends[1]}, optimised minus default`,
      setting:
        `${facts.claim} facts of each of five disciplines; optimised: ${CHANGES.join(", ")}. ` +
        `Both learning rates were chosen at rank ${ends[0]} from as many trials; ${training.steps} steps of ${training.batch} rows.`,
    }),
    columns: 2,
    panels: [
      armsPanel(evidence, {
        title: "Four choices, unseen phrasings",
        arms: ofRanks,
        references: [INSTRUCT],
        sesoi: rule.sesoi,
        labels: {
          ...Object.fromEntries(ofRanks.map((arm) => [arm, arm.replace(", ", ",\n")])),
          [INSTRUCT]: "Instruct,\nuntouched",
        },
        y: AXIS,
      }),
      differencesPanel(evidence, {
        title: "Gain by rank, optimised minus default",
        rows: [
          { label: `${facts.claim} facts\n(the claim)`, contrast: evidence.primary },
          { label: `${facts.control} facts\n(the control)`, contrast: evidence.control, tone: "contrast" },
        ],
        sesoi: rule.sesoi,
        y: "difference of gains in lenient accuracy",
      }),
      ...panels("rank", "Rank of the adapter"),
      ...panels("experts", "Number of experts"),
      ...panels("model", "Width of the base model"),
      ...evidence.matrices.map((matrix) =>
        evidencePanel(matrix, { title: `One change at a time, rank ${ends[0]}` }),
      ),
    ],
  };
}
