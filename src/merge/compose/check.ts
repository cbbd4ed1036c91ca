import { invalidRequest, mismatch, type Problem } from "../../core/errors.js";
import type { ComposeOptions } from "./compose.js";
import type { WeightedAdapter } from "./layers.js";
import { type ComposeMethod, SIGN_RULES } from "./method.js";
import { truncationRank } from "./on-updates.js";
import { type Part, rankOfPart, sidesOf } from "./part.js";

/** What a method is told and does not read, what it lacks, and what is out of range. */
export function optionProblems(
  method: ComposeMethod,
  options: Pick<ComposeOptions, "rank" | "density" | "sign">,
): Problem[] {
  const problems: Problem[] = [];
  const say = (path: string, message: string): void => void problems.push({ path, message });
  const { rank, density, sign } = options;
  const unread = (key: string, needed: boolean, value: unknown): void => {
    if (!needed && value !== undefined) say(key, `is not read by ${method.name}: leave it out.`);
  };
  unread("rank", method.needs.rank, rank);
  unread("density", method.needs.density, density);
  unread("majority_sign_method", method.needs.sign, sign);
  if (method.needs.rank && rank !== undefined && !(Number.isInteger(rank) && rank >= 1))
    say("rank", mismatch("Rank", rank, "an integer of at least 1"));
  if (method.needs.density && density === undefined)
    say("density", `is missing: ${method.name} keeps a share of the entries, in (0, 1].`);
  else if (method.needs.density && !(density! > 0 && density! <= 1))
    say("density", mismatch("Density", Number.isNaN(density) ? "NaN" : density, "a number in (0, 1]"));
  if (method.needs.sign && sign !== undefined && !SIGN_RULES.includes(sign))
    say("majority_sign_method", mismatch("Majority sign method", sign, `one of ${SIGN_RULES.join(", ")}`));
  return problems;
}

/** All that is wrong with a composition before its layers are looked at. */
export function checkComposition(
  adapters: readonly WeightedAdapter[],
  method: ComposeMethod,
  options: Omit<ComposeOptions, "method">,
): void {
  const problems: Problem[] = [];
  const say = (path: string, message: string): void => void problems.push({ path, message });
  if (adapters.length === 0) say("adapters", "is empty: expected at least one adapter.");
  adapters.forEach(({ name, lora, weight }, index) => {
    const path = `adapters.${index}`;
    const weights = typeof weight === "number" ? [weight] : [...weight.values()];
    const wrong = weights.find((value) => !Number.isFinite(value));
    if (wrong !== undefined)
      say(`${path}.weight`, mismatch(`Weight of ${name}`, String(wrong), "a finite number"));
    if (lora.dora === true)
      say(path, `${name} is a DoRA: its magnitudes do not add up. Fold it into a model, or compose LoRAs.`);
    if (lora.modulesToSave !== undefined && lora.modulesToSave.length > 0)
      say(
        path,
        `${name} has modules that were trained whole, which cannot be added: ${lora.modulesToSave.join(", ")}.`,
      );
  });
  problems.push(...optionProblems(method, options));
  if (problems.length > 0) throw invalidRequest("The composition", problems);
}

/** All layers that a method cannot compose; those with the same fault are one problem. */
export function checkLayers(
  layers: ReadonlyMap<string, readonly Part[]>,
  adapters: readonly WeightedAdapter[],
  { name, needs }: ComposeMethod,
  rank: number | undefined,
): void {
  const faults = new Map<string, string[]>();
  const say = (layer: string, message: string): void =>
    void faults.set(message, [...(faults.get(message) ?? []), layer]);
  for (const [layer, parts] of layers) {
    const { out, width } = sidesOf(parts[0]!);
    const smaller = Math.min(out, width);
    const ranks = parts.map(rankOfPart);
    if (needs.equalRanks && new Set(ranks).size > 1) {
      const got = parts.map(({ index }, at) => `${adapters[index]!.name} ${ranks[at]}`).join(", ");
      say(layer, mismatch("Ranks", got, `one rank, since ${name} adds factors entry by entry`));
    }
    const result = needs.rank
      ? truncationRank(parts, rank)
      : needs.equalRanks
        ? ranks[0]!
        : ranks.reduce((a, b) => a + b);
    if (result > smaller)
      say(layer, mismatch("Rank of the composition", result, `at most ${smaller}, the smaller side`));
  }
  if (faults.size === 0) return;
  const problems = [...faults].map(([message, own]): Problem => {
    const more = own.length === 1 ? "" : ` The same in ${own.length - 1} more.`;
    return { path: own[0]!, message: `${message}${more}` };
  });
  const hint = needs.rank
    ? undefined
    : "svd takes adapters of any ranks, and with a rank it stays below the smaller side.";
  throw invalidRequest("The composition", problems, hint);
}
