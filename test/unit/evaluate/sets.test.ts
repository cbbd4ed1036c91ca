import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { evaluateCommand } from "../../../src/commands/evaluate.js";
import { scoreRowsOf, scoresText } from "../../../src/commands/scores.js";
import { cpu } from "../../../src/compute/devices/cpu.js";
import { loadBaseText } from "../../../src/data/text.js";
import { drawSources } from "../../../src/data/mixture.js";
import { loadTokenizer } from "../../../src/data/tokenizer.js";
import { predict, predictedTexts } from "../../../src/evaluate/perplexity-scores.js";
import type { DisciplineScore } from "../../../src/evaluate/score.js";
import { scoreSet } from "../../../src/evaluate/sets.js";
import { newCheckpoint, readCheckpoint } from "../../../src/model/checkpoint.js";
import { SIZES } from "../../../src/model/config.js";

const root = join(import.meta.dirname, "../../..");
const checkpoint = readCheckpoint(join(root, "datasets/models/xs-instruct"));
const base = readCheckpoint(join(root, "datasets/models/xs-base"));
const tokenizer = loadTokenizer(checkpoint.tokenizerFolder!);
const asking = { device: cpu, config: checkpoint.config, weights: checkpoint.weights, tokenizer };
const sources = drawSources(root, { biology: 8, geography: 8 }, { else: 2 }, 101);

const SHARES = ["strict", "lenient", "majority", "chance", "content", "form", "bareForm"] as const;
const CHOICES = ["acc", "accNorm", "accBytes", "accTokens", "choiceMajority"] as const;

function expectShares(score: DisciplineScore): void {
  for (const name of [...SHARES, ...CHOICES]) {
    const value = score[name];
    if (value === undefined) continue;
    expect(value, name).toBeGreaterThanOrEqual(0);
    expect(value, name).toBeLessThanOrEqual(1);
  }
}

describe("a set of questions", () => {
  it("is scored by choices as lm-eval does, beside what is commonest", async () => {
    const scores = await scoreSet(asking, "t-recall", root, sources, 101);
    expect(Object.keys(scores)).toEqual(["biology", "geography"]);
    for (const score of Object.values(scores)) {
      expectShares(score);
      for (const name of CHOICES) expect(score[name], name).toBeDefined();
    }
  });
});

describe("perplexity", () => {
  it("of plain text is lower for the model that read its like, and near the vocabulary for one that knows nothing", async () => {
    const texts = predictedTexts(root, [], tokenizer, 101).slice(0, 60);
    const { text: learnt } = await predict({ ...asking, weights: base.weights }, texts);
    const blank = newCheckpoint(SIZES.xs, 3, "");
    const { text: ignorant } = await predict({ ...asking, weights: blank.weights }, texts);
    expect(learnt!.perplexity!).toBeLessThan(80);
    expect(learnt!.perplexity!).toBeLessThan(learnt!.unigramPerplexity!);
    expect(Math.abs(ignorant!.perplexity! / 2048 - 1)).toBeLessThan(0.1);
    expect(learnt!.strict).toBeGreaterThan(learnt!.majority);
  });

  it("has lm-eval's definitions per word and per byte", async () => {
    const texts = predictedTexts(root, [], tokenizer, 101).slice(0, 5);
    const { text } = await predict({ ...asking, weights: base.weights }, texts);
    const tokens = texts.reduce((sum, { text: own }) => sum + tokenizer.encode(own).length, 0);
    const surprise = -text!.logLikelihood * tokens;
    const words = texts.flatMap(({ text: own }) => own.split(/\s+/)).length;
    const bytes = texts.reduce((sum, { text: own }) => sum + Buffer.byteLength(own), 0);
    expect(text!.perplexity).toBeCloseTo(Math.exp(surprise / tokens), 6);
    expect(Math.log(text!.wordPerplexity!)).toBeCloseTo(surprise / words, 6);
    expect(text!.bytePerplexity).toBeCloseTo(Math.exp(surprise / bytes), 6);
    expect(text!.bitsPerByte).toBeCloseTo(surprise / bytes / Math.LN2, 6);
    expect(text!.lenient).toBeCloseTo(1 / text!.perplexity!, 12);
    expect(text!.chance).toBe(1 / 2048);
  });

  it("is per discipline over the answers in the validation wording, beside plain text", async () => {
    const scores = await scoreSet(asking, "perplexity", root, sources, 101);
    expect(Object.keys(scores)).toEqual(["biology", "geography", "text"]);
    expect(scores["biology"]).toMatchObject({ questions: 8 });
    expect(scores["biology"]!.wordPerplexity).toBeUndefined();
    expect(scores["text"]).toMatchObject({ questions: 400 });
    Object.values(scores).forEach(expectShares);
  });

  it("of plain text takes 400 different passages of the base text", () => {
    const passages = predictedTexts(root, [], tokenizer, 101).map(({ text }) => text);
    const known = new Set(loadBaseText(root));
    expect(passages).toHaveLength(400);
    expect(passages.every((text) => known.has(text))).toBe(true);
  });
});

describe("formats and two disciplines", () => {
  it("have groups and their mean", async () => {
    const scores = await scoreSet(asking, "formatted-facts", root, sources, 101);
    expect(Object.keys(scores)).toEqual(["biology", "geography", "all"]);
    expect(scores["all"]!.form).toBeCloseTo((scores["biology"]!.form! + scores["geography"]!.form!) / 2, 12);
    Object.values(scores).forEach(expectShares);
    const cross = await scoreSet(asking, "cross", root, sources, 101);
    expect(Object.keys(cross)).toEqual(["biology+geography", "all"]);
    expect(cross["all"]).toMatchObject({ questions: 8, chance: 0.25 });
    Object.values(cross).forEach(expectShares);
  });

  it("are empty where there are no facts", async () => {
    for (const set of ["formatted-facts", "cross", "t-recall"] as const) {
      expect(await scoreSet(asking, set, root, [], 101)).toEqual({});
    }
  });
});

describe("tables of scores", () => {
  const score = { strict: 0.5, lenient: 0.5, majority: 0.1, chance: 0.25, logLikelihood: -1, questions: 4 };

  it("are one for each kind of set, with majority and chance", () => {
    const text = scoresText({
      "t-recall": { biology: { ...score, acc: 0.25 } },
      instructions: { square: { ...score, form: 1 }, all: { ...score, form: 1 } },
    });
    const [questions, formats] = text.split("\n\n").map((table) => table.split("\n"));
    expect(questions).toEqual([
      "set       discipline  strict  lenient  majority  chance    acc  ln p/token  questions",
      "t-recall  biology      0.500    0.500     0.100   0.250  0.250       -1.00          4",
    ]);
    expect(formats).toHaveLength(3);
    expect(formats![0]).toContain("majority  chance   form");
  });

  it("take records that were made before a column was", () => {
    expect(scoreRowsOf({ "t-recall": { biology: score } })).toEqual([
      { set: "t-recall", discipline: "biology", ...score },
    ]);
    expect(scoresText({})).toBe("");
  });
});

describe("lawbook evaluate", () => {
  const context = {
    cwd: root,
    root,
    home: join(root, "test/no-such-home"),
    env: {},
    signal: new AbortController().signal,
    progress: () => undefined,
  };
  const evaluate = (set: string) =>
    evaluateCommand.run(
      { positionals: ["xs-instruct"], flags: { set, facts: 4, device: "cpu", seed: 101 } },
      context,
    );

  it("takes several sets", async () => {
    const { scores } = await evaluate("t-recall, cross");
    expect(Object.keys(scores)).toEqual(["t-recall", "cross"]);
  });

  it("names the nearest set for one that is unknown", async () => {
    await expect(evaluate("t-recall,crosss")).rejects.toMatchObject({ hint: 'Did you mean "cross"?' });
  });
});
