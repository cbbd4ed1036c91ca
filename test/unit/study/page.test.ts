import { beforeAll, describe, expect, it } from "vitest";

import { DARK, LIGHT } from "../../../src/figures/style.js";
import { balanceThenDiversity as law } from "../../../src/laws/balance-then-diversity.js";
import { sample } from "../../../src/laws/evidence.js";
import type { Verdict } from "../../../src/laws/judge.js";
import { figure, html, Markup, table } from "../../../src/study/page-html.js";
import { otherTables } from "../../../src/study/page-numbers.js";
import { turningPoint } from "../../../src/study/page-law.js";
import { lawsTable } from "../../../src/study/page-table.js";
import { pageHtml } from "../../../src/study/page.js";
import { conclude, type Study } from "../../../src/study/study.js";
import { contrast, rgb } from "../figures/color.js";
import { PILOT_LIKE, plantedStudy } from "../../support/records.js";

const EVIL = `<script>alert("1")</script> & 'quotes' | pipe\nline`;
const study = conclude(law, plantedStudy(law.rule.seeds, PILOT_LIKE));
const pilot = conclude(law, plantedStudy([101, 102, 103], PILOT_LIKE));
/** Another law with hostile words in it. */
const hostile: Study = {
  ...study,
  law: {
    ...law,
    title: EVIL,
    rule: { ...law.rule, law: "merge-then-align", number: 2, claim: EVIL, source: EVIL },
  },
  verdict: { ...study.verdict, number: 2 },
};
let page: string;

beforeAll(async () => {
  page = await pageHtml([hostile, study]);
}, 120_000);

/** Every element that is opened, in order; throws where one is not closed in turn. */
function elements(text: string): { tag: string; attributes: string }[] {
  const opened: string[] = [];
  const found: { tag: string; attributes: string }[] = [];
  for (const [, slash, tag, attributes, ends] of text.matchAll(
    /<(\/?)([a-z][a-z0-9]*)((?:\s[^<>]*?)?)(\/?)>/gi,
  )) {
    if (slash === "/") {
      if (opened.pop() !== tag) throw new Error(`</${tag}> closes nothing`);
      continue;
    }
    found.push({ tag: tag!, attributes: attributes! });
    if (ends !== "/") opened.push(tag!);
  }
  if (opened.length > 0) throw new Error(`not closed: ${opened.join(", ")}`);
  return found;
}

describe("the page", () => {
  it("is well formed, every id on it is unique and every link on it leads somewhere", () => {
    const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    elements(page.replace(/<(meta|br)\b[^>]*>/g, ""));
    for (const [, target] of page.matchAll(/href="#([^"]*)"/g)) expect(ids).toContain(target);
    for (const [, target] of page.matchAll(/aria-labelledby="([^"]*)"/g)) expect(ids).toContain(target);
    for (const [, target] of page.matchAll(/url\(#([^)]*)\)/g)) expect(ids).toContain(target);
  });

  it("needs no network and no script", () => {
    const tags = new Set(elements(page.replace(/<(meta|br)\b[^>]*>/g, "")).map(({ tag }) => tag));
    for (const tag of ["script", "img", "link", "iframe", "image", "use", "foreignObject"]) {
      expect(tags.has(tag)).toBe(false);
    }
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/@import|url\((?!#)|\ssrc=|\son[a-z]+=/);
    const outside = [...page.matchAll(/href="(?!#)([^"]*)"/g)].map(([, target]) => target);
    expect(new Set(outside)).toEqual(new Set(["https://arxiv.org/abs/2602.11215"]));
  });

  it("escapes every word that it was given", () => {
    expect(page).not.toContain("<script");
    expect(page).toContain("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;quotes&#39;");
  });

  it("can be read without seeing: language, one first heading, levels in order, figures with words", () => {
    expect(page).toMatch(/^<!doctype html>\s*<html lang="en">/);
    const levels = [...page.matchAll(/<h([1-6])[ >]/g)].map(([, level]) => Number(level));
    expect(levels.filter((level) => level === 1)).toHaveLength(1);
    levels.slice(1).forEach((level, index) => expect(level - levels[index]!).toBeLessThanOrEqual(1));
    const drawings = [...page.matchAll(/role="img"\s+aria-label="([^"]*)"/g)].map(([, alt]) => alt!);
    expect(drawings).toHaveLength(2 * 3);
    for (const alt of drawings) expect(alt.length).toBeGreaterThan(100);
    expect(drawings.some((alt) => alt.includes("Law 1, Balance-then-Diversity: supported"))).toBe(true);
    for (const [, head] of page.matchAll(/<thead>([\s\S]*?)<\/thead>/g))
      expect(head).toMatch(/<th scope="col"/);
  });

  it("shows light and dark drawings, one at a time, in legible colours", () => {
    expect(page).toContain("@media screen and (prefers-color-scheme: dark)");
    expect(page).toMatch(/figure \.dark \{ display: none; \}/);
    for (const { ink, tones } of [LIGHT, DARK]) {
      for (const color of [ink.text, ink.quiet, tones.accent]) {
        expect(contrast(rgb(color), rgb(ink.paper))).toBeGreaterThanOrEqual(4.5);
        expect(page).toContain(color);
      }
    }
    expect(page.match(/<svg /g)).toHaveLength(2 * 3);
  });

  it("tells of every law its numbers, control, turning point, scale, cost and check", () => {
    const section = /<section\s+id="balance-then-diversity"[\s\S]*?<\/section>/
      .exec(page)![0]
      .replace(/\s+/g, " ");
    const { evidence, verdict } = study;
    for (const text of [
      law.rule.claim,
      `${evidence.primary.mean.toFixed(2)}, 95 % interval`,
      law.rule.control.expect,
      "What would have changed the verdict",
      "holds and decides",
      "18,000 times as large",
      `${evidence.cost.runs} runs`,
      "lawbook law 1",
      `lawbook retrain ${evidence.arms[0]!.runs[0]!.slice(0, 12)}`,
      evidence.rule,
      evidence.records,
      evidence.base.sha256,
      verdict.adjustedP.toFixed(3),
    ]) {
      expect(section).toContain(text);
    }
    for (const { arm } of evidence.arms) expect(section).toContain(arm);
    for (const { name } of evidence.secondary) expect(section).toContain(name.replace(">", "&gt;").replace("<", "&lt;")); // prettier-ignore
  });

  it("is a function of the studies alone, whatever their order", async () => {
    expect(await pageHtml([study, hostile])).toBe(page);
    expect(page.indexOf('id="balance-then-diversity"')).toBeLessThan(page.indexOf('id="merge-then-align"'));
  });

  it("stands without laws", async () => {
    const empty = await pageHtml([]);
    expect(empty).toContain("No law has records yet.");
    expect(empty).not.toContain("<svg");
  });
});

describe("html", () => {
  it("escapes text and attributes, not markup, and joins lists", () => {
    expect(html`<a title="${`"&'`}">${"<b>"}${[new Markup("<i>1</i>"), 2]}</a>`.text).toBe(
      '<a title="&quot;&amp;&#39;"><a>'.replace("<a>", "") + "&lt;b&gt;<i>1</i>2</a>",
    );
  });

  it("keeps ids of drawings apart", () => {
    const svg = '<svg><clipPath id="clip0"></clipPath><g clip-path="url(#clip0)" href="#clip0"></g></svg>';
    const { text } = figure("law", "words", { light: svg, dark: svg });
    expect(text.match(/id="law-light-clip0"/g)).toHaveLength(1);
    expect(text.match(/id="law-dark-clip0"/g)).toHaveLength(1);
    expect(text).toContain('clip-path="url(#law-dark-clip0)" href="#law-dark-clip0"');
  });

  it("gives a table its caption and headers", () => {
    const { text } = table("Cap & tion", [{ title: "a" }, { title: "b", number: true }], [["x", 1]]);
    expect(text).toContain("Cap &amp; tion");
    expect(text).toMatch(/<th scope="row">x<\/th>\s*<td\s+class="number">1<\/td>/);
  });
});

describe("numbers without a verdict", () => {
  it("stand in tables of their own: single ones, grids and matrices", () => {
    const point = { design: "default <b>", x: 8, seeds: [1, 2], runs: [], parameters: 49_280 };
    const tables = otherTables({
      ...study,
      evidence: {
        ...study.evidence,
        numbers: [
          { name: "ratio of spreads", value: 1.25, interval: { low: 0.9, high: 1.6 } },
          { name: "lowest", value: -0.5, interval: null },
          { name: "p of W", value: 5.33e-6, interval: null },
          { name: "none", value: 0, interval: null },
        ],
        grids: [
          { name: "rank", measure: "strict", x: "rank", points: [{ ...point, ...sample([0.1, 0.3]) }] },
        ],
        matrices: [
          { name: "routing", rows: ["biology"], columns: ["expert 1", "2"], values: [[0.25, null]] },
        ],
      },
    }).map(({ text }) => text.replace(/<[^>]*>/g, " ").replace(/\s+/g, " "));
    expect(tables).toHaveLength(3);
    expect(tables[0]).toMatch(
      /ratio of spreads 1\.250 \[0\.900, 1\.600\] lowest −0\.500 – p of W 5\.3e−6 – none 0\.000 –/,
    );
    expect(tables[1]).toMatch(/no verdict .* default &lt;b&gt; 8 0\.20 \[−1\.07, 1\.47\] 2 49,280/);
    expect(tables[2]).toMatch(/routing.*expert 1 2 biology 0\.25 –/);
  });

  it("take no room where there are none", () => {
    const bare = { ...study.evidence, numbers: [], grids: [], matrices: [] };
    expect(otherTables({ ...study, evidence: bare })).toEqual([]);
  });
});

describe("what would have changed a verdict", () => {
  const of = (changes: Partial<Verdict>): string => turningPoint({ ...study.verdict, ...changes });

  it.each([
    [{}, /above 0\.05 \(it was 0\.008\).*below 0\.1 \(it was \+0\.4\d\).*control/],
    [{ word: "contradicted", effect: -0.3 }, /mean of 0 or more \(it was −0\.30\)/],
    [{ word: "not supported", control: { effect: 0.4, interval: null, failed: true } }, /control below 0\.1 \(it was \+0\.40\)/], // prettier-ignore
    [{ word: "not supported", effect: 0.02, interval: { low: 0, high: 0.04 } }, /reaches 0\.1 \(it was \[\+0\.00, \+0\.04\]\)/], // prettier-ignore
    [{ word: "inconclusive", seedsToDecide: 48 }, /About 48 seeds would decide/],
    [{ word: "inconclusive", seedsToDecide: null }, /No number of seeds within reason/],
    [
      { word: "not a test", pairs: 3, because: "fewer than 10 pairs" },
      /in place of these 3.*fewer than 10 pairs/,
    ],
  ] as [Partial<Verdict>, RegExp][])("is told for %j", (changes, words) => {
    expect(of(changes)).toMatch(words);
  });
});

describe("the README's table", () => {
  it("has a line a law with claim, verdict, effect, adjusted p and N", () => {
    const lines = lawsTable([study]).split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatch(
      /^\| Law 1, Balance-then-Diversity \| diversity beats copies at equal tokens \| ● supported \| \+0\.4\d \[\+0\.\d\d, \+0\.\d\d\] \| 0\.008 \| 10 \|$/,
    );
    expect(lawsTable([pilot]).split("\n")[2]).toMatch(/□ not a test .* 3 pilot \|$/);
  });

  it("keeps its columns whatever the words are", () => {
    const lines = lawsTable([hostile, study]).split("\n");
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line.replace(/\\\|/g, "").match(/\|/g)).toHaveLength(7);
    expect(lawsTable([]).split("\n")).toHaveLength(2);
  });
});
