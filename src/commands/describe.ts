import type { RoutingStatistics } from "../evaluate/routing.js";
import type { RunRequest } from "../runs/request.js";
import { textTable } from "./table.js";

/** Objective and method of a run in a few words: `sft full`, `dpo lora r 8`, `sft shared-a 4 x r 8`, `merge slerp`. */
export function describeMethod(request: RunRequest): string {
  switch (request.kind) {
    case "merge":
      return `merge ${String((request.recipe as { readonly merge_method?: unknown }).merge_method)}`;
    case "compose":
      return `compose ${request.learn === undefined ? request.method! : `learnt ${request.learn.kind}`}`;
    case "partition":
      return `partition ${request.discrepancy}`;
    case "train":
      break;
  }
  const { objective, method } = request;
  const { kind } = objective;
  if (method.kind === "full") return `${kind} full`;
  const experts = "experts" in method ? ` ${method.experts} x` : "";
  return `${kind} ${method.kind}${experts} r ${method.rank}`;
}

/** A run's name with the digits that tell it apart; other names whole. */
export function shortName(model: string): string {
  return model.startsWith("run:") ? model.slice(0, 16) : model;
}

/** Where the routers of a mixture send each discipline, as a table. */
export function routingText({ shares, mutualInformation }: RoutingStatistics): string {
  const rows = Object.entries(shares);
  const experts = rows[0]![1].map((_, expert) => `expert ${expert}`);
  const table = textTable(
    ["routing", ...experts],
    rows.map(([discipline, own]) => [discipline, ...own.map((share) => share.toFixed(3))]),
  );
  return `${table}\nmutual information of expert and discipline ${mutualInformation.toFixed(4)} bits`;
}
