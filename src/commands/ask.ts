import { findDevice } from "../compute/devices/list.js";
import { invalidRequest, LawbookError, mismatch } from "../core/errors.js";
import { loadChat } from "../data/chat.js";
import { loadTokenizer } from "../data/tokenizer.js";
import { generate, type Generation } from "../model/generate.js";
import { type SamplingOptions, samplingProblems } from "../model/sampling.js";
import { findModel } from "../runs/resolve.js";
import { openStore } from "../runs/store.js";
import { type Arguments, command, type CommandContext, type CommandSpec } from "./command.js";
import { MODEL } from "./models.js";

/** What a model answered. */
export interface Answer {
  readonly question: string;
  readonly answer: string;
  /** At its end marker, or because the answer was long enough. */
  readonly stopped: Generation["stopped"];
  /** Tokens written, the end marker included. */
  readonly tokens: number;
  /** Sum of their ln p under the model, nats. */
  readonly logLikelihood: number;
}

/** Answers of a model to questions, in their order. */
export interface Answers {
  readonly model: string;
  /** sha256 over config, tokenizer and weights. */
  readonly sha256: string;
  readonly device: string;
  readonly seed: number;
  readonly answers: readonly Answer[];
}

const MOST_TOKENS = 64;
const SEED = 101;

/** `lawbook ask MODEL QUESTION...`, `%ask MODEL QUESTION...` and `%%ask MODEL` over questions, one a line. */
export const askCommand: CommandSpec<Answers> = command({
  name: "ask",
  summary: "Ask a model, or let it go on from a text",
  positionals: [
    MODEL,
    {
      name: "QUESTION",
      description: "words of one question, or several questions in quotes",
      required: false,
      variadic: true,
    },
  ],
  flags: [
    {
      name: "max-tokens",
      kind: "number",
      description: `most tokens of an answer, default ${MOST_TOKENS} or what the model has room for`,
    },
    {
      name: "temperature",
      kind: "number",
      placeholder: "T",
      description: "draw the tokens, the more freely the higher; default 0: take the likeliest",
    },
    {
      name: "top-k",
      kind: "number",
      placeholder: "K",
      description: "draw among the K likeliest tokens only",
    },
    {
      name: "top-p",
      kind: "number",
      placeholder: "P",
      description: "draw among the fewest tokens of probability P together, above 0, at most 1",
    },
    {
      name: "repetition-penalty",
      kind: "number",
      placeholder: "R",
      description: "above 1: rather not repeat a token; default 1",
    },
    { name: "seed", kind: "number", description: `names the draws, default ${SEED}` },
    { name: "device", kind: "string", placeholder: "NAME", description: "default auto" },
    { name: "raw", kind: "boolean", description: "go on from the text as it stands, without chat" },
  ],
  examples: [
    "lawbook ask s-instruct Write the word house.",
    'lawbook ask run:3fa94c01 "What is the capital of Peru?" "Who wrote it?" --json',
    "lawbook ask s-base --raw The river --temperature 0.8 --top-p 0.9 --seed 7",
  ],
  magics: ["line", "cell"],
  resultType: 'import("lawbook").Answers',
  run: ask,
  show: (result) => ({ text: answersText(result), json: result }),
});

async function ask(args: Arguments, context: CommandContext): Promise<Answers> {
  const { root, home, cwd, signal } = context;
  const [name, ...words] = args.positionals;
  const questions = args.body === undefined ? questionsOf(words) : linesOf(args.body);
  if (name === undefined) throw new LawbookError("usage", `ask needs ${MODEL.name}: ${MODEL.description}.`);
  if (args.body !== undefined && words.length > 0)
    throw new LawbookError("usage", mismatch("Question beside the cell's own", words.join(" "), "none"));
  if (questions.length === 0)
    throw new LawbookError("usage", "ask needs a question: got none, expected text.");
  const { flags } = args;
  const sampling = samplingFlags(flags);
  const { seed } = sampling;
  const device = findDevice((flags["device"] as string | undefined) ?? "auto");
  const { checkpoint, sha256 } = findModel(name, root, openStore({ root, home }), seed, cwd);
  const { config, tokenizerFolder } = checkpoint;
  if (tokenizerFolder === undefined)
    throw new LawbookError("bad-file", `The model ${name} has no tokenizer.json.`);
  const tokenizer = loadTokenizer(tokenizerFolder);
  const chat = flags["raw"] === true ? undefined : loadChat(tokenizerFolder);
  const prompts = questions.map((content) =>
    chat === undefined
      ? tokenizer.encode(content)
      : chat.render([{ role: "user", content }], { generationPrompt: true }).ids,
  );
  const longest = Math.max(...prompts.map(({ length }) => length));
  const most = (flags["max-tokens"] ??
    Math.max(Math.min(MOST_TOKENS, config.maxPositions - longest), 1)) as number;
  if (longest + most > config.maxPositions) {
    const got = `${longest} tokens and an answer of ${most}`;
    const expected = `at most ${config.maxPositions} together, the positions of ${name}`;
    throw new LawbookError("usage", mismatch("Longest question", got, expected));
  }
  const written = await generate({
    ...checkpoint,
    ...sampling,
    device,
    prompts,
    stop: [tokenizer.end],
    maxNewTokens: most,
    signal,
    progress: (done, total) => context.progress({ phase: "asking", done, total }),
  });
  const answers = written.map(({ ids, stopped, logLikelihood }, index) => ({
    question: questions[index]!,
    answer: tokenizer.decode(stopped === "end" ? ids.slice(0, -1) : ids),
    stopped,
    tokens: ids.length,
    logLikelihood,
  }));
  return { model: name, sha256, device: device.name, seed, answers };
}

/** What the flags say of sampling; all that is wrong with them is one error. */
function samplingFlags(flags: Arguments["flags"]): SamplingOptions & { readonly seed: number } {
  const number = (name: string): number | undefined => flags[name] as number | undefined;
  const sampling = {
    temperature: number("temperature"),
    topK: number("top-k"),
    topP: number("top-p"),
    repetitionPenalty: number("repetition-penalty"),
    seed: number("seed") ?? SEED,
  };
  const problems = samplingProblems(sampling).map(({ path, message }) => ({
    path: `--${path!.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    message,
  }));
  const most = number("max-tokens") ?? 1;
  if (!Number.isSafeInteger(most) || most < 1)
    problems.push({ path: "--max-tokens", message: `got ${most}, expected a whole number of at least 1.` });
  if (!Number.isSafeInteger(sampling.seed) && (sampling.temperature ?? 0) === 0)
    problems.push({ path: "--seed", message: `got ${sampling.seed}, expected a whole number.` });
  if (problems.length > 0) throw invalidRequest("ask", problems);
  return sampling;
}

/** Words stand for one question; an argument with white space in it is a question of its own. */
function questionsOf(words: readonly string[]): string[] {
  const questions: string[] = [];
  let open = false;
  for (const word of words) {
    const whole = /\s/.test(word);
    if (open && !whole) questions.push(`${questions.pop()} ${word}`);
    else questions.push(word);
    open = !whole;
  }
  return questions.filter((question) => question.trim() !== "");
}

function linesOf(body: string): string[] {
  return body
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function answersText({ model, sha256, device, answers }: Answers): string {
  const texts = answers.map(({ question, answer, stopped }) => {
    return `${question}\n  ${answer.replaceAll("\n", "\n  ")}${stopped === "length" ? " ..." : ""}`;
  });
  return [`${model}, ${sha256.slice(0, 12)}, ${device}`, ...texts].join("\n\n");
}
