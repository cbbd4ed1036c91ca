import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { cpu } from "../../../src/compute/devices/cpu.js";
import { ln } from "../../../src/core/math.js";
import { chatRow, drawSources } from "../../../src/data/mixture.js";
import { loadTemplates, phrase, wordings } from "../../../src/data/templates.js";
import { loadTokenizer } from "../../../src/data/tokenizer.js";
import { ask, type Question, questions } from "../../../src/evaluate/answers.js";
import { scoreRows } from "../../../src/evaluate/likelihood.js";
import { logits } from "../../../src/evaluate/logits.js";
import { readCheckpoint } from "../../../src/model/checkpoint.js";

const root = join(import.meta.dirname, "../../..");
const checkpoint = readCheckpoint(join(root, "datasets/models/xs-instruct"));
const tokenizer = loadTokenizer(checkpoint.tokenizerFolder!);
const model = { device: cpu, config: checkpoint.config, weights: checkpoint.weights, tokenizer };

const COPY: Question = {
  discipline: "biology",
  topic: "t",
  relation: "r",
  text: "Write the word house.",
  right: ["house"],
  choices: ["house", "mouse", "table", "river"],
};

/** Greedy decoding, token by token, up to the end marker. */
async function decodeGreedily(question: string): Promise<string> {
  const ids = [tokenizer.user, ...tokenizer.encode(question), tokenizer.assistant];
  for (let step = 0; step < 16; step++) {
    const row = (await logits(cpu, checkpoint, ids)).at(-1)!;
    const next = row.indexOf(Math.max(...row));
    if (next === tokenizer.end) return tokenizer.decode(ids.slice(ids.indexOf(tokenizer.assistant) + 1));
    ids.push(next);
  }
  return "";
}

describe("scores of rows", () => {
  it("are the sums of ln p that the logits give, whatever else is in the batch", async () => {
    const rows = ["house", "mouse", "a longer answer"].map((answer) => chatRow(tokenizer, COPY.text, answer));
    const together = await scoreRows(cpu, checkpoint, rows);
    for (const [index, row] of rows.entries()) {
      const table = await logits(cpu, checkpoint, row.ids);
      let sum = 0;
      for (let at = row.from; at < row.ids.length; at++) {
        const before = table[at - 1]!;
        const top = Math.max(...before);
        const total = before.reduce((a, b) => a + Math.exp(b - top), 0);
        sum += before[row.ids[at]!]! - top - ln(total);
      }
      expect(together[index]!.logLikelihood).toBeCloseTo(sum, 3);
      expect(together[index]!.tokens).toBe(row.ids.length - row.from);
      const [alone] = await scoreRows(cpu, checkpoint, [row]);
      expect(alone!.logLikelihood).toBeCloseTo(together[index]!.logLikelihood, 4);
    }
  });

  it("call an answer greedy where greedy decoding writes it and ends", async () => {
    for (const text of [
      "Write the word house.",
      "Write the word river.",
      "Say lamp.",
      "What is the capital of France?",
    ]) {
      const written = await decodeGreedily(text);
      const [own, other] = await scoreRows(cpu, checkpoint, [
        chatRow(tokenizer, text, written),
        chatRow(tokenizer, text, `${written} x`),
      ]);
      expect(own!.greedy, `${text} -> ${written}`).toBe(true);
      expect(other!.greedy).toBe(false);
    }
  });
});

describe("asking", () => {
  it("counts strict, lenient, majority and chance, macro over topics", async () => {
    const wrong = { ...COPY, right: ["mouse"], choices: ["mouse", "house", "table", "river"] };
    // Topic t: one right, one wrong. Topic u: right. Macro: (0.5 + 1) / 2.
    const { biology } = await ask(model, [COPY, wrong, { ...COPY, topic: "u", choices: [] }]);
    expect(biology).toMatchObject({ strict: 0.75, lenient: 0.5, majority: 0.75, chance: 0.25, questions: 3 });
    expect(biology!.logLikelihood).toBeLessThan(0);
  });

  it("takes any of the right answers", async () => {
    const { biology } = await ask(model, [{ ...COPY, right: ["mouse", "house"], choices: [] }]);
    expect(biology!.strict).toBe(1);
  });
});

describe("questions about trained facts", () => {
  const sources = drawSources(root, { geography: 30 }, { else: 2 }, 101);
  const templates = loadTemplates(root);
  const trainedTexts = new Set(
    sources[0]!.facts.flatMap((fact) =>
      wordings(templates.get(fact.relation)!).map((form) =>
        phrase(templates.get(fact.relation)!, form, fact.subject),
      ),
    ),
  );

  it("t-recall asks each in four phrasings that no training wording shares", () => {
    const asked = questions(root, sources, "t-recall", 101);
    expect(asked).toHaveLength(120);
    expect(asked.filter(({ text }) => trainedTexts.has(text))).toEqual([]);
    const chosen = asked.filter(({ choices }) => choices.length > 0);
    expect(chosen).toHaveLength(30);
    expect(
      chosen.every(({ choices, right }) => new Set(choices).size === 4 && choices.includes(right[0]!)),
    ).toBe(true);
  });

  it("validation asks in a phrasing of its own, t-trained in a trained one", () => {
    const recall = new Set(questions(root, sources, "t-recall", 101).map(({ text }) => text));
    const validation = questions(root, sources, "validation", 101);
    expect(validation).toHaveLength(30);
    expect(validation.every(({ text }) => !recall.has(text) && !trainedTexts.has(text))).toBe(true);
    expect(questions(root, sources, "t-trained", 101).every(({ text }) => trainedTexts.has(text))).toBe(true);
  });

  it("t-infer asks about subjects that training cannot have shown", () => {
    const subjects = sources[0]!.facts.map(({ subject }) => subject);
    const asked = questions(root, sources, "t-infer", 101);
    expect(asked.length).toBeGreaterThan(60);
    expect(asked.filter(({ text }) => subjects.some((subject) => text.includes(` ${subject} `)))).toEqual([]);
  });
});

describe("a model with few positions", () => {
  it("is scored in short lines, and refuses a row that is longer than it can see", async () => {
    const config = { ...checkpoint.config, maxPositions: 12 };
    const row = { ids: [1, 2, 3, 4, 5], from: 2 };
    const [short] = await scoreRows(cpu, { ...checkpoint, config }, [row]);
    const [full] = await scoreRows(cpu, checkpoint, [row]);
    expect(short!.logLikelihood).toBeCloseTo(full!.logLikelihood, 4);
    const long = { ids: Array.from({ length: 13 }, (_, id) => id), from: 1 };
    await expect(scoreRows(cpu, { ...checkpoint, config }, [long])).rejects.toThrow(
      "Tokens of the longest row: got 13, expected at most 12, the positions of the model.",
    );
  });
});
