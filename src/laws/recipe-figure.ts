import type { Chart } from "../figures/chart.js";
import { armsPanel } from "./arms-panel.js";
import { differencesPanel } from "./differences-panel.js";
import type { Evidence } from "./evidence.js";
import { caption, verdictTitle } from "./headline.js";
import type { Verdict } from "./judge.js";
import { evidencePanel } from "./matrix-panel.js";
import { WHOLE_WIDTH } from "./panel-rows.js";
import { INSTRUCT, STEPS } from "./recipe-arms.js";
import type { RecipeRule } from "./recipe.rule.js";

/** Every step with every seed; what the whole recipe and each step of it add; all measures of the steps. */
export function recipeChart(rule: RecipeRule, title: string, evidence: Evidence, verdict: Verdict): Chart {
  const { facts, training, align } = rule.settings;
  const steps = evidence.secondary.slice(0, STEPS.length - 1);
  return {
    title: verdictTitle(title, evidence, verdict),
    subtitle: caption(evidence, verdict, {
      contrast: "All four laws minus the default pipeline",
      setting:
        `${facts} facts of each of five disciplines, rows 12:1; ${training.steps} steps of ${training.batch} rows in every arm, ` +
        `the last ${align.steps} for alignment from law 2 on.`,
    }),
    columns: 1,
    panels: [
      armsPanel(evidence, {
        title: "Facts in formats that were not trained with them",
        arms: STEPS,
        references: [INSTRUCT],
        sesoi: rule.sesoi,
        labels: { [INSTRUCT]: "Instruct,\nuntouched" },
        width: WHOLE_WIDTH,
      }),
      differencesPanel(evidence, {
        title: "What is added, same seed",
        rows: [
          { label: "all four\n(the claim)", contrast: evidence.primary },
          { label: "unseen facts\n(the control)", contrast: evidence.control, tone: "contrast" },
          ...steps.map((contrast, index) => ({
            label: `law ${index + 1}`,
            contrast,
            tone: "contrast" as const,
          })),
        ],
        sesoi: rule.sesoi,
        y: "difference in strict accuracy",
        width: WHOLE_WIDTH,
      }),
      ...evidence.matrices.map((matrix) =>
        evidencePanel(matrix, { title: "Every step in every measure", cell: { width: 92, height: 30 } }),
      ),
    ],
  };
}
