import { SPECIAL_TOKENS } from "../../../src/data/tokenizer.js";
import type { Vocabulary } from "./train-bpe.js";

const BYTE_LEVEL = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };

/** How a conversation is written: `<user>question<assistant>answer<end>`. */
const CHAT_TEMPLATE =
  "{% for message in messages %}{% if message['role'] == 'user' %}{{ '<user>' + message['content'] }}" +
  "{% elif message['role'] == 'assistant' %}{{ '<assistant>' + message['content'] + '<end>' }}" +
  "{% else %}{{ raise_exception('Unknown role: ' + message['role']) }}{% endif %}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}";

/** The vocabulary in the layout of `tokenizer.json` that Hugging Face libraries read. */
export function tokenizerFile(vocabulary: Vocabulary): object {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [{ type: "Digits", individual_digits: true }, BYTE_LEVEL],
    },
    post_processor: null,
    decoder: { ...BYTE_LEVEL, add_prefix_space: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocabulary.tokens.map((token, id) => [token, id])),
      merges: vocabulary.merges,
    },
  };
}

/** The matching `tokenizer_config.json`. */
export function tokenizerConfig(): object {
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    pad_token: "<pad>",
    eos_token: "<end>",
    additional_special_tokens: ["<user>", "<assistant>"],
    clean_up_tokenization_spaces: false,
    model_max_length: 512,
    chat_template: CHAT_TEMPLATE,
  };
}
