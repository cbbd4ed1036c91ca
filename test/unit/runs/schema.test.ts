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
      objective: { kind: "sft", on: "completion" },
      method: { kind: "full" },
      data: { facts: { biology: 60 }, wordings: {}, sampler: { kind: "balanced", diversity: false } },
      steps: 400,
      batch: 32,
      microBatches: 1,
      tokens: 96,
      optimizer: { lr: 0.003, decay: 0, clip: 1, betas: [0.9, 0.95], epsilon: 1e-8 },
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
      `${SMALLEST}steps: 5\nschedule: { warmup: 20 }\n`,
      "schedule.warmup @4: got 20, expected at most steps, 5",
    ],
    [
      "an unknown objective",
      `${SMALLEST}objective: orpoo\n`,
      'objective @3: got "orpoo", expected one of cpt, sft, dpo, orpo (did you mean "orpo"?)',
    ],
    ["no pair's beta", `${SMALLEST}objective: { kind: dpo, beta: 0 }\n`, "objective.beta @3: got 0"],
    [
      "a smoothed hinge",
      `${SMALLEST}objective: { kind: dpo, loss: hinge, smoothing: 0.1 }\n`,
      "objective.smoothing @3: got 0.1, expected 0: hinge has no smoothed form",
    ],
    [
      "no expert",
      `${SMALLEST}method: { kind: lora-moe, rank: 4, alpha: 8, experts: 0 }\n`,
      "method.experts @3: got 0",
    ],
    [
      "an unknown balance loss",
      `${SMALLEST}method: { kind: shared-a, rank: 4, alpha: 8, experts: 2, balance: { auxilary: 1 } }\n`,
      '(did you mean "auxiliary"?)',
    ],
    [
      "top-k without k",
      `${SMALLEST}method: { kind: shared-a, rank: 4, alpha: 8, experts: 2, routing: top-k }\n`,
      "method.routing.k @3: is missing",
    ],
    [
      "oracle routing of plain text",
      "model: m\ndata: { text: instructions }\nmethod: { kind: shared-a, rank: 4, alpha: 8, experts: 2, routing: labels }\n",
      "method.routing @3: needs facts",
    ],
    [
      "uneven micro-batches",
      `${SMALLEST}microBatches: 5\n`,
      "microBatches @3: got 5, expected a divisor of batch, 32",
    ],
    ["a decay that wsd misses", `${SMALLEST}schedule: { kind: wsd }\n`, "schedule.decay @3: is missing"],
    ["a decay of a cosine", `${SMALLEST}schedule: { decay: 5 }\n`, "belongs to the schedule wsd only"],
    ["a floor of a line", `${SMALLEST}schedule: { kind: linear, floor: 0.5 }\n`, "linear has no floor"],
    [
      "a ball for weights that do not move",
      `${SMALLEST}method: { kind: lora, rank: 4, alpha: 8 }\noptimizer: { lr: 0.1, radius: { weights: 1 } }\n`,
      "optimizer.radius.weights @4: belongs to the method full and to stages only",
    ],
    [
      "more than all rows being instructions",
      "model: m\ndata: { facts: { biology: 6 }, instructions: 1.5 }\n",
      "data.instructions @2: got 1.5",
    ],
    [
      "shares of rows above all",
      "model: m\ndata: { facts: { biology: 6 }, instructions: 0.75, formatted: 0.5 }\n",
      "data.formatted @2: got 0.5, expected at most 0.25",
    ],
    [
      "a part beyond the last",
      "model: m\ndata: { facts: { biology: 6 }, part: { number: 3, of: 2 } }\n",
      "data.part.number @2: got 3, expected at most 2",
    ],
    [
      "more parts than facts",
      "model: m\ndata: { facts: { biology: 6, geography: 60 }, part: { number: 3, of: 10 } }\n",
      "data.part.of @2: got 10, expected at most the facts of biology",
    ],
    [
      "parts of sets that are no plain questions",
      "model: m\ndata: { facts: { biology: 6 } }\nevaluate: { sets: [cross], parts: 2 }\n",
      "evaluate.parts @3: got sets cross, expected sets of plain questions",
    ],
    [
      "more scored parts than facts",
      "model: m\ndata: { facts: { biology: 6 } }\nevaluate: { parts: 7 }\n",
      "evaluate.parts @3: got 7, expected at most the facts of biology",
    ],
    [
      "disjoint instructions",
      "model: m\ndata: { facts: { biology: 6 }, instructions: 0.5, disjoint: true }\n",
      "data.disjoint @2: spells plain facts alone",
    ],
    [
      "sets that cannot be spelled",
      "model: m\ndata: { facts: { biology: 6 }, disjoint: true }\nevaluate: { sets: [t-recall, cross] }\n",
      "evaluate.sets @3: got cross, expected sets of plain questions",
    ],
  ])("is refused for %s", (_, text, message) => {
    expect(problems(text).join("\n")).toContain(message);
  });

  it("takes a name for an objective or a routing with its defaults", () => {
    const method = "method: { kind: lora-moe, rank: 4, alpha: 8, experts: 4 }\n";
    const parsed = parseTrainRequest(parseRequestText(`${SMALLEST}objective: dpo\n${method}`, "x").value);
    expect(parsed.objective).toEqual({
      kind: "dpo",
      loss: "sigmoid",
      beta: 0.1,
      smoothing: 0,
      convention: "paper",
    });
    expect(parsed.method).toMatchObject({ routing: { kind: "dense" }, targets: "all-linear" });
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
