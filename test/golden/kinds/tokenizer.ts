import { join } from "node:path";

import { Tokenizer } from "@huggingface/tokenizers";

import { trainBpe } from "../../../datasets/build/text/train-bpe.js";
import { readJson, readText } from "../../../src/core/files.js";
import { type ChatMessage, createChat } from "../../../src/data/chat.js";
import { type OffsetUnit, tokenOffsets } from "../../../src/data/offsets.js";
import { encodeByPieces, splitPieces } from "../../../src/data/tokenizer.js";
import type { Runner } from "../case.js";

/** The second pipeline of the cases: NFC, then the expression of their `split_regex_nfc` tokenizer. */
const splitNfc = (text: string): string[] =>
  text
    .normalize("NFC")
    .match(
      /(?:'s|'t|'re|'ve|'m|'ll|'d|'S|'T|'RE|'VE|'M|'LL|'D)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu,
    ) ?? [];

const PIPELINES: Readonly<Record<string, (text: string) => string[]>> = {
  digits: splitPieces,
  split: splitNfc,
};

/** Merges and vocabulary of byte-pair encoding. */
export const bpeTraining: Runner = {
  ignored: {},
  run: ({ folder, inputs }) => {
    const {
      corpus,
      pipeline,
      special_tokens: specials,
      vocab_size: size,
    } = inputs as {
      corpus: string;
      pipeline: string;
      special_tokens: string[];
      vocab_size: number;
    };
    const lines = readText(join(folder, corpus)).split("\n");
    const { tokens, merges } = trainBpe(lines, size, specials, PIPELINES[pipeline]);
    return Promise.resolve({
      merges,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    });
  },
};

interface TokenizerFile {
  readonly normalizer: { readonly type: string } | null;
  readonly added_tokens: readonly { readonly content: string }[];
}

/** Ids, tokens, offsets and decodings. */
export const tokenize: Runner = {
  ignored: {},
  run: ({ folder, inputs }) => {
    const {
      tokenizer,
      strings,
      id_lists: lists,
    } = inputs as {
      tokenizer: string;
      strings: string[];
      id_lists: number[][];
    };
    const file = readJson(join(folder, tokenizer)) as TokenizerFile;
    const library = new Tokenizer(file, {});
    const specials = file.added_tokens.map(({ content }) => content);
    const encode = (text: string): number[] => library.encode(text, { add_special_tokens: false }).ids;
    const own = file.normalizer === null ? encodeByPieces(encode, specials) : encode;
    const decode = (ids: readonly number[], skip: boolean): string =>
      ids.length === 0
        ? ""
        : library.decode([...ids], { skip_special_tokens: skip, clean_up_tokenization_spaces: false });
    return Promise.resolve({
      encodings: strings.map((text) => {
        const ids = own(text);
        const tokens = ids.map((id) => library.id_to_token(id)!);
        const offsets = (unit: OffsetUnit): unknown =>
          tokenOffsets(text, tokens, { unit, composed: file.normalizer !== null, specials });
        return {
          text,
          ids,
          tokens,
          offsets: offsets("code-points"),
          offsets_utf16: offsets("utf-16"),
          decoded: decode(ids, false),
          decoded_skip_special: decode(ids, true),
        };
      }),
      decodings: lists.map((ids) => ({
        ids,
        decoded: decode(ids, false),
        decoded_skip_special: decode(ids, true),
      })),
      vocab_size: library.get_vocab().size,
    });
  },
};

/** Conversations by a chat template: text, ids and what the assistant learns. */
export const chat: Runner = {
  ignored: {},
  run: ({ folder, inputs }) => {
    const given = inputs as {
      tokenizer: string;
      bos_token: string;
      chat_template: string;
      conversations: ChatMessage[][];
    };
    const { render } = createChat({
      template: given.chat_template,
      tokenizer: readJson(join(folder, given.tokenizer)),
      variables: { bos_token: given.bos_token },
    });
    return Promise.resolve({
      rendered: given.conversations.map((messages) => {
        const whole = render(messages, { specials: "parsed" });
        const open = render(messages, { specials: "parsed", generationPrompt: true });
        return {
          text_add_generation_prompt_false: whole.text,
          ids_add_generation_prompt_false: whole.ids,
          assistant_masks: whole.assistant,
          text_add_generation_prompt_true: open.text,
          ids_add_generation_prompt_true: open.ids,
        };
      }),
    });
  },
};
