import { join } from "node:path";

import { describe, expect, it } from "vitest";

import {
  chatRow,
  consumedRows,
  drawSources,
  partOfSources,
  planRows,
  rowsOf,
} from "../../../src/data/mixture.js";
import { loadTokenizer } from "../../../src/data/tokenizer.js";

const root = join(import.meta.dirname, "../../..");
const tokenizer = loadTokenizer(join(root, "datasets/tokenizer"));
const FACTS = { geography: 12, biology: 20 };

describe("drawn sources", () => {
  it("do not depend on the order of the request's keys", () => {
    const one = drawSources(root, { geography: 12, biology: 20 }, { else: 3 }, 7);
    const other = drawSources(root, { biology: 20, geography: 12 }, { else: 3 }, 7);
    expect(other).toEqual(one);
    expect(one.map(({ discipline }) => discipline)).toEqual(["biology", "geography"]);
  });

  it("fall into disjoint parts that together are all, facts with their forms and vectors", () => {
    const sources = drawSources(root, FACTS, { else: 3 }, 7);
    const parts = [1, 2, 3].map((number) => partOfSources(sources, { number, of: 3 }));
    sources.forEach((source, index) => {
      const own = parts.map((part) => part[index]!);
      expect(own.flatMap(({ facts }) => facts)).toEqual(source.facts);
      expect(own.flatMap(({ forms }) => forms)).toEqual(source.forms);
      expect(own.flatMap(({ vectors }) => vectors)).toEqual(source.vectors);
    });
    expect(parts.map(([biology]) => biology!.facts.length)).toEqual([6, 7, 7]);
  });

  it("hold as many training facts as asked, of subjects with two or more, and a seed's own", () => {
    const sources = drawSources(root, FACTS, { else: 3 }, 7);
    expect(sources.map(({ facts }) => facts.length)).toEqual([20, 12]);
    for (const { facts } of sources) {
      expect(facts.every(({ split }) => split === "train")).toBe(true);
      const subjects = facts.map(({ subjectKey }) => subjectKey);
      expect(subjects.every((key) => subjects.filter((other) => other === key).length >= 2)).toBe(true);
    }
    const ids = (seed: number): string =>
      drawSources(root, FACTS, {}, seed)[0]!
        .facts.map(({ id }) => id)
        .join();
    expect(ids(8)).not.toBe(ids(7));
  });

  it("give a fact the same first wording however many it gets, so that arms are paired", () => {
    const few = drawSources(root, FACTS, { else: 1 }, 7);
    const many = drawSources(root, FACTS, { else: 16 }, 7);
    few.forEach(({ facts, forms }, source) => {
      expect(many[source]!.facts).toEqual(facts);
      forms.forEach(([form], fact) => expect(many[source]!.forms[fact]![0]).toEqual(form));
      many[source]!.forms.forEach((own) =>
        expect(new Set(own.map((form) => JSON.stringify(form))).size).toBe(16),
      );
    });
  });

  it("are refused where the pool or the wordings do not suffice", () => {
    expect(() => drawSources(root, { geography: 5000 }, {}, 7)).toThrow(
      "data.facts.geography: got 5000, expected at most",
    );
    expect(() => drawSources(root, FACTS, { else: 1000 }, 7)).toThrow(
      "data.wordings of biology: got 1000, expected at most",
    );
  });
});

describe("planned rows", () => {
  const sources = drawSources(root, FACTS, { biology: 4, geography: 1 }, 7);

  it("follow the shares of the sampler, and every fact takes its wordings in turn", () => {
    const picks = planRows(sources, { kind: "balanced" }, false, 4000, 7);
    const biology = picks.filter(({ source }) => source === 0);
    expect(biology.length / 4000).toBeCloseTo(0.5, 1);
    const own = biology.filter(({ fact }) => fact === 3).map(({ form }) => form);
    expect(own.slice(0, 6)).toEqual([0, 1, 2, 3, 0, 1]);
    // 80 rows of biology to 12 of geography.
    const proportional = planRows(sources, { kind: "proportional" }, false, 4000, 7);
    expect(proportional.filter(({ source }) => source === 0).length / 4000).toBeCloseTo(80 / 92, 1);
  });

  it("with diversity feed every fact, and start like those of a longer run", () => {
    const picks = planRows(sources, { kind: "balanced" }, true, 600, 7);
    expect(new Set(picks.filter(({ source }) => source === 1).map(({ fact }) => fact)).size).toBe(12);
    expect(planRows(sources, { kind: "balanced" }, true, 700, 7).slice(0, 600)).toEqual(picks);
  });

  it("are counted as they were fed", () => {
    const picks = planRows(sources, { kind: "balanced" }, false, 400, 7);
    const { biology, geography } = consumedRows(root, sources, picks);
    expect(biology!.rows + geography!.rows).toBe(400);
    expect(biology!.facts).toBe(20);
    expect(biology!.wordings).toBe(80);
    expect(geography!.wordings).toBe(12);
    expect(geography!.maxRepeats).toBe(Math.ceil(geography!.rows / 12));
    expect(biology!.vendi).toBeGreaterThan(geography!.vendi);
    expect(geography!.vendi).toBeLessThanOrEqual(12);
  });

  it("become chat rows whose answer and end count", () => {
    const [row] = rowsOf(root, sources, [{ source: 1, fact: 0, form: 0 }], tokenizer);
    const { answer } = sources[1]!.facts[0]!;
    const { user, assistant, end } = tokenizer;
    expect(row!.ids[0]).toBe(user);
    expect(row!.ids[row!.from - 1]).toBe(assistant);
    expect(tokenizer.decode(row!.ids.slice(row!.from, -1))).toBe(answer);
    expect(row!.ids.at(-1)).toBe(end);
    const question = tokenizer.decode(row!.ids.slice(1, row!.from - 1));
    expect(row).toEqual({ ...chatRow(tokenizer, question, answer), label: sources[1]!.discipline });
  });
});
