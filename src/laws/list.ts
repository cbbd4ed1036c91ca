import { LawbookError, mismatch } from "../core/errors.js";
import { balanceThenDiversity } from "./balance-then-diversity.js";
import type { Law } from "./law.js";
import { mergeThenAlign } from "./merge-then-align.js";
import { optimizeThenScale } from "./optimize-then-scale.js";
import { recipe } from "./recipe.js";
import { shareThenSpecialize } from "./share-then-specialize.js";
import { variability } from "./variability.js";

/** Every law that can be run and judged, by number. */
export const LAWS: readonly Law[] = [
  variability,
  balanceThenDiversity,
  mergeThenAlign,
  optimizeThenScale,
  shareThenSpecialize,
  recipe,
] as readonly Law[];

/** The other laws that the p of one is adjusted with; a claim alone has none. */
export function othersOfFamily({ rule }: Law): readonly Law[] {
  return rule.family === "alone"
    ? []
    : LAWS.filter((other) => other.rule.family === rule.family && other.rule.law !== rule.law);
}

/** A law by its number or its name. Throws `usage`. */
export function findLaw(key: string | number): Law {
  const found = LAWS.find(({ rule }) => String(rule.number) === String(key) || rule.law === key);
  if (found === undefined) {
    const known = LAWS.map(({ rule }) => `${rule.number} (${rule.law})`).join(", ");
    throw new LawbookError("usage", mismatch("Unknown law", key, `one of ${known}`));
  }
  return found;
}
