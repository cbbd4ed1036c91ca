import type { Chart } from "../figures/chart.js";
import { armsPanel } from "./arms-panel.js";
import { differencesPanel } from "./differences-panel.js";
import type { Evidence } from "./evidence.js";
import { evidenceGridPanel } from "./grid-panel.js";
import { caption, verdictTitle } from "./headline.js";
import type { Verdict } from "./judge.js";
import { evidencePanel } from "./matrix-panel.js";
import { ALONE, ARMS } from "./share-then-specialize-arms.js";
import type { ShareThenSpecializeRule } from "./share-then-specialize.rule.js";

/**
 * Designs with every seed; the claimed difference beside the control and the difference to one adapter of equal parameters;
 * where the routers of both mixtures send the disciplines; experts where seeds of the grid are there.
 */
export function shareThenSpecializeChart(
  rule: ShareThenSpecializeRule,
  title: string,
  evidence: Evidence,
  verdict: Verdict,
): Chart {
  const { designs, experts, facts, training } = rule.settings;
  const [equalParameters] = evidence.secondary;
  return {
    title: verdictTitle(title, evidence, verdict),
    subtitle: caption(evidence, verdict, {
      contrast: "Shared A minus symmetric",
      setting:
        `${facts} facts of each of five disciplines, ${experts} experts, ${training.steps} steps of ${training.batch} rows; ` +
        `shared A, symmetric and LoRA train about as many parameters.`,
    }),
    columns: 2,
    panels: [
      armsPanel(evidence, {
        title: "All disciplines, asked in unseen phrasings",
        arms: Object.keys(designs),
        references: [ALONE, ARMS.instruct],
        sesoi: rule.sesoi,
        labels: {
          "LoRA, equal rank": "LoRA,\nequal rank",
          [ALONE]: "each\ndiscipline\nalone",
          [ARMS.instruct]: "Instruct,\nuntouched",
        },
        width: 400,
      }),
      differencesPanel(evidence, {
        title: "Shared A minus another design, same seed",
        rows: [
          { label: "symmetric\n(the claim)", contrast: evidence.primary },
          { label: "nothing to share\n(the control)", contrast: evidence.control, tone: "contrast" },
          { label: "LoRA of equal\nparameters", contrast: equalParameters!, tone: "contrast" },
        ],
        sesoi: rule.sesoi,
        y: "difference in strict accuracy",
      }),
      ...evidence.matrices.map((matrix) => evidencePanel(matrix, { title: `Mean gate: ${matrix.name}` })),
      ...evidence.grids.map((grid) => evidenceGridPanel(grid, { title: "Number of experts" })),
    ],
  };
}
