import { unknownName } from "../../core/errors.js";
import { cat } from "./cat.js";
import { dareLinear } from "./dare-linear.js";
import { dareLinearSvd } from "./dare-linear-svd.js";
import { dareTies } from "./dare-ties.js";
import { dareTiesSvd } from "./dare-ties-svd.js";
import { linear } from "./linear.js";
import { magnitudePrune } from "./magnitude-prune.js";
import { magnitudePruneSvd } from "./magnitude-prune-svd.js";
import type { ComposeMethod } from "./method.js";
import { svd } from "./svd.js";
import { ties } from "./ties.js";
import { tiesSvd } from "./ties-svd.js";

/** All composition methods, by the names of PEFT's `combination_type`. */
export const COMPOSE_METHODS: readonly ComposeMethod[] = [
  cat,
  linear,
  svd,
  ties,
  tiesSvd,
  dareLinear,
  dareTies,
  dareLinearSvd,
  dareTiesSvd,
  magnitudePrune,
  magnitudePruneSvd,
];

/** Their names. */
export const COMPOSE_METHOD_NAMES: readonly string[] = COMPOSE_METHODS.map(({ name }) => name);

/** The method of a name. Throws for an unknown one. */
export function findComposeMethod(name: string): ComposeMethod {
  const method = COMPOSE_METHODS.find((candidate) => candidate.name === name);
  if (method === undefined) throw unknownName("composition method", name, COMPOSE_METHOD_NAMES);
  return method;
}
