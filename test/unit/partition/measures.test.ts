import { describe, expect, it } from "vitest";

import { unit } from "../../../src/data/diversity.js";
import { checkCorpora, type Corpus, everyDocument } from "../../../src/partition/corpus.js";
import { DISCREPANCIES, DISCREPANCY_NAMES, findDiscrepancy } from "../../../src/partition/discrepancy.js";
import { jensenShannon, smoothed, symmetricKullbackLeibler } from "../../../src/partition/divergence.js";
import { prepareSynergy } from "../../../src/partition/synergy.js";

const counts = (...values: number[]): Float64Array => Float64Array.from(values);
const corpus = (discipline: string, ...documents: (readonly [number[], number[]])[]): Corpus => ({
  discipline,
  documents: documents.map(([tokens, direction]) => ({ tokens, vector: unit(direction) })),
});

describe("smoothing", () => {
  it("adds to each count of the tokens that either corpus has", () => {
    const { p, q } = smoothed(counts(3, 0, 1, 0), counts(0, 2, 2, 0), 0.5);
    // Three tokens; (3.5, 0.5, 1.5) / 5.5 and (0.5, 2.5, 2.5) / 5.5.
    expect([...p]).toEqual([3.5 / 5.5, 0.5 / 5.5, 1.5 / 5.5]);
    expect([...q]).toEqual([0.5 / 5.5, 2.5 / 5.5, 2.5 / 5.5]);
    expect([...smoothed(counts(3, 0, 1), counts(0, 2, 2), 0).p]).toEqual([0.75, 0, 0.25]);
  });

  it("refuses a negative or missing amount, and a corpus without tokens", () => {
    expect(() => smoothed(counts(1), counts(1), -1)).toThrow(/smoothing: got "-1"/);
    expect(() => smoothed(counts(1), counts(1), NaN)).toThrow(/smoothing: got "NaN"/);
    expect(() => smoothed(counts(0), counts(1), 0)).toThrow(/without tokens/);
  });
});

describe("the Jensen-Shannon divergence", () => {
  it("is 1 bit for distributions that share nothing, 0 for equal ones", () => {
    expect(jensenShannon(smoothed(counts(1, 0), counts(0, 1), 0))).toBe(1);
    expect(jensenShannon(smoothed(counts(2, 6), counts(1, 3), 0))).toBe(0);
  });

  it("of (1, 0) and (1/2, 1/2) is 3/4 log2(4/3)", () => {
    // M = (3/4, 1/4): (log2(4/3) + (log2(2/3) + log2 2) / 2) / 2 = 0.75 log2(4/3) = 0.3112781...
    const value = jensenShannon(smoothed(counts(1, 0), counts(1, 1), 0));
    expect(value).toBeCloseTo(0.75 * Math.log2(4 / 3), 14);
    expect(value).toBeCloseTo(0.311278124459133, 14);
  });

  it("shrinks with smoothing", () => {
    const at = (alpha: number): number => jensenShannon(smoothed(counts(4, 0), counts(0, 4), alpha));
    expect(at(0)).toBe(1);
    expect(at(0.5)).toBeLessThan(at(0.1));
    expect(at(1e9)).toBeCloseTo(0, 12);
  });
});

describe("the Kullback-Leibler divergence of both directions", () => {
  it("of (1/2, 1/2) and (1/4, 3/4) is log2(3) / 8", () => {
    // ((1/2 - 1/4) log2 2 + (1/2 - 3/4) log2(2/3)) / 2 = (1/4 - 1/4 (1 - log2 3)) / 2.
    expect(symmetricKullbackLeibler(smoothed(counts(1, 1), counts(1, 3), 0))).toBeCloseTo(
      Math.log2(3) / 8,
      14,
    );
  });

  it("is infinite without smoothing where one lacks a token", () => {
    expect(symmetricKullbackLeibler(smoothed(counts(1, 0), counts(1, 1), 0))).toBe(Infinity);
    expect(symmetricKullbackLeibler(smoothed(counts(1, 0), counts(1, 1), 0.5))).toBeLessThan(1);
  });
});

const physics = corpus(
  "physics",
  [
    [1, 2],
    [1, 0],
  ],
  [
    [2, 3],
    [0, 1],
  ],
);
const botany = corpus(
  "botany",
  [
    [3, 3, 4],
    [-1, 0],
  ],
  [[5], [0, 1]],
);
const sameAsPhysics = { ...physics, discipline: "physics again" };

describe.each(DISCREPANCIES)("$name", (discrepancy) => {
  it("is symmetric, 0 for equal corpora, above 0 for others", () => {
    const corpora = [physics, botany, sameAsPhysics];
    const d = discrepancy.prepare(corpora, { smoothing: 0.5, seed: 3 })(everyDocument(corpora));
    for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) expect(d[i]![j]).toBe(d[j]![i]);
    expect(d.map((row, i) => row[i])).toEqual([0, 0, 0]);
    expect(d[0]![2]).toBeCloseTo(0, 15);
    expect(d[0]![1]).toBeGreaterThan(0.01);
    expect(d[1]![2]).toBeCloseTo(d[0]![1]!, 14);
  });

  it("counts a document twice as if it were there twice", () => {
    const options = { smoothing: 0.5, seed: 3 };
    const doubled = { ...physics, documents: [...physics.documents, physics.documents[0]!] };
    const weighted = discrepancy.prepare(
      [physics, botany],
      options,
    )([
      [2, 1],
      [1, 1],
    ]);
    const repeated = discrepancy.prepare(
      [doubled, botany],
      options,
    )([
      [1, 1, 1],
      [1, 1],
    ]);
    // A repeated document moves the median distance, and with it the kernel.
    if (discrepancy.name !== "mmd") expect(weighted[0]![1]).toBeCloseTo(repeated[0]![1]!, 14);
    const absent = discrepancy.prepare(
      [physics, botany],
      options,
    )([
      [1, 0],
      [1, 1],
    ]);
    expect(absent[0]![1]).not.toBe(weighted[0]![1]);
  });
});

describe("distances of embeddings", () => {
  const line = (...xs: number[]): Corpus => ({
    discipline: `at ${xs.join()}`,
    documents: xs.map((x) => ({ tokens: [1], vector: Float64Array.of(x) })),
  });
  const between = (name: "sliced-wasserstein" | "mmd", a: Corpus, b: Corpus): number =>
    findDiscrepancy(name).prepare([a, b], { smoothing: 0, seed: 1 })(everyDocument([a, b]))[0]![1]!;

  it("in one dimension the sliced Wasserstein distance is the area between the distribution functions", () => {
    expect(between("sliced-wasserstein", line(0, 1), line(3))).toBeCloseTo(2.5, 14);
    expect(between("sliced-wasserstein", line(0, 0, 3), line(0, 1, 2))).toBeCloseTo(2 / 3, 14);
    expect(between("sliced-wasserstein", line(-1, 1), line(0))).toBeCloseTo(1, 14);
  });

  it("the squared MMD of two points one bandwidth apart is 2 - 2 exp(-1/2)", () => {
    expect(between("mmd", line(0), line(5))).toBeCloseTo(2 - 2 * Math.exp(-0.5), 14);
  });

  it("the squared MMD of three points is the sum over its kernel", () => {
    // Distances 1, 2, 3, median 2: k(x, y) = exp(-(x - y)^2 / 8).
    const k = (x: number): number => Math.exp((-x * x) / 8);
    const expected = (2 + 2 * k(1)) / 4 + 1 - (k(3) + k(2));
    expect(between("mmd", line(0, 1), line(3))).toBeCloseTo(expected, 14);
  });

  it("the directions come from the seed", () => {
    const plane = [physics, botany];
    const at = (seed: number): number =>
      findDiscrepancy("sliced-wasserstein").prepare(plane, { smoothing: 0, seed })(
        everyDocument(plane),
      )[0]![1]!;
    expect(at(1)).toBe(at(1));
    expect(at(1)).not.toBe(at(2));
  });
});

describe("the synergy", () => {
  it("is the mean of the shared share of tokens and the cosine of the mean embeddings", () => {
    const corpora = [physics, botany];
    const { jaccard, cosine, synergy } = prepareSynergy(corpora, "mean")(everyDocument(corpora));
    // {1, 2, 3} and {3, 4, 5} share one of five; the means point to (1, 1) and (-1, 1).
    expect(jaccard[0]![1]).toBe(0.2);
    expect(cosine[0]![1]).toBeCloseTo(0, 15);
    expect(synergy[0]![1]).toBeCloseTo(0.1, 15);
    expect(synergy[0]![0]).toBe(1);
  });

  it("forgets a token whose documents a resample leaves out", () => {
    const corpora = [physics, botany];
    const { jaccard, cosine } = prepareSynergy(
      corpora,
      "mean",
    )([
      [2, 0],
      [1, 1],
    ]);
    expect(jaccard[0]![1]).toBe(0);
    expect(cosine[0]![1]).toBeCloseTo(-Math.SQRT1_2, 15);
  });

  it("is one of its views where that is asked for", () => {
    const corpora = [physics, botany, sameAsPhysics];
    for (const name of ["jaccard", "cosine"] as const) {
      const found = prepareSynergy(corpora, name)(everyDocument(corpora));
      expect(found.synergy).toEqual(found[name]);
      expect(found.synergy[0]![2]).toBeCloseTo(1, 15);
    }
  });
});

describe("corpora", () => {
  it("are refused where they cannot be compared", () => {
    expect(() => checkCorpora([physics])).toThrow(/Disciplines: got \["physics"\], expected 2 or more/);
    expect(() => checkCorpora([physics, physics])).toThrow(/physics comes twice/);
    expect(() => checkCorpora([physics, corpus("void")])).toThrow(/Documents of void: got 0/);
    expect(() => checkCorpora([physics, corpus("blank", [[], [1, 0]])])).toThrow(
      /Tokens of document 0 of blank: got 0/,
    );
    expect(() => checkCorpora([physics, corpus("wide", [[1], [1, 0, 0]])])).toThrow(
      /Embedding of document 0 of wide: got "3 numbers", expected 2 finite numbers/,
    );
    const broken = { discipline: "broken", documents: [{ tokens: [1], vector: Float64Array.of(NaN, 0) }] };
    expect(() => checkCorpora([physics, broken])).toThrow(/got "not finite"/);
  });

  it("name the nearest discrepancy for an unknown one", () => {
    expect(() => findDiscrepancy("jensen-shanon")).toThrow(/Did you mean "jensen-shannon"/);
    expect(DISCREPANCIES.map(({ name }) => name)).toEqual(DISCREPANCY_NAMES);
  });
});
