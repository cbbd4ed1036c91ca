import { breadcrumbs, breadcrumbsTies } from "./breadcrumbs.js";
import { dareLinear, dareTies } from "./dare.js";
import { della, dellaLinear } from "./della.js";
import { karcher } from "./karcher.js";
import { linear } from "./linear.js";
import type { MergeMethod } from "./method.js";
import { modelStock } from "./model-stock.js";
import { multislerp } from "./multislerp.js";
import { nuslerp } from "./nuslerp.js";
import { passthrough } from "./passthrough.js";
import { sce } from "./sce.js";
import { slerp } from "./slerp.js";
import { taskArithmetic } from "./task-arithmetic.js";
import { ties } from "./ties.js";

/** All methods. */
export const MERGE_METHODS: readonly MergeMethod[] = [
  linear,
  slerp,
  nuslerp,
  multislerp,
  karcher,
  taskArithmetic,
  ties,
  dareLinear,
  dareTies,
  della,
  dellaLinear,
  breadcrumbs,
  breadcrumbsTies,
  sce,
  modelStock,
  passthrough,
];
