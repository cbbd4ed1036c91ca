import { fold } from "../laws/fold.js";
import {
  controlText,
  counted,
  digitsOf,
  effectText,
  intervalText,
  lawName,
  pText,
  scaleGap,
  shapedWord,
  signed,
  significance,
} from "../laws/headline.js";
import type { Verdict } from "../laws/judge.js";
import { html, type Markup, table } from "./page-html.js";
import { armsTable, contrastsTable, otherTables } from "./page-numbers.js";
import { pNumber } from "./page-table.js";
import type { Study } from "./study.js";

/** The section of one law: claim, verdict, figure, numbers, control, what would have changed it, cost, how to check. */
export function lawSection(study: Study, drawing: Markup): Markup {
  const { law, evidence, verdict } = study;
  const { rule } = law;
  const digits = digitsOf(rule.sesoi);
  return html`
    <section id="${rule.law}" aria-labelledby="${rule.law}-title">
      <h2 id="${rule.law}-title">${shapedWord(verdict.word, lawName(rule.number, law.title))}</h2>
      <blockquote>${rule.claim}<cite>${citation(rule.source)}</cite></blockquote>
      <p>
        <strong>${shapedWord(verdict.word)}</strong>: ${verdict.because}; ${rule.arms.treatment} minus
        ${rule.arms.comparator}, ${evidence.primary.measure}: ${effectText(evidence.primary, digits)},
        ${significance(verdict)},
        ${counted(verdict.pairs, evidence.purpose === "pilot" ? "pilot seed" : "seed")}.
      </p>
      ${drawing} ${armsTable(study)} ${contrastsTable(study)} ${otherTables(study)}
      <h3>Control</h3>
      <p>
        Tested on ${rule.control["tested on"]}; expected: ${rule.control.expect}. Found:
        ${effectText(evidence.control, digits)}, p ${pText(evidence.control.p)}; ${controlText(verdict)}.
      </p>
      <h3>What would have changed the verdict</h3>
      <p>${turningPoint(verdict)}</p>
      ${foldTable(study)}
      <h3>Setting and scale</h3>
      <dl>
        <dt>Estimand</dt>
        <dd>${rule.estimand}; smallest effect of interest ${rule.sesoi}</dd>
        <dt>Unit</dt>
        <dd>${rule.unit}</dd>
        <dt>Test</dt>
        <dd>
          ${rule.test}, ${rule.interval}, ${rule.family}, alpha ${rule.alpha}; a diverged run:
          ${rule.diverged}
        </dd>
        <dt>Scale</dt>
        <dd>${scaleGap(evidence.base)}</dd>
        <dt>Cost</dt>
        <dd>
          ${counted(evidence.cost.runs, "run")}, ${tokenParameters(evidence.cost.tokenParameters)} tokens x
          parameters${evidence.diverged.length === 0 ? "" : `; ${evidence.diverged.length} diverged`}
        </dd>
      </dl>
      <h3>How to check</h3>
      ${checks(study)}
    </section>
  `;
}

function foldTable({ evidence, verdict }: Study): Markup {
  const steps = fold(verdict, evidence.purpose);
  const decided = steps.findIndex(({ holds }) => holds);
  return table(
    "The rule's lines in their order; the first that holds decides",
    [{ title: "if" }, { title: "then" }, { title: "here" }],
    steps.map(({ condition, word, holds }, index) => [
      condition,
      html`<span class="word">${shapedWord(word)}</span>`,
      index === decided
        ? html`<strong>holds and decides</strong>`
        : index > decided
          ? "not reached"
          : holds
            ? "holds"
            : "does not hold",
    ]),
  );
}

/** One sentence on the numbers that stood between this verdict and another. */
export function turningPoint({
  word,
  because,
  effect,
  interval,
  adjustedP,
  alpha,
  sesoi,
  control,
  pairs,
  seedsToDecide,
}: Verdict): string {
  const digits = digitsOf(sesoi);
  const mean = signed(effect, digits);
  const leak = `a control of ${sesoi} or more with its interval above 0 (it was ${signed(control.effect, digits)})`;
  switch (word) {
    case "supported":
      return `An adjusted p above ${alpha} (it was ${pNumber(adjustedP)}), a mean below ${sesoi} (it was ${mean}), or ${leak} would have taken the support away; a significant mean below 0 would have contradicted the claim.`;
    case "contradicted":
      return `An adjusted p above ${alpha} (it was ${pNumber(adjustedP)}) or a mean of 0 or more (it was ${mean}) would have taken the contradiction away; a significant mean of ${sesoi} or more would have supported the claim.`;
    case "not supported":
      return control.failed
        ? `A control below ${sesoi} (it was ${signed(control.effect, digits)}) or with an interval that reaches 0 would have let the effect, ${mean}, decide.`
        : `A mean of ${sesoi} or more with an adjusted p of at most ${alpha} would have supported the claim; an interval that reaches ${sesoi} (it was ${intervalText(interval, digits)}) would have left it open.`;
    case "inconclusive":
      return `A mean of ${sesoi} or more (it was ${mean}) with an adjusted p of at most ${alpha} (it was ${pNumber(adjustedP)}) would have supported the claim; an interval entirely below ${sesoi} would have left it unsupported. ${
        seedsToDecide === null
          ? "No number of seeds within reason would decide if mean and spread stayed as they are."
          : `About ${seedsToDecide} seeds would decide if mean and spread stayed as they are.`
      }`;
    case "not a test":
      return `Law seeds in place of these ${pairs} would make it a test: ${because}.`;
  }
}

function checks({ law, records, evidence }: Study): Markup {
  const { rule } = law;
  const run = evidence.arms.find(({ runs }) => runs.length > 0)?.runs[0] ?? records[0]?.id ?? "";
  return html`<ul>
    <li>
      <code>npx lawbook law ${rule.number}</code> recomputes evidence, figure and verdict from
      ${records.length} records in seconds.
    </li>
    <li>
      <code>npx lawbook retrain ${run.slice(0, 12)}</code> trains one of them again and compares digests;
      every point of the figure names its run.
    </li>
    <li><code>npx lawbook law ${rule.number} --fresh</code> trains all of them anew.</li>
    <li>
      sha256 of the rule <code>${evidence.rule}</code>, of the records <code>${evidence.records}</code>; base
      model ${evidence.base.model} <code>${evidence.base.sha256}</code>, engine ${evidence.base.engine}.
    </li>
  </ul>`;
}

/** The source, with a link where it names an arXiv paper. */
function citation(source: string): Markup {
  const [, before, id, after] = /^(.*)\barXiv[ :](\d{4}\.\d{4,5})(.*)$/.exec(source) ?? [];
  return id === undefined
    ? html`${source}`
    : html`${before!}<a href="https://arxiv.org/abs/${id}">arXiv ${id}</a>${after!}`;
}

/** "4.63 x 10^12" with the exponent raised. */
function tokenParameters(value: number): Markup {
  const [digits, exponent] = value.toExponential(2).split("e+") as [string, string?];
  return exponent === undefined ? html`${digits}` : html`${digits} x 10<sup>${exponent}</sup>`;
}
