import { describe, expect, it } from "vitest";

import { type Candidate, Candidates, fold, type Offer } from "../../../datasets/build/facts/candidate.js";
import { addChoices } from "../../../datasets/build/facts/choices.js";
import { capShares, LARGEST_SHARE, selectFacts } from "../../../datasets/build/facts/select.js";
import { ORIGINS } from "../../../datasets/build/sources.js";

const make = (subject: string, relation: string, answer: string, topic = "t"): Candidate => ({
  discipline: "biology",
  topic,
  relation,
  subject,
  answer,
  aliases: [],
  origin: ORIGINS.taxonomy,
});

const many = (count: number, relation: string, answers: number): Candidate[] =>
  Array.from({ length: count }, (_, i) => make(`subject ${i}`, relation, `answer ${i % answers}`));

const offer = (candidates: readonly Candidate[], quota = 1000): Offer => ({
  quotas: { t: quota },
  candidates,
});

describe("candidates", () => {
  it("are folded to ASCII and kept only if short, and if the question does not show the answer", () => {
    const list = new Candidates("geography");
    const add = (subject: string, answer: string): void =>
      list.add(ORIGINS.countries, "t", "r", subject, answer);
    add("Brasil", "Brasília");
    add("heart disease", "disease");
    add("Peru", "東京");
    add("a".repeat(29), "short");
    add("short", "a".repeat(25));
    add("Peru", " ");
    expect(list.list.map(({ subject, answer }) => [subject, answer])).toEqual([["Brasil", "Brasilia"]]);
    expect(fold("Tōrshavn  x ")).toBe("Torshavn x");
  });
});

describe("selection", () => {
  it("leaves out a subject with two answers to a relation, and keeps its other relation", () => {
    const facts = [...many(40, "order", 10), ...many(40, "class", 10), make("subject 3", "order", "other")];
    const chosen = selectFacts("biology", offer(facts), new Set());
    expect(chosen.filter(({ subject }) => subject === "subject 3").map(({ relation }) => relation)).toEqual([
      "class",
    ]);
  });

  it("fills the quota of a topic with whole subjects, those with several relations first", () => {
    const facts = [...many(40, "order", 10), ...many(20, "class", 10)];
    const chosen = selectFacts("biology", offer(facts, 30), new Set());
    expect(chosen).toHaveLength(30);
    const counts = new Map<string, number>();
    for (const { subject } of chosen) counts.set(subject, (counts.get(subject) ?? 0) + 1);
    expect([...counts.values()]).toEqual(Array.from({ length: 15 }, () => 2));
  });

  it("does not count extra relations", () => {
    const facts = [...many(40, "order", 40), ...many(40, "class", 40), ...many(40, "formula", 40)];
    const chosen = selectFacts("biology", offer(facts, 20), new Set(["formula"]));
    expect(chosen.filter(({ relation }) => relation !== "formula")).toHaveLength(20);
    expect(chosen.filter(({ relation }) => relation === "formula")).toHaveLength(10);
  });

  it("drops a relation with fewer than five answers", () => {
    expect(selectFacts("biology", offer(many(40, "order", 4)), new Set())).toEqual([]);
    expect(selectFacts("biology", offer(many(40, "order", 5)), new Set())).toHaveLength(40);
  });

  it("does not depend on the order in which a source lists its facts", () => {
    const facts = [...many(200, "order", 20), ...many(200, "class", 10)];
    expect(selectFacts("biology", offer([...facts].reverse(), 50), new Set())).toEqual(
      selectFacts("biology", offer(facts, 50), new Set()),
    );
  });
});

describe("capping shares", () => {
  it("leaves no answer above its share and touches nothing else", () => {
    const rare = many(30, "order", 10);
    const common = Array.from({ length: 70 }, (_, i) => make(`c${i}`, "order", "Rodentia"));
    const kept = capShares([...common, ...rare]);
    const most = kept.filter(({ answer }) => answer === "Rodentia").length;
    expect(most / kept.length).toBeLessThanOrEqual(LARGEST_SHARE);
    expect(most).toBe(10);
    expect(kept.filter(({ answer }) => answer !== "Rodentia")).toEqual(rare);
  });
});

describe("choices", () => {
  it("are the answer and three others of the relation, never an alias, in a fixed order", () => {
    const facts = many(100, "order", 10).map((fact, i) =>
      i === 7 ? { ...fact, aliases: ["answer 1", "Answer 2"] } : fact,
    );
    const choices = addChoices(facts);
    facts.forEach(({ answer }, i) => {
      expect(new Set(choices[i]).size).toBe(4);
      expect(choices[i]).toContain(answer);
    });
    expect(choices[7]).not.toContain("answer 1");
    expect(choices[7]).not.toContain("answer 2");
    expect(addChoices(facts)).toEqual(choices);
    const places = facts.map(({ answer }, i) => choices[i]!.indexOf(answer));
    expect(new Set(places).size).toBe(4);
  });

  it("match in frequency", () => {
    const common = [0, 1, 2, 3, 4, 5, 6].flatMap((k) =>
      Array.from({ length: 60 }, (_, i) => make(`c${k} ${i}`, "order", `common ${k}`)),
    );
    const rare = Array.from({ length: 80 }, (_, i) => make(`r${i}`, "order", `rare ${i}`));
    const choices = addChoices([...common, ...rare]);
    const shareOfCommon = (lists: readonly (readonly string[])[], own: readonly Candidate[]): number => {
      const wrong = lists.flatMap((list, i) => list.filter((text) => text !== own[i]!.answer));
      return wrong.filter((text) => text.startsWith("common")).length / wrong.length;
    };
    expect(shareOfCommon(choices.slice(common.length), rare)).toBeLessThan(0.1);
    expect(shareOfCommon(choices.slice(0, common.length), common)).toBeGreaterThan(0.4);
  });
});
