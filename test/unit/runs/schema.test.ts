import { describe, expect, it } from "vitest";

import { parseRequestText } from "../../../src/commands/request-text.js";
import { LawbookError } from "../../../src/core/errors.js";
import { parseTrainRequest } from "../../../src/runs/schema.js";

const SMALLEST = "model: xs-instruct\ndata: { facts: { biology: 60 } }\n";

function problems(text: string): string[] {
  const { value, lineOf } = parseRequestText(text, "The request");
  try {
    parseTrainRequest(value, lineOf);
  } catch (error) {
    if (!(error instanceof LawbookError)) throw error;
    expect(error.code).toBe("request");
    return error.problems.map(({ path, line, message }) => `${path} @${line}: ${message}`);
  }
  return [];
}

describe("a train request", () => {
  it("gets every default", () => {
    expect(parseTrainRequest(parseRequestText(SMALLEST, "x").value)).toEqual({
      kind: "train",
      model: "xs-instruct",
      objective: "sft",
      method: { kind: "full" },
      data: { facts: { biology: 60 }, wordings: {}, sampler: { kind: "balanced", diversity: false } },
      steps: 400,
      batch: 32,
      tokens: 96,
      optimizer: { lr: 0.003, decay: 0, clip: 1 },
      schedule: { kind: "cosine", warmup: 20, floor: 0.1 },
      evaluate: { sets: ["t-recall"] },
      seed: 1,
      device: "auto",
    });
  });

  it.each([
    [
      "an unknown field",
      `${SMALLEST}stpes: 3\n`,
      "stpes @3: unknown field, expected one of kind, model, objective",
    ],
    ["a near miss", `${SMALLEST}stpes: 3\n`, '(did you mean "steps"?)'],
    [
      "an unknown field inside",
      `${SMALLEST}optimizer: { lr: 0.1, deccay: 0 }\n`,
      "optimizer.deccay @3: unknown field, expected one of lr, decay, clip",
    ],
    ["a negative rank", `${SMALLEST}method: { kind: lora, rank: -1, alpha: 2 }\n`, "method.rank @3: got -1"],
    ["an unknown method", `${SMALLEST}method: { kind: lara }\n`, 'method.kind @3: got "lara"'],
    ["no rank", `${SMALLEST}method: { kind: lora, alpha: 2 }\n`, "method.rank @3: is missing"],
    ["a fraction of a step", `${SMALLEST}steps: 1.5\n`, "steps @3: got 1.5"],
    ["a word for a number", `${SMALLEST}seed: seven\n`, 'seed @3: got "seven"'],
    ["a learning rate of zero", `${SMALLEST}optimizer: { lr: 0 }\n`, "optimizer.lr @3: got 0"],
    ["no model", "data: { facts: { biology: 6 } }\n", "model @undefined: is missing"],
    ["no fact", "model: m\ndata: { facts: { biology: 0 } }\n", "data.facts @2"],
    ["an unknown discipline", "model: m\ndata: { facts: { astrology: 5 } }\n", "astrology"],
    [
      "a temperature without a number",
      "model: m\ndata: { facts: { biology: 6 }, sampler: { kind: temperature } }\n",
      "data.sampler.temperature @2: is missing",
    ],
    [
      "a cap that nobody reads",
      "model: m\ndata: { facts: { biology: 6 }, sampler: { cap: 4 } }\n",
      "data.sampler.cap @2: got 4: belongs to the sampler unimax only",
    ],
    [
      "plain text for SFT",
      "model: m\ndata: { text: base }\n",
      "objective @undefined: the base text has no answers",
    ],
    ["facts for CPT", `${SMALLEST}objective: cpt\n`, "data @2: objective cpt reads plain text"],
    [
      "a longer warm-up than the run",
      `${SMALLEST}steps: 5\n`,
      "schedule.warmup @undefined: got 20, expected at most steps, 5",
    ],
  ])("is refused for %s", (_, text, message) => {
    expect(problems(text).join("\n")).toContain(message);
  });

  it("reports all problems at once", () => {
    expect(problems(`${SMALLEST}steps: -1\nseed: x\nbatch: 0\n`)).toHaveLength(3);
  });

  it("names the line of a duplicate key and of broken YAML", () => {
    expect(() => parseRequestText(`${SMALLEST}model: other\n`, "The request")).toThrow(
      "line 3: Map keys must be unique",
    );
    expect(() => parseRequestText("model: [1\n", "The request")).toThrow("The request has");
  });
});
