import { join } from "node:path";

import { Tokenizer } from "@huggingface/tokenizers";

import { readBytes, readJson } from "../../../src/core/files.js";
import { exp } from "../../../src/core/math.js";

const TABLE = "module/Embeddings_en";

/** Smoothing of the word weights: a rare piece weighs 1, one of probability 0.001 a half. */
const SMOOTHING = 0.001;

interface Model {
  weightsManifest: { paths: string[]; weights: { name: string; shape: number[]; dtype: string }[] }[];
}

/** Vectors of short texts. */
export interface SentenceTable {
  readonly dimensions: number;
  embed(text: string): Float64Array;
}

/**
 * The input embeddings of Universal Sentence Encoder lite (8,002 pieces x 256), used as a bag of pieces:
 * v(text) = sum_i w_i e(piece_i) / sum_i w_i with w = a / (a + p), p the piece's probability in the vocabulary.
 * Deviation: the encoder's two transformer layers are left out (150 ms a sentence in plain JavaScript, an hour for all
 * facts, and not the same bits everywhere). Source: Arora et al. 2017, equation 5, without removal of the common component.
 */
export function loadSentenceTable(folder: string): SentenceTable {
  const root = join(folder, "package/dist");
  const vocabulary = readJson(join(root, "vocab.json")) as [piece: string, score: number][];
  const tokenizer = new Tokenizer(
    {
      version: "1.0",
      added_tokens: [],
      normalizer: { type: "NFKC" },
      pre_tokenizer: { type: "Metaspace", replacement: "\u2581", prepend_scheme: "always" },
      post_processor: null,
      decoder: null,
      model: { type: "Unigram", unk_id: 0, vocab: vocabulary },
    },
    {},
  );
  const { values, dimensions } = readTable(root);
  return {
    dimensions,
    embed: (text) => {
      const vector = new Float64Array(dimensions);
      let total = 0;
      for (const id of tokenizer.encode(text, { add_special_tokens: false }).ids) {
        const weight = SMOOTHING / (SMOOTHING + exp(vocabulary[id]![1]));
        total += weight;
        for (let k = 0; k < dimensions; k++) vector[k]! += weight * values[id * dimensions + k]!;
      }
      return total === 0 ? vector : vector.map((value) => value / total);
    },
  };
}

function readTable(root: string): { readonly values: Float32Array; readonly dimensions: number } {
  const { weightsManifest } = readJson(join(root, "model.json")) as Model;
  for (const { paths, weights } of weightsManifest) {
    let offset = 0;
    for (const { name, shape } of weights) {
      const bytes = 4 * shape.reduce((total, size) => total * size, 1);
      if (name === TABLE) {
        const all = Buffer.concat(paths.map((path) => readBytes(join(root, path))));
        return {
          values: new Float32Array(new Uint8Array(all.subarray(offset, offset + bytes)).buffer),
          dimensions: shape[1]!,
        };
      }
      offset += bytes;
    }
  }
  throw new Error(`The encoder has no tensor ${TABLE}.`);
}
