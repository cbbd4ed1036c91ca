import { join } from "node:path";

import { sha256 } from "../core/canonical.js";
import { LawbookError } from "../core/errors.js";
import { readJson } from "../core/files.js";
import type { Stream } from "../core/random.js";

/** A general instruction whose answer code can check. */
export interface Instruction {
  readonly question: string;
  readonly answer: string;
  /** Name of the format the answer must have, for example "square". */
  readonly family: string;
  /** Name of the task that gives the content, for example "copy". */
  readonly content: string;
  /** The answer without its format. */
  readonly bare: string;
  /** The word that the formats "begin" and "end" ask for. */
  readonly key: string;
  /** Other right contents. */
  readonly aliases?: readonly string[];
}

/** Words the tasks are about, from `datasets/text/words.json`. */
export interface InstructionWords {
  readonly words: readonly string[];
  readonly kinds: readonly (readonly [word: string, kind: string])[];
}

/**
 * Where a row comes from: `train` (training words, trained pairs of content and format), `unseen-words` (held-out words,
 * trained pairs), `unseen-pairs` (held-out words, pairs of content and format never trained together).
 */
export type InstructionSet = "train" | "unseen-words" | "unseen-pairs";

interface Format {
  /** Ways to ask for it; {key} is a word to put somewhere. The empty text asks for nothing. */
  readonly asks: readonly string[];
  readonly write: (answer: string, key: string) => string;
  /** Does a text have this form, whatever its content? */
  readonly form: RegExp;
}

const KEYS = ["done", "over", "yes", "result", "stop", "end", "right", "thanks", "ready", "fine"];

const FORMATS: Readonly<Record<string, Format>> = {
  plain: { asks: [""], write: (a) => a, form: /^[^[\]"*{}<>]+$/ },
  square: {
    asks: [
      "Put the answer in square brackets.",
      "Use square brackets around it.",
      "Answer inside square brackets.",
    ],
    write: (a) => `[${a}]`,
    form: /^\[.+\]$/,
  },
  quote: {
    asks: ["Put the answer in quotes.", "Use quotes around it.", "Answer inside quotes."],
    write: (a) => `"${a}"`,
    form: /^".+"$/,
  },
  star: {
    asks: ["Put the answer between stars.", "Use stars around it.", "Mark it with stars."],
    write: (a) => `*${a}*`,
    form: /^\*.+\*$/,
  },
  json: {
    asks: ["Answer in JSON with key answer.", "Use JSON, key answer.", "Return JSON with the key answer."],
    write: (a) => `{"answer": "${a}"}`,
    form: /^\{"answer": ".+"\}$/,
  },
  item: {
    asks: ["Write it as item 1 of a list.", "Answer as a numbered list.", "Number the answer."],
    write: (a) => `1. ${a}`,
    form: /^1\. .+$/,
  },
  end: {
    asks: ["End with the word {key}.", "Finish with {key}.", "Put {key} after it."],
    write: (a, key) => `${a} ${key}`,
    form: new RegExp(`^.+ (${KEYS.join("|")})$`),
  },
  begin: {
    asks: ["Begin with the word {key}.", "Start with {key}.", "Put {key} before it."],
    write: (a, key) => `${key} ${a}`,
    form: new RegExp(`^(${KEYS.join("|")}) .+$`),
  },
  twice: {
    asks: ["Say it twice.", "Write the answer two times.", "Repeat it once more."],
    write: (a) => `${a} ${a}`,
    form: /^(.+) \1$/,
  },
  colon: {
    asks: [
      "Write answer and a colon first.",
      "Begin with answer: and go on.",
      "Label it with answer and a colon.",
    ],
    write: (a) => `answer: ${a}`,
    form: /^answer: .+$/,
  },
};

/** Names of the formats; the first is no format at all. */
export const FORMAT_FAMILIES: readonly string[] = Object.keys(FORMATS);

interface Task {
  readonly name: string;
  /** How often it is drawn, relative to the others. */
  readonly weight: number;
  readonly make: (words: InstructionWords, draws: Stream) => readonly [question: string, answer: string];
}

const ORDINALS = ["first", "second", "third", "last"];

/** Fills {0}, {1}, ... with texts. */
function fill(template: string, ...texts: readonly string[]): string {
  return template.replace(/\{(\d)\}/g, (_, index: string) => texts[Number(index)]!);
}

const some = (words: InstructionWords, draws: Stream, count: number): string[] => {
  const chosen = new Set<string>();
  while (chosen.size < count) chosen.add(draws.choose(words.words));
  return [...chosen];
};

const TASKS: readonly Task[] = [
  {
    name: "copy",
    weight: 4,
    make: (words, draws) => {
      const [word] = some(words, draws, 1) as [string];
      const ask = draws.choose([
        "Write the word {0}.",
        "Give me the word {0}.",
        "Say {0}.",
        "Repeat {0}.",
        "Copy this: {0}",
      ]);
      return [fill(ask, word), word];
    },
  },
  {
    name: "copy-two",
    weight: 3,
    make: (words, draws) => {
      const [a, b] = some(words, draws, 2) as [string, string];
      const ask = draws.choose([
        "Write the words {0} {1}.",
        "Copy this: {0} {1}",
        "Say {0} {1}.",
        "Repeat {0} {1}.",
      ]);
      return [fill(ask, a, b), `${a} ${b}`];
    },
  },
  {
    name: "swap",
    weight: 2,
    make: (words, draws) => {
      const [a, b] = some(words, draws, 2) as [string, string];
      const ask = draws.choose([
        "Swap the words {0} {1}.",
        "Write {0} {1} in the other order.",
        "Turn round {0} {1}.",
      ]);
      return [fill(ask, a, b), `${b} ${a}`];
    },
  },
  {
    name: "position",
    weight: 4,
    make: (words, draws) => {
      const chosen = some(words, draws, 3 + draws.integer(2));
      const place = draws.integer(4);
      const answer = place === 3 ? chosen.at(-1)! : chosen[place]!;
      const ask = draws.choose([
        "Take the {0} word of {1}.",
        "From {1} pick the {0} word.",
        "Which word is {0} in {1}?",
        "{1}: write the {0} word.",
      ]);
      return [fill(ask, ORDINALS[place]!, chosen.join(", ")), answer];
    },
  },
  {
    name: "after",
    weight: 2,
    make: (words, draws) => {
      const chosen = some(words, draws, 3);
      const place = draws.integer(2);
      const ask = draws.choose([
        "Which word follows {0} in {1}?",
        "In {1}, what comes after {0}?",
        "{1}: name the word after {0}.",
      ]);
      return [fill(ask, chosen[place]!, chosen.join(", ")), chosen[place + 1]!];
    },
  },
  {
    name: "quoted",
    weight: 2,
    make: (words, draws) => {
      const [a, b, c] = some(words, draws, 3) as [string, string, string];
      const ask = draws.choose([
        "The {0} is called {1}. What is the {0} called?",
        "One {0} has the name {1} and one {2} has none. Give the name.",
        "Under the {0} lies {1}, not {2}. What lies under the {0}?",
      ]);
      return [fill(ask, a, b, c), b];
    },
  },
  {
    name: "odd-one",
    weight: 1,
    make: (words, draws) => {
      const [a, b] = some(words, draws, 2) as [string, string];
      const list = draws.shuffle([a, a, b]);
      const ask = draws.choose([
        "Which word stands only once in {0}?",
        "{0}: find the word that is not repeated.",
      ]);
      return [fill(ask, list.join(", ")), b];
    },
  },
  {
    name: "member",
    weight: 1,
    make: (words, draws) => {
      const [a, b, c, d] = some(words, draws, 4) as [string, string, string, string];
      const asked = draws.choose([a, d]);
      const ask = draws.choose(["Is {0} one of {1}?", "Does the list {1} hold {0}?"]);
      return [fill(ask, asked, [a, b, c].join(", ")), asked === a ? "yes" : "no"];
    },
  },
  {
    name: "kind",
    weight: 2,
    make: (words, draws) => {
      const [word, kind] = draws.choose(words.kinds);
      const ask = draws.choose([
        "What kind of thing is {0}?",
        "Name the kind of {0}.",
        "{0} is a kind of what?",
      ]);
      return [fill(ask, word), kind];
    },
  },
  {
    name: "upper",
    weight: 1,
    make: (words, draws) => {
      const [word] = some(words, draws, 1) as [string];
      const ask = draws.choose([
        "Write {0} in capital letters.",
        "Put {0} into upper case.",
        "Say {0} in capitals.",
      ]);
      return [fill(ask, word), word.toUpperCase()];
    },
  },
  {
    name: "first-letter",
    weight: 1,
    make: (words, draws) => {
      const [word] = some(words, draws, 1) as [string];
      const ask = draws.choose(["What is the first letter of {0}?", "With which letter does {0} begin?"]);
      return [fill(ask, word), word[0]!];
    },
  },
  {
    name: "letters",
    weight: 1,
    make: (words, draws) => {
      const [word] = some(words, draws, 1) as [string];
      const ask = draws.choose(["How many letters has {0}?", "Count the letters of {0}."]);
      return [fill(ask, word), String(word.length)];
    },
  },
  {
    name: "count",
    weight: 1,
    make: (words, draws) => {
      const chosen = some(words, draws, 2 + draws.integer(4));
      const ask = draws.choose(["How many words are in {0}?", "Count the words: {0}"]);
      return [fill(ask, chosen.join(", ")), String(chosen.length)];
    },
  },
];

/** Names of the tasks. */
export const INSTRUCTION_CONTENTS: readonly string[] = TASKS.map((task) => task.name);

/** Is this pair of content and format kept out of training? One pair in six is, never with the plain format. */
export function isHeldOut(content: string, family: string): boolean {
  return family !== "plain" && Number.parseInt(sha256(`pair/${content}/${family}`).slice(0, 8), 16) % 6 === 0;
}

/** Reads the words that tasks are about. */
export function loadInstructionWords(root: string): InstructionWords {
  return readJson(join(root, "datasets/text/words.json")) as InstructionWords;
}

/** Rows of one set; equal words, set and stream give equal rows. Every tenth word is held out for the unseen sets. */
export function drawInstructions(
  words: InstructionWords,
  set: InstructionSet,
  count: number,
  draws: Stream,
): readonly Instruction[] {
  const own = <T>(items: readonly T[]): T[] =>
    items.filter((_, index) => (index % 10 === 0) === (set !== "train"));
  const part = { words: own(words.words), kinds: own(words.kinds) };
  const tickets = TASKS.flatMap((task) => Array.from({ length: task.weight }, () => task));
  const rows: Instruction[] = [];
  while (rows.length < count) {
    const task = draws.choose(tickets);
    const family = draws.choose(FORMAT_FAMILIES);
    if (isHeldOut(task.name, family) !== (set === "unseen-pairs")) continue;
    const [question, answer] = task.make(part, draws);
    rows.push({ ...applyFormat(family, question, answer, draws), family, content: task.name, bare: answer });
  }
  return rows;
}

/** A question with a format demanded, its answer in that format, and the word asked for; also for science questions. */
export function applyFormat(
  family: string,
  question: string,
  answer: string,
  draws: Stream,
): Pick<Instruction, "question" | "answer" | "key"> {
  const { asks } = formatOf(family);
  const key = draws.choose(KEYS);
  const ask = draws.choose(asks).replace("{key}", key);
  const front = draws.uniform() < 0.3;
  const asked = ask === "" ? question : front ? `${ask} ${question}` : `${question} ${ask}`;
  return { question: asked, answer: inFormat(family, answer, key), key };
}

/** A bare answer in a format; `key` is the word that "begin" and "end" put beside it. */
export function inFormat(family: string, bare: string, key: string): string {
  return formatOf(family).write(bare, key);
}

/** Is `text` exactly the answer of `row`? Outer blanks do not count. */
export function isRight(row: Pick<Instruction, "answer">, text: string): boolean {
  return text.trim() === row.answer;
}

/** Does `text` have the form of `family`, whatever its content? `key`: the word that "begin" and "end" must have; default any. */
export function hasForm(family: string, text: string, key?: string): boolean {
  const given = text.trim();
  if (key !== undefined && family === "begin" && !given.startsWith(`${key} `)) return false;
  if (key !== undefined && family === "end" && !given.endsWith(` ${key}`)) return false;
  return formatOf(family).form.test(given);
}

/** Is `text` one of the bare answers, in whatever format? */
export function hasContent(bare: readonly string[], text: string): boolean {
  const given = text.trim();
  return bare.some((answer) =>
    FORMAT_FAMILIES.some((family) => KEYS.some((key) => inFormat(family, answer, key) === given)),
  );
}

function formatOf(family: string): Format {
  const format = FORMATS[family];
  if (format === undefined) {
    throw new LawbookError(
      "internal",
      `Unknown format ${family}, expected one of ${FORMAT_FAMILIES.join(", ")}.`,
    );
  }
  return format;
}
