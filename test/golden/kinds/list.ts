import type { Runner } from "../case.js";
import { llama } from "./llama.js";
import { peftLora, peftWeighted } from "./peft.js";
import { jensenShannon } from "./partition.js";
import { adjustedP, clusters, levene, signFlip, tIntervalOf, vendi } from "./statistics.js";
import { mergekit, mergekitRandom } from "./mergekit.js";
import { schedule } from "./schedules.js";
import { trlDpo, trlOrpo } from "./trl.js";
import { accumulation, collate, completionOnly, pack, packedForward } from "./packing.js";
import { loglikelihood, perplexity } from "./evaluation.js";
import { bpeTraining, chat, tokenize } from "./tokenizer.js";

/** Runners by the `kind` of a case. */
export const RUNNERS: Readonly<Record<string, Runner>> = {
  llama,
  peft_lora: peftLora,
  peft_weighted: peftWeighted,
  adjusted_p: adjustedP,
  kmeans: clusters,
  levene,
  sign_flip: signFlip,
  jensen_shannon: jensenShannon,
  t_interval: tIntervalOf,
  vendi,
  schedule,
  trl_dpo: trlDpo,
  trl_orpo: trlOrpo,
  pack,
  collate,
  completion_only: completionOnly,
  packed_forward: packedForward,
  accumulation,
  loglikelihood,
  perplexity,
  bpe_training: bpeTraining,
  tokenize,
  chat,
  mergekit,
  mergekit_random: mergekitRandom,
};
