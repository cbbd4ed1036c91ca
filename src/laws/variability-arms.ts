import { type Discipline, DISCIPLINES, type TrainRequest } from "../runs/request.js";
import type { TrainInput } from "../runs/schema.js";
import type { Arms } from "./arms.js";
import { each, trainingRequest } from "./requests.js";
import type { VariabilityRule, VariedMethod } from "./variability.rule.js";

/** All disciplines together. */
export const jointArm = (method: VariedMethod): string => `joint, ${method}`;
/** One discipline. */
export const singleArm = (method: VariedMethod, discipline: Discipline): string =>
  `single, ${method}, ${discipline}`;
/** All parts of the control's discipline together. */
export const jointControl = (method: VariedMethod): string => `control, joint, ${method}`;
/** One part of the control's discipline, from 1. */
export const singleControl = (method: VariedMethod, part: number): string =>
  `control, single, ${method}, part ${part}`;
/** The untouched model, on all disciplines and on the control's. */
export const INSTRUCT = { claim: "instruct", control: "instruct, control" } as const;

/** Names of the methods. */
export const methodsOf = ({ settings }: VariabilityRule): VariedMethod[] =>
  Object.keys(settings.methods) as VariedMethod[];

/** The parts of the control, from 1. */
export const partsOf = ({ settings }: VariabilityRule): number[] =>
  Array.from({ length: settings.control.parts }, (_, index) => index + 1);

/** The runs of one seed: each method jointly and on each discipline alone, the same within one discipline, and the untouched model. */
export function armsOf(rule: VariabilityRule, seed: number): Arms {
  const { settings } = rule;
  const { discipline, parts } = settings.control;
  const whole = {
    facts: { [discipline]: parts * settings.facts },
    wordings: { [discipline]: settings.wordings },
  };
  const all = { facts: each(settings.facts), wordings: each(settings.wordings) };
  const untouched = methodsOf(rule)[0]!;
  return {
    ...Object.fromEntries(
      methodsOf(rule).flatMap((method) => [
        [jointArm(method), requestOf(rule, seed, method, all)],
        ...DISCIPLINES.map((one) => [
          singleArm(method, one),
          requestOf(
            rule,
            seed,
            method,
            { facts: each(settings.facts, [one]), wordings: each(settings.wordings, [one]) },
            { steps: settings.aloneSteps },
          ),
        ]),
        [jointControl(method), requestOf(rule, seed, method, whole, { parts })],
        ...partsOf(rule).map((number) => [
          singleControl(method, number),
          requestOf(
            rule,
            seed,
            method,
            { ...whole, part: { number, of: parts } },
            { steps: settings.aloneSteps },
          ),
        ]),
      ]),
    ),
    [INSTRUCT.claim]: requestOf(rule, seed, untouched, all, { steps: 0 }),
    [INSTRUCT.control]: requestOf(rule, seed, untouched, whole, { steps: 0, parts }),
  } as Arms;
}

/** One run. */
export function requestOf(
  rule: VariabilityRule,
  seed: number,
  name: VariedMethod,
  data: Extract<TrainInput["data"], { facts: unknown }>,
  {
    steps,
    parts,
    lr,
    set = "t-recall",
  }: {
    readonly steps?: number;
    readonly parts?: number;
    readonly lr?: number;
    readonly set?: "t-recall" | "validation";
  } = {},
): TrainRequest {
  const { training, methods } = rule.settings;
  const { method, lr: chosen } = methods[name];
  return trainingRequest(rule, seed, {
    method,
    data: { ...data, sampler: { kind: "balanced", diversity: true } },
    steps: steps ?? training.steps,
    optimizer: { ...training.optimizer, lr: lr ?? chosen },
    evaluate: { sets: [set], ...(parts === undefined ? {} : { parts }) },
  });
}
