import { describe, expect, it } from "vitest";

import { parseComposeRequest } from "../../../src/runs/compose/schema.js";
import { parseRequestText } from "../../../src/commands/request-text.js";
import { LawbookError } from "../../../src/core/errors.js";

function parse(text: string): ReturnType<typeof parseComposeRequest> {
  const { value, lineOf } = parseRequestText(text, "request.yml");
  return parseComposeRequest(value, lineOf);
}

/** The lines of the error's text, without the first and the hint. */
function problemsOf(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    expect(error).toBeInstanceOf(LawbookError);
    expect((error as LawbookError).code).toBe("request");
    return (error as LawbookError).message.split("\n").slice(1, -1);
  }
  throw new Error("The request was taken.");
}

const HEAD = `base: xs-instruct
adapters:
  - { adapter: run:3fa94c01, weight: 0.6 }
  - adapter: ./geography
`;

describe("a compose request", () => {
  it("is filled in", () => {
    expect(parse(HEAD)).toEqual({
      kind: "compose",
      base: "xs-instruct",
      adapters: [{ adapter: "run:3fa94c01", weight: 0.6 }, { adapter: "./geography" }],
      method: "cat",
      convention: "exact",
      seed: 1,
      device: "auto",
    });
    const plain = HEAD.replace(", weight: 0.6", "");
    expect(parse(`${plain}search: { data: { facts: { geography: 4 } } }`).search).toEqual({
      data: { facts: { geography: 4 }, wordings: {} },
      steps: 40,
      l1: 0.05,
      bound: 1.5,
    });
    const learn = parse(`${plain}learn: { kind: gate, data: { facts: { geography: 4 } } }`);
    expect(learn.learn).toMatchObject({ kind: "gate", steps: 100, batch: 16, tokens: 96, lr: 0.02 });
    expect(learn.method).toBeUndefined();
  });

  it("says all that is wrong with its fields, with lines", () => {
    const text = `base: xs-instruct
adapters:
  - { adapter: geography }
  - { adapter: ./a, wait: 2 }
  - { adapter: ./b, weight: .nan }
method: tie
densty: 0.5
seed: -1
search:
  data: { facts: { physics: 4 } }
  steps: 0
learn: { kind: dog }
`;
    expect(problemsOf(text)).toEqual([
      '  adapters.0.adapter, line 3: got "geography": expected run:<id> or a folder such as ./adapter.',
      '  adapters.1.wait, line 4: unknown field, expected one of adapter, weight (did you mean "weight"?).',
      "  adapters.2.weight, line 5: got NaN: expected number.",
      expect.stringMatching(
        /^ {2}method, line 6: got "tie", expected one of cat, .*\(did you mean "ties"\?\)\.$/,
      ),
      expect.stringMatching(/^ {2}densty, line 7: unknown field, .*\(did you mean "density"\?\)\.$/),
      "  seed, line 8: got -1: Too small: expected number to be >=0.",
      expect.stringMatching(/^ {2}search\.data\.facts\.physics, line 10: unknown field, .* geography\.$/),
      expect.stringMatching(/^ {2}search\.data\.facts, line 10: .*: names no fact of any discipline\.$/),
      "  search.steps, line 11: got 0: Too small: expected number to be >=1.",
      '  learn.kind, line 12: got "dog", expected one of cat, gate.',
      "  learn.data, line 12: is missing: expected object.",
    ]);
  });

  it.each([
    ["no adapters", "base: xs-instruct\nadapters: []", [/adapters, line 2: /]],
    ["no base", "adapters:\n  - adapter: ./a", [/base.*: is missing: expected string/]],
    [
      "what a method does not read",
      `${HEAD}method: linear\nrank: 4\ndensity: 0.5`,
      [/rank, line 6/, /density, line 7/],
    ],
    ["what a method lacks", `${HEAD}method: dare_ties`, [/density.*: is missing: dare_ties keeps a share/]],
    ["a density out of range", `${HEAD}method: ties\ndensity: 1.5`, [/density, line 6: Density: got 1\.5/]],
    ["a rank that is none", `${HEAD}method: svd\nrank: 2.5`, [/rank, line 6: Rank: got 2\.5/]],
    [
      "weights beside a search",
      `${HEAD}search: { data: { facts: { geography: 4 } } }`,
      [/adapters\.0\.weight, line 3: a search finds the weights/],
    ],
    [
      "a gate with weights, a method and the convention of PEFT",
      `${HEAD}learn: { kind: gate, data: { facts: { geography: 4 } } }\nmethod: cat\nconvention: peft`,
      [
        /adapters\.0\.weight, line 3: a gate weighs/,
        /method, line 6: is not read where a gate/,
        /convention, line 7/,
      ],
    ],
    [
      "a search beside learning",
      `${HEAD}learn: { kind: cat, data: { facts: { geography: 4 } } }\nsearch: { data: { facts: { geography: 4 } } }`,
      [/adapters\.0\.weight/, /search, line 6: cannot stand beside learn/],
    ],
    [
      "one adapter to weigh",
      "base: xs-instruct\nadapters: [{ adapter: ./a }]\nlearn: { kind: cat, data: { facts: { geography: 4 } } }",
      [/adapters, line 2: got 1, expected at least 2/],
    ],
    [
      "no fact",
      `${HEAD.replace(", weight: 0.6", "")}search: { data: { facts: { geography: 0 } } }`,
      [/search\.data\.facts, line 5: .*names no fact/],
    ],
  ])("refuses %s", (_, text, expected) => {
    const problems = problemsOf(text);
    expect(problems).toHaveLength(expected.length);
    expected.forEach((pattern, index) => expect(problems[index]).toMatch(pattern));
  });

  it.each(["42", "[]", "null"])("refuses %s, which is no mapping", (text) => {
    expect(() => parseComposeRequest(parseRequestText(text, "r").value)).toThrow(LawbookError);
  });
});
