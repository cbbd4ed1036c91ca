import { chartSpec, darkSpec, type VegaLiteSpec } from "../figures/chart.js";
import { renderSvg } from "../figures/render.js";
import { forestChart } from "../laws/forest.js";
import { lawName } from "../laws/headline.js";
import { figure, html, Markup, table } from "./page-html.js";
import { lawSection } from "./page-law.js";
import { PAGE_STYLE } from "./page-style.js";
import { byNumber, lawRow } from "./page-table.js";
import type { Study } from "./study.js";

/**
 * All studies on one page that needs no network, script or other file: a forest plot, then each law. Equal studies
 * give equal bytes.
 */
export async function pageHtml(studies: readonly Study[]): Promise<string> {
  const ordered = byNumber(studies);
  const sections: Markup[] = [];
  for (const study of ordered)
    sections.push(lawSection(study, await drawn(study.law.rule.law, study.figure)));
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>Lawbook: empirical laws, tested at small scale</title>
        <style>
          ${new Markup(PAGE_STYLE)}
        </style>
      </head>
      <body>
        <a class="skip" href="#laws">To the laws</a>
        <header>
          <h1>Empirical laws of learning several disciplines at once, tested at small scale</h1>
          <p>
            Each law is one claim, one paired contrast and one rule that was fixed before the first run that
            it judges. Every number and figure on this page is recomputed from committed run records, and
            every record can be trained again to the same bytes. A verdict may be “no”.
          </p>
        </header>
        <main id="laws">
          ${ordered.length === 0 ? html`<p>No law has records yet.</p>` : await overview(ordered)} ${sections}
        </main>
        <footer>
          <p>
            Check all of it: <code>npm ci &amp;&amp; npm run replay</code> runs the notebooks, redraws every
            figure and this page, trains one record again, and compares.
          </p>
        </footer>
      </body>
    </html> `;
  return page.text;
}

/** The specification of the forest plot of some studies. */
export function forestSpec(studies: readonly Study[]): VegaLiteSpec {
  return chartSpec(forestChart(byNumber(studies).map(({ law, verdict }) => ({ title: law.title, verdict }))));
}

async function overview(studies: readonly Study[]): Promise<Markup> {
  const columns = [
    { title: "law" },
    { title: "claim" },
    { title: "verdict" },
    { title: "effect, 95 % interval", number: true },
    { title: "adjusted p", number: true },
    { title: "N", number: true },
  ];
  const rows = studies.map((study) => {
    const { law, claim, verdict, effect, p, n } = lawRow(study);
    return [
      html`<a href="#${study.law.rule.law}">${law}</a>`,
      claim,
      html`<span class="word">${verdict}</span>`,
      effect,
      p,
      n,
    ];
  });
  const spoken = studies.map((study) => {
    const { law, verdict, effect, n } = lawRow(study);
    return `${law}: ${verdict.slice(2)}, ${effect}, N = ${n}.`;
  });
  return html`<nav aria-label="Laws">
      <ul>
        ${studies.map(({ law }) => html`<li><a href="#${law.rule.law}">${lawName(law.rule.number, law.title)}</a></li> `)}
      </ul>
    </nav>
    ${await drawn("forest", forestSpec(studies), spoken)} ${table("All laws", columns, rows)}`;
}

async function drawn(name: string, spec: VegaLiteSpec, more: readonly string[] = []): Promise<Markup> {
  const { text, subtitle } = spec["title"] as { text: string; subtitle: readonly string[] };
  return figure(name, [`${text}.`, ...subtitle, ...more].join(" "), {
    light: await renderSvg(spec),
    dark: await renderSvg(darkSpec(spec)),
  });
}
