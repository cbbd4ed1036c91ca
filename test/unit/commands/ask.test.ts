import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { MagicRegistry } from "../../../kernel-ext/src/magics/registry.js";
import { parseArguments } from "../../../src/commands/arguments.js";
import { askCommand, type Answers } from "../../../src/commands/ask.js";
import type { CommandContext, CommandSpec, Progress } from "../../../src/commands/command.js";
import { reference } from "../../../src/compute/devices/reference.js";
import { chatRow } from "../../../src/data/mixture.js";
import { loadTokenizer } from "../../../src/data/tokenizer.js";
import { checkpointDigest, readCheckpoint } from "../../../src/model/checkpoint.js";
import { generate } from "../../../src/model/generate.js";

const root = join(import.meta.dirname, "../../..");
const checkpoint = readCheckpoint(join(root, "datasets/models/xs-instruct"));
const tokenizer = loadTokenizer(checkpoint.tokenizerFolder!);
const steps: Progress[] = [];
const context: CommandContext = {
  cwd: root,
  root,
  home: root,
  env: {},
  signal: new AbortController().signal,
  progress: (step) => steps.push(step),
};

/** `lawbook ask WORDS`, with a body as under `%%ask`. */
async function asked(words: readonly string[], body?: string): Promise<Answers> {
  const positionals = body === undefined ? askCommand.positionals : askCommand.positionals.slice(1);
  return askCommand.run(parseArguments(askCommand, { label: "ask", positionals }, words, body), context);
}
const REFERENCE = ["--device", "reference"];

describe("ask", () => {
  it("puts a question in the form of the training and gives the answer with its numbers", async () => {
    const result = await asked(["xs-instruct", "Write", "the", "word", "house.", ...REFERENCE]);
    const { ids, from } = chatRow(tokenizer, "Write the word house.", "");
    const [written] = await generate({
      ...checkpoint,
      device: reference,
      prompts: [ids.slice(0, from)],
      maxNewTokens: 64,
    });
    expect(result).toEqual({
      model: "xs-instruct",
      sha256: checkpointDigest(checkpoint),
      device: "reference",
      seed: 101,
      answers: [
        {
          question: "Write the word house.",
          answer: "house",
          stopped: "end",
          tokens: tokenizer.encode("house").length + 1,
          logLikelihood: written!.logLikelihood,
        },
      ],
    });
    expect(steps.at(-1)).toEqual({ phase: "asking", done: 1, total: 1 });
    const { text, json } = await askCommand.show(result);
    expect(text).toBe(
      `xs-instruct, ${result.sha256.slice(0, 12)}, reference\n\nWrite the word house.\n  house`,
    );
    expect(JSON.parse(JSON.stringify(json))).toEqual(result);
  });

  it("takes words as one question, quoted ones as several, and the lines of a cell", async () => {
    const questionsOf = async (words: readonly string[], body?: string): Promise<string[]> =>
      (await asked([...words, "--max-tokens", "1"], body)).answers.map(({ question }) => question);
    expect(await questionsOf(["xs-instruct", "Who", "is it?", "And", "where?"])).toEqual([
      "Who",
      "is it?",
      "And where?",
    ]);
    expect(await questionsOf(["xs-instruct"], "\nWrite the word house.\r\n\n  Who?  \n")).toEqual([
      "Write the word house.",
      "Who?",
    ]);
  });

  it("goes on from plain text, drawn with a seed, up to so many tokens", async () => {
    const drawn = (seed: string): Promise<Answers> =>
      asked(
        "xs-base --raw The river --temperature 0.9 --top-k 50 --top-p 0.95 --repetition-penalty 1.1 --max-tokens 5"
          .split(" ")
          .concat("--seed", seed, ...REFERENCE),
      );
    const first = await drawn("7");
    expect(first.answers[0]).toMatchObject({ question: "The river", stopped: "length", tokens: 5 });
    expect(await drawn("7")).toEqual(first);
    expect((await drawn("8")).answers).not.toEqual(first.answers);
    expect((await askCommand.show(first)).text).toMatch(/ \.\.\.$/);
  });

  it("reads a special token in a question as text", async () => {
    const text = "Write the word house.<end>";
    const { answers } = await asked(["xs-instruct", text, ...REFERENCE]);
    const { ids, from } = chatRow(tokenizer, text, "");
    const prompts = [ids.slice(0, from)];
    const [parsed] = await generate({ ...checkpoint, device: reference, prompts, maxNewTokens: 64 });
    expect(ids).toContain(tokenizer.end);
    expect(answers[0]!.question).toBe(text);
    expect(answers[0]!.logLikelihood).not.toBe(parsed!.logLikelihood);
  });

  it("answers as %ask, and as %%ask the lines of the cell", async () => {
    const registry = new MagicRegistry([askCommand as CommandSpec], () => context);
    const run = async (text: string, body?: string): Promise<unknown> => {
      const { signal } = context;
      return registry.run("ask", `xs-instruct ${text} --device reference`, body, {
        signal,
        show: () => undefined,
      });
    };
    const [line] = (await asked(["xs-instruct", "Write the word house.", ...REFERENCE])).answers;
    expect(await run("Write the word house.")).toMatchObject({ answers: [line] });
    expect(await run("", "\nWrite the word house.\nWrite the word house.\n")).toMatchObject({
      answers: [line, line].map((answer) => ({ answer: answer!.answer, tokens: answer!.tokens })),
    });
  });

  it.each<[message: string, words: string, body?: string]>([
    ["ask needs MODEL: ", ""],
    ["ask needs MODEL: ", "", "Who?"],
    ["ask needs a question: got none", "xs-instruct"],
    ["ask needs a question: got none", "xs-instruct", " \n\n"],
    ['Question beside the cell\'s own: got "Who"', "xs-instruct Who", "Who?"],
    ['Unknown model: got "xs-instrct"', "xs-instrct Who"],
    ['Unknown device: got "gpu"', "xs-instruct Who --device gpu"],
    ["--top-k: got 3, expected none without a temperature.", "xs-instruct Who --top-k 3"],
    ["--temperature: got -1", "xs-instruct Who --temperature -1"],
    ["--top-p: got 2", "xs-instruct Who --temperature 1 --top-p 2"],
    ["--repetition-penalty: got 0", "xs-instruct Who --repetition-penalty 0"],
    ["--seed: got 1.5, expected a whole number.", "xs-instruct Who --seed 1.5"],
    ["--max-tokens: got 0", "xs-instruct Who --max-tokens 0"],
    ["at most 256 together, the positions of xs-instruct", "xs-instruct Who --max-tokens 256"],
    ["expected at most 256 together", `xs-instruct ${"Who ".repeat(300).trim()}`],
  ])("refuses what is wrong in one error: %s", async (message, words, body) => {
    const running = asked(words === "" ? [] : words.split(" "), body);
    await expect(running).rejects.toThrow(message);
    await expect(running).rejects.toMatchObject({ exitCode: 2 });
  });
});
