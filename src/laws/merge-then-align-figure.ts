import type { Chart } from "../figures/chart.js";
import { armsPanel } from "./arms-panel.js";
import { differencesPanel } from "./differences-panel.js";
import type { Evidence } from "./evidence.js";
import { caption, verdictTitle } from "./headline.js";
import type { Verdict } from "./judge.js";
import { evidencePanel } from "./matrix-panel.js";
import { ARMS } from "./merge-then-align-arms.js";
import type { MergeThenAlignRule } from "./merge-then-align.rule.js";

/** The merge before and after each alignment with every seed; differences of claim and control; all pipelines as a matrix. */
export function mergeThenAlignChart(
  rule: MergeThenAlignRule,
  title: string,
  evidence: Evidence,
  verdict: Verdict,
): Chart {
  const { facts, stem, branch, align } = rule.settings;
  return {
    title: verdictTitle(title, evidence, verdict),
    subtitle: caption(evidence, verdict, {
      contrast: "Aligned minus merged",
      setting:
        `${facts} facts of each of five disciplines; stem of ${stem.steps} steps, a branch of ${branch.steps} steps for each ` +
        `discipline, their mean, and ${align.sft.steps} steps of alignment.`,
    }),
    columns: 2,
    panels: [
      armsPanel(evidence, {
        title: "Facts in formats that were not trained with them",
        arms: [ARMS.merged, ARMS.science, ARMS.instructions, ARMS.aligned, ARMS.joint, ARMS.forgetting],
        references: [ARMS.instruct],
        sesoi: rule.sesoi,
        labels: { [ARMS.instruct]: "Instruct,\nuntouched" },
        width: 366,
      }),
      differencesPanel(evidence, {
        title: "Minus the merged model, same seed",
        rows: [
          { label: "aligned\n(the claim)", contrast: evidence.primary },
          { label: "science only\n(the control)", contrast: evidence.control, tone: "contrast" },
        ],
        sesoi: rule.sesoi,
        y: "difference in strict accuracy",
      }),
      ...evidence.matrices.map((matrix) =>
        evidencePanel(matrix, {
          title: `${matrix.name[0]!.toUpperCase()}${matrix.name.slice(1)}`,
          cell: { width: matrix.columns.length > 5 ? 52 : 72, height: 26 },
        }),
      ),
    ],
  };
}
