import type { Chart } from "../figures/chart.js";
import { armsPanel } from "./arms-panel.js";
import { ARMS } from "./balance-then-diversity-arms.js";
import type { BalanceThenDiversityRule } from "./balance-then-diversity.rule.js";
import { differencesPanel } from "./differences-panel.js";
import type { Evidence } from "./evidence.js";
import { evidenceGridPanel } from "./grid-panel.js";
import { caption, verdictTitle } from "./headline.js";
import type { Verdict } from "./judge.js";

const LABELS: Readonly<Record<string, string>> = {
  [ARMS.proportional]: "proportional",
  [ARMS.copies]: "balanced,\ncopies",
  [ARMS.diverse]: "balanced,\ndiverse",
  [ARMS.alone]: "small discipline\nalone, diverse",
  [ARMS.instruct]: "Instruct,\nuntouched",
};

/** Titles of the dials of the grid. */
const DIALS: Readonly<Record<string, string>> = {
  rows: "Imbalance, every sampler",
  wordings: "Wordings of the small discipline",
  facts: "Facts of the small discipline",
};

/**
 * Left: accuracy of the small discipline per arm and seed, paired lines, reference models as dashed rules.
 * Right: the paired differences of the claim and of the control, differences too small to matter shaded.
 * Below: the dials of the grid where its seeds are there.
 */
export function balanceThenDiversityChart(
  rule: BalanceThenDiversityRule,
  title: string,
  evidence: Evidence,
  verdict: Verdict,
): Chart {
  const { small, large, training } = rule.settings;
  return {
    title: verdictTitle(title, evidence, verdict),
    subtitle: caption(evidence, verdict, {
      contrast: "Diverse minus copies",
      setting:
        `${small.facts} facts of one small discipline against ${large.facts} in each of four others, ` +
        `${rule.at.rows} in rows; ${training.steps} steps of ${training.batch} rows in every arm.`,
    }),
    columns: 2,
    panels: [
      armsPanel(evidence, {
        title: "Small discipline, asked in unseen phrasings",
        arms: evidence.arms.filter(({ role }) => role === "arm").map(({ arm }) => arm),
        references: [ARMS.alone, ARMS.instruct],
        sesoi: rule.sesoi,
        labels: LABELS,
        legend: "small discipline",
      }),
      differencesPanel(evidence, {
        title: "Diverse minus copies, same seed",
        rows: [
          { label: "unseen phrasings\n(the claim)", contrast: evidence.primary },
          { label: "trained wording\n(the control)", contrast: evidence.control, tone: "contrast" },
        ],
        sesoi: rule.sesoi,
        y: "difference in strict accuracy",
      }),
      ...evidence.grids.map((grid) => evidenceGridPanel(grid, { title: DIALS[grid.name]! })),
    ],
  };
}
