import { disjointMean } from "./disjoint-mean.js";
import { drop } from "./drop.js";
import type { Combination } from "./method.js";
import { trim } from "./trim.js";
import { weightedSum } from "./weighted-sum.js";

/** Trim, elect sign, disjoint mean. See `trim` and `disjointMean`. */
export const trimAndElect: Combination = (tensors, weights, { density, sign }) =>
  disjointMean(
    tensors.map((tensor) => trim(tensor, density)),
    weights,
    sign,
  );

/** Trim, weighted sum. See `trim`. */
export const trimAndSum: Combination = (tensors, weights, options) =>
  weightedSum(
    tensors.map((tensor) => trim(tensor, options.density)),
    weights,
    options,
  );

/** Drop and rescale, weighted sum. See `drop`. */
export const dropAndSum: Combination = (tensors, weights, options) =>
  weightedSum(
    tensors.map((tensor, place) => drop(tensor, options.density, options.draws(place))),
    weights,
    options,
  );

/** Drop and rescale, elect sign, disjoint mean. See `drop` and `disjointMean`. */
export const dropAndElect: Combination = (tensors, weights, { density, sign, draws }) =>
  disjointMean(
    tensors.map((tensor, place) => drop(tensor, density, draws(place))),
    weights,
    sign,
  );
