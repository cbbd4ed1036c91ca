import type { Chart } from "../figures/chart.js";
import { armsPanel } from "./arms-panel.js";
import { differencesPanel } from "./differences-panel.js";
import type { Evidence } from "./evidence.js";
import { caption, verdictTitle } from "./headline.js";
import type { Verdict } from "./judge.js";
import { WHOLE_WIDTH } from "./panel-rows.js";
import { INSTRUCT, jointArm, methodsOf } from "./variability-arms.js";
import type { VariabilityRule } from "./variability.rule.js";

/** Joint beside single training of every method with every seed; the spreads' differences of claim, control and methods. */
export function variabilityChart(
  rule: VariabilityRule,
  title: string,
  evidence: Evidence,
  verdict: Verdict,
): Chart {
  const { facts, training, aloneSteps, control } = rule.settings;
  const methods = methodsOf(rule);
  const [, ...byMethod] = evidence.secondary;
  const ratio = evidence.numbers.find(({ name }) => name.startsWith("ratio of spreads, joint"));
  const ratioText = ratio === undefined ? "" : ` Ratio of standard deviations: ${ratio.value.toFixed(2)}.`;
  return {
    title: verdictTitle(title, evidence, verdict),
    subtitle: caption(evidence, verdict, {
      contrast: "Spread of joint minus spread of single training",
      setting:
        `${facts} facts of each of five disciplines, ${training.steps} steps jointly, ${aloneSteps} alone, so that a ` +
        `discipline has as many rows; control: ${control.parts} parts of ${control.discipline}.${ratioText}`,
    }),
    columns: 1,
    panels: [
      armsPanel(evidence, {
        title: "Mean over disciplines, unseen phrasings",
        arms: methods.flatMap((method) => [`single, ${method}`, jointArm(method)]),
        references: [INSTRUCT.claim],
        sesoi: rule.sesoi,
        labels: { [INSTRUCT.claim]: "Instruct,\nuntouched" },
        width: WHOLE_WIDTH,
      }),
      differencesPanel(evidence, {
        title: "Spread: joint minus single, same seed",
        rows: [
          { label: "five disciplines\n(the claim)", contrast: evidence.primary },
          { label: "one discipline\n(the control)", contrast: evidence.control, tone: "contrast" },
          ...byMethod.map((contrast, index) => ({
            label: methods[index]!,
            contrast,
            tone: "contrast" as const,
          })),
        ],
        sesoi: rule.sesoi,
        y: "difference of mean distances from the median",
        width: WHOLE_WIDTH,
      }),
    ],
  };
}
