import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { chainItems, findChains, pairItems, sharedSubjects } from "../../../src/data/cross.js";
import { loadFacts } from "../../../src/data/facts.js";
import { drawSources, type Source } from "../../../src/data/mixture.js";
import { wordings } from "../../../src/data/templates.js";
import { loadTemplates, phrase } from "../../../src/data/templates.js";

const root = join(import.meta.dirname, "../../..");
const disciplines = ["mathematics", "chemistry", "biology", "medicine", "geography"] as const;
const facts = disciplines.flatMap((discipline) => loadFacts(root, discipline));
const sources = drawSources(root, { chemistry: 60, biology: 60, geography: 20 }, { else: 2 }, 101);
const items = pairItems(root, sources, 101);

describe("questions of two parts", () => {
  it("are 24 for every pair of disciplines, or as many as the smaller one has facts", () => {
    const count = (group: string): number => items.filter((item) => item.group === group).length;
    expect([
      count("biology+chemistry"),
      count("biology+geography"),
      count("chemistry+geography"),
      items.length,
    ]).toEqual([24, 20, 20, 64]);
  });

  it("take one fact from each and want both answers in the order asked", () => {
    for (const { group, facts: both, question, right } of items) {
      expect(
        both
          .map(({ discipline }) => discipline)
          .sort()
          .join("+"),
      ).toBe(group);
      expect(right[0]).toBe(`${both[0].answer} and ${both[1].answer}`);
      expect(right).toHaveLength((1 + both[0].aliases.length) * (1 + both[1].aliases.length));
      const [first, second] = both.map(({ subject }) => question.indexOf(subject));
      expect(first).toBeGreaterThanOrEqual(0);
      expect(second).toBeGreaterThan(first!);
    }
    const firsts = items.filter(({ group, facts: [first] }) => group.startsWith(`${first.discipline}+`));
    expect(firsts).toHaveLength(items.length / 2);
  });

  it("have four choices, of which who knows one part can rule out two", () => {
    for (const { facts: both, right, choices } of items) {
      expect(new Set(choices).size).toBe(4);
      expect(choices.filter((choice) => right.includes(choice))).toEqual([right[0]]);
      expect(choices.filter((choice) => choice.startsWith(`${both[0].answer} and `))).toHaveLength(2);
      expect(choices.filter((choice) => choice.endsWith(` and ${both[1].answer}`))).toHaveLength(2);
    }
  });

  it("tell how common the parts of a choice are among the trained answers", () => {
    const share = (relation: string, answer: string): number => {
      const own = sources.flatMap((source) => source.facts).filter((fact) => fact.relation === relation);
      return own.filter((fact) => fact.answer === answer).length / own.length;
    };
    for (const {
      facts: [a, b],
      choices,
      priors,
    } of items) {
      const at = choices.indexOf(`${a.answer} and ${b.answer}`);
      expect(priors[at]).toBeCloseTo(share(a.relation, a.answer) * share(b.relation, b.answer), 12);
    }
  });

  it("have no training wording", () => {
    const templates = loadTemplates(root);
    const trained = sources.flatMap((source) =>
      source.facts.flatMap((fact) =>
        wordings(templates.get(fact.relation)!).map((form) =>
          phrase(templates.get(fact.relation)!, form, fact.subject),
        ),
      ),
    );
    const seen = new Set(trained);
    for (const { question } of items) expect(seen.has(question)).toBe(false);
  });

  it("are the same for equal seeds and do not depend on the order of the sources", () => {
    expect(pairItems(root, [...sources].reverse(), 101)).toEqual(items);
    expect(pairItems(root, sources, 102)).not.toEqual(items);
  });
});

describe("joins of the committed facts", () => {
  it("are counted: so many chains, so many subjects of two disciplines", () => {
    expect(findChains(facts)).toHaveLength(551);
    expect(new Set(findChains(facts).map(([first]) => first.id)).size).toBe(158);
    expect(sharedSubjects(facts)).toHaveLength(269);
  });

  it("are in another discipline, and the answer is the subject", () => {
    for (const [first, second] of findChains(facts)) {
      expect(first.discipline).not.toBe(second.discipline);
      const answers = [first.answer, ...first.aliases].map((text) => text.toLowerCase());
      expect(answers).toContain(second.subjectKey);
    }
  });

  it("leave out names that mean two things", () => {
    const turkey = facts.filter(({ subjectKey }) => subjectKey === "turkey");
    expect(new Set(turkey.map(({ discipline }) => discipline))).toContain("biology");
    expect(findChains(facts).filter(([, second]) => second.subjectKey === "turkey")).toEqual([]);
  });
});

describe("questions along a chain", () => {
  const named = (relation: string, subject: string): Source => {
    const fact = facts.find((one) => one.relation === relation && one.subject === subject)!;
    return { discipline: fact.discipline, facts: [fact], forms: [[]], vectors: [] };
  };

  it("ask the second fact about the relation of the first", () => {
    const [item, ...others] = chainItems(
      root,
      [named("discovery-country", "actinium"), named("capital", "France")],
      101,
    );
    expect(others).toEqual([]);
    expect(item!.question).toContain("the country of discovery of actinium");
    expect(item!.question).not.toContain("France");
    expect(item).toMatchObject({ group: "chain", right: ["Paris"], guess: "Paris" });
    expect(new Set(item!.choices).size).toBe(4);
    expect(item!.choices).toContain("Paris");
  });

  it("need both facts", () => {
    const apart = [named("discovery-country", "actinium"), named("capital", "Norway")];
    expect(chainItems(root, apart, 101)).toEqual([]);
  });
});
