import { join } from "node:path";

import { contentId } from "../core/canonical.js";
import type { Problem } from "../core/errors.js";
import { readJson } from "../core/files.js";

/** A model of a merge and where its tokenizer lies. */
export interface TokenizerOwner {
  readonly model: string;
  readonly tokenizerFolder: string | undefined;
}

/** Which tokenizer travels with the merged model, what is wrong with that, and what is worth saying. */
export interface TokenizerChoice {
  readonly folder: string | undefined;
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
}

/**
 * Chooses the tokenizer: that of `source`, or of the `donor`, the base or first model, where a recipe says nothing or
 * `union`. A recipe that says something needs equal vocabularies, since mergekit would then move rows of embeddings.
 */
export function chooseTokenizer(
  source: string | undefined,
  donor: TokenizerOwner,
  models: readonly TokenizerOwner[],
): TokenizerChoice {
  const chosen =
    source === undefined || source === "union" ? donor : models.find(({ model }) => model === source);
  const owner = chosen ?? donor;
  const ids = new Map(models.map((each) => [each.model, vocabularyId(each.tokenizerFolder)]));
  const own = ids.get(owner.model);
  const others = models.filter(({ model }) => ids.get(model) !== own).map(({ model }) => model);
  const path = "tokenizer_source";
  if (source !== undefined && own === undefined) {
    const message = `${owner.model} has no tokenizer.json, expected a model with a tokenizer.`;
    return { folder: undefined, problems: [{ path, message }], notes: [] };
  }
  const differs = `vocabulary of ${owner.model} and of ${others.join(", ")} differ`;
  if (source !== undefined && others.length > 0) {
    const message = `not supported here: the ${differs}, and rows of embeddings are not moved. Leave it out to merge them by number.`;
    return { folder: undefined, problems: [{ path, message }], notes: [] };
  }
  const compared = others.some((model) => ids.get(model) !== undefined) && own !== undefined;
  const notes = compared ? [`the ${differs}: rows of embeddings are merged by number`] : [];
  return { folder: owner.tokenizerFolder, problems: [], notes };
}

/** sha256 over the tokens and their numbers, 64 hex digits. */
function vocabularyId(folder: string | undefined): string | undefined {
  if (folder === undefined) return undefined;
  const { model, added_tokens: added = [] } = readJson(join(folder, "tokenizer.json")) as {
    readonly model?: { readonly vocab?: unknown };
    readonly added_tokens?: readonly { readonly content: string; readonly id: number }[];
  };
  return contentId({
    vocabulary: (model?.vocab ?? null) as never,
    added: added.map(({ content, id }) => [content, id]),
  });
}
