import { join } from "node:path";

import { Template } from "@huggingface/jinja";
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";

import { LawbookError, mismatch, quote } from "../core/errors.js";
import { exists, readJson, readText } from "../core/files.js";
import { tokenOffsets } from "./offsets.js";

/** One turn of a conversation. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/**
 * What happens to a special token that is written out in a message: `literal`, it is encoded as ordinary characters;
 * `refused`, an error; `parsed`, it becomes the special token, so that a user can end a turn (what transformers does).
 */
export type WrittenSpecials = "literal" | "refused" | "parsed";

/** How a conversation is rendered. */
export interface ChatOptions {
  /** Does the text end with the opening of the assistant's turn? Default false. */
  readonly generationPrompt?: boolean;
  /** Default `literal`. */
  readonly specials?: WrittenSpecials;
}

/** A conversation as a model reads it. */
export interface RenderedChat {
  readonly text: string;
  readonly ids: readonly number[];
  /** 1 for each token inside a `{% generation %}` block of the template, which the assistant is to learn. */
  readonly assistant: readonly number[];
}

/** A chat template with the tokenizer that it belongs to. */
export interface Chat {
  /** Renders a conversation and encodes it. Throws what the template itself raises as one clear error. */
  render(messages: readonly ChatMessage[], options?: ChatOptions): RenderedChat;
}

interface TokenizerFile {
  readonly normalizer: { readonly type: string } | null;
  readonly added_tokens: readonly { readonly content: string; readonly special: boolean }[];
}

/** Parts of a chat: the template in Jinja, `tokenizer.json`, and the names that the template may use. */
export interface ChatParts {
  readonly template: string;
  readonly tokenizer: unknown;
  /** For example `bos_token`. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/**
 * Reads the chat template that travels with a tokenizer: `chat_template.jinja`, else `chat_template` in
 * `tokenizer_config.json`. Throws where a folder has neither.
 */
export function loadChat(folder: string): Chat {
  const config = readJson(join(folder, "tokenizer_config.json")) as Record<string, unknown>;
  const file = join(folder, "chat_template.jinja");
  const template = exists(file) ? readText(file) : config["chat_template"];
  if (typeof template !== "string") {
    throw new LawbookError("missing", mismatch(`Chat template of ${folder}`, template ?? "none", "a text"), {
      hint: "Put one into chat_template.jinja, or under chat_template in tokenizer_config.json.",
    });
  }
  const tokens = Object.entries(config)
    .filter(([name]) => /^(bos|eos|pad|unk)_token$/.test(name))
    // Older files describe a token by an object with its content.
    .map(([name, token]) => [name, (token as { content?: string } | null)?.content ?? token]);
  return createChat({
    template,
    tokenizer: readJson(join(folder, "tokenizer.json")),
    variables: Object.fromEntries(tokens),
  });
}

/** Puts a template and a tokenizer together. */
export function createChat({ template, tokenizer, variables = {} }: ChatParts): Chat {
  const file = tokenizer as TokenizerFile;
  const library = new HuggingFaceTokenizer(file, {});
  // Without added tokens nothing is cut out of the text before it is encoded.
  const literally = new HuggingFaceTokenizer({ ...file, added_tokens: [] }, {});
  const specials = file.added_tokens.map(({ content }) => content);
  const compiled = compile(template);
  const composed = file.normalizer?.type === "NFC";

  const encode = (text: string, specialsAreText: boolean): { ids: number[]; tokens: string[] } =>
    text === ""
      ? { ids: [], tokens: [] }
      : (specialsAreText ? literally : library).encode(text, { add_special_tokens: false });

  return {
    render: (messages, { generationPrompt = false, specials: written = "literal" } = {}) => {
      checkMessages(messages);
      const found = messages.flatMap(({ content }, index) =>
        specials.filter((special) => content.includes(special)).map((special) => ({ index, special })),
      );
      if (written === "refused" && found.length > 0) {
        const { index, special } = found[0]!;
        throw new LawbookError(
          "request",
          mismatch(`Special token in message ${index}`, special, "ordinary text"),
          { hint: 'Take it out, or render with `specials: "literal"`.' },
        );
      }
      const hidden =
        written === "literal" && found.length > 0 ? hide(messages, specials) : { messages, back: plain };
      const context = { ...variables, messages: hidden.messages, add_generation_prompt: generationPrompt };
      const parts = cutMarks(render(compiled.marked, context), render(compiled.plain, context));
      const ids: number[] = [];
      const spans: { start: number; end: number }[] = [];
      let offset = 0;
      // Each stretch between two special tokens of the template is encoded alone; what a message wrote stays text.
      for (const piece of splitAt(parts.text, specials)) {
        const text = hidden.back(piece.text);
        const { ids: own, tokens } = encode(text, !piece.special && text !== piece.text);
        tokenOffsets(text, tokens, {
          unit: "utf-16",
          composed,
          specials: piece.special ? specials : [],
        }).forEach(([start, end], index) => {
          ids.push(own[index]!);
          spans.push({ start: offset + start, end: offset + end });
        });
        offset += text.length;
      }
      const generated = parts.generated.map(({ start, end }) => ({
        start: hidden.back(parts.text.slice(0, start)).length,
        end: hidden.back(parts.text.slice(0, end)).length,
      }));
      return {
        text: hidden.back(parts.text),
        ids,
        assistant: spans.map((span) =>
          Number(generated.some(({ start, end }) => span.start >= start && span.end <= end)),
        ),
      };
    },
  };
}

const plain = (text: string): string => text;

function checkMessages(messages: readonly ChatMessage[]): void {
  if (messages.length === 0)
    throw new LawbookError("request", mismatch("Messages of a conversation", 0, "at least 1"));
  messages.forEach(({ content }, index) => {
    if (NONCHARACTER.test(content)) {
      throw new LawbookError(
        "request",
        mismatch(`Message ${index}`, content, "text without U+FDD0 to U+FDEF"),
      );
    }
  });
}

// Noncharacters, which no text holds: the borders of a generation block, and stand-ins for first letters of special tokens.
const OPENED = "\ufdd0";
const CLOSED = "\ufdd1";
const STAND_INS = Array.from({ length: 30 }, (_, index) => String.fromCharCode(0xfdd2 + index));
const NONCHARACTER = /[\ufdd0-\ufdef]/;

function compile(source: string): { plain: Template; marked: Template } {
  // A text that holds today's date would be another one tomorrow: without this function templates take a date of their own.
  const template = source.replaceAll("strftime_now", "lawbook_no_clock");
  // The library drops the tags; a call block has their white space rules, and its macro writes the marks.
  const macro = `{% macro lawbook_generation() %}${OPENED}{{ caller() }}${CLOSED}{% endmacro %}\n`;
  const marked = template
    .replace(/\{%(-?)\s*generation\s*(-?)%\}/g, "{%$1 call lawbook_generation() $2%}")
    .replace(/\{%(-?)\s*endgeneration\s*(-?)%\}/g, "{%$1 endcall $2%}");
  try {
    return {
      plain: new Template(template),
      marked: new Template(marked === template ? template : macro + marked),
    };
  } catch (cause) {
    throw new LawbookError("bad-file", `The chat template cannot be read: ${(cause as Error).message}.`, {
      cause,
    });
  }
}

function render(template: Template, context: Record<string, unknown>): string {
  try {
    return template.render(context);
  } catch (cause) {
    throw new LawbookError(
      "request",
      mismatch("Chat template", (cause as Error).message, "a conversation that it accepts"),
      { cause },
    );
  }
}

function cutMarks(
  marked: string,
  expected: string,
): { text: string; generated: { start: number; end: number }[] } {
  const generated: { start: number; end: number }[] = [];
  let text = "";
  for (const part of marked.split(/([\ufdd0\ufdd1])/)) {
    if (part === OPENED) generated.push({ start: text.length, end: text.length });
    else if (part === CLOSED) generated.at(-1)!.end = text.length;
    else text += part;
  }
  if (text !== expected)
    throw new LawbookError("internal", mismatch("Text of the marked chat template", text, quote(expected)));
  return { text, generated };
}

/** Replaces the first letter of every special token in the messages by a noncharacter, and tells the way back. */
function hide(
  messages: readonly ChatMessage[],
  specials: readonly string[],
): { messages: readonly ChatMessage[]; back: (text: string) => string } {
  const letters = [...new Set(specials.map(firstOf))];
  if (letters.length > STAND_INS.length) {
    throw new LawbookError(
      "internal",
      mismatch("First letters of special tokens", letters.length, `at most ${STAND_INS.length}`),
    );
  }
  const marker = alternatives(specials);
  return {
    messages: messages.map((message) => ({
      ...message,
      content: message.content.replace(
        marker,
        (special) => STAND_INS[letters.indexOf(firstOf(special))]! + special.slice(firstOf(special).length),
      ),
    })),
    back: (text) =>
      letters.reduce((restored, letter, index) => restored.replaceAll(STAND_INS[index]!, letter), text),
  };
}

function firstOf(text: string): string {
  return String.fromCodePoint(text.codePointAt(0)!);
}

function alternatives(specials: readonly string[]): RegExp {
  const longestFirst = [...specials].sort((a, b) => b.length - a.length);
  return new RegExp(longestFirst.map((special) => special.replace(/\W/g, "\\$&")).join("|"), "g");
}

function splitAt(text: string, specials: readonly string[]): { text: string; special: boolean }[] {
  if (specials.length === 0) return [{ text, special: false }];
  const marker = new RegExp(`(${alternatives(specials).source})`);
  return text
    .split(marker)
    .map((piece, index) => ({ text: piece, special: index % 2 === 1 }))
    .filter((piece) => piece.text !== "");
}
