import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Whether a rule was committed before the runs that it judges, or why that cannot be seen. */
export type RuleOrder =
  | { readonly kind: "before"; readonly rule: string; readonly records: string | undefined }
  | { readonly kind: "violated"; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };

/**
 * Looks in the history of `root` for the first commit with the present rule of a report folder and the first with one
 * of its law-seed records (seeds below 100; pilots come before rules). The first must be a strict ancestor of the second.
 */
export function ruleOrder(root: string, folder: string): RuleOrder {
  const git = (...args: string[]): string | undefined => {
    const { status, stdout } = spawnSync("git", ["-C", root, ...args], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    return status === 0 ? stdout : undefined;
  };
  const rulePath = `${folder}/rule.json`;
  const recordsPath = `${folder}/records.jsonl`;
  const rule = readFileSync(join(root, rulePath), "utf8");
  const lines = existsSync(join(root, recordsPath))
    ? readFileSync(join(root, recordsPath), "utf8").trim().split("\n")
    : [];
  const ids = lines
    .map((line) => JSON.parse(line) as { id: string; request: { seed: number } })
    .filter(({ request }) => request.seed < 100)
    .map(({ id }) => id);
  if (ids.length === 0) return { kind: "unknown", reason: "there is no record of a law seed" };
  if (git("rev-parse", "HEAD") === undefined) return { kind: "unknown", reason: "there is no git history" };
  if (git("rev-parse", "--is-shallow-repository")?.trim() !== "false") {
    return { kind: "unknown", reason: "the git history is cut short" };
  }
  const first = (path: string, fits: (text: string) => boolean): string | undefined =>
    (git("log", "--reverse", "--format=%H", "--", path) ?? "")
      .split("\n")
      .filter(Boolean)
      .find((commit) => fits(git("show", `${commit}:${path}`) ?? ""));
  const ruleCommit = first(rulePath, (text) => text === rule);
  const recordsCommit = first(recordsPath, (text) => ids.some((id) => text.includes(`"id":"${id}"`)));
  if (ruleCommit === undefined)
    return { kind: "violated", reason: "the rule is not committed, but its records exist" };
  if (recordsCommit === undefined) return { kind: "before", rule: ruleCommit, records: undefined };
  if (ruleCommit === recordsCommit)
    return { kind: "violated", reason: `rule and records came in one commit, ${ruleCommit}` };
  if (git("merge-base", "--is-ancestor", ruleCommit, recordsCommit) === undefined) {
    return {
      kind: "violated",
      reason: `records came in ${recordsCommit}, before their rule in ${ruleCommit}`,
    };
  }
  return { kind: "before", rule: ruleCommit, records: recordsCommit };
}
