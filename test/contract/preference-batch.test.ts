import { describe, expect, it } from "vitest";

import { DEVICES } from "../../src/compute/devices/list.js";
import { mean } from "../../src/core/math.js";
import { stream } from "../../src/core/random.js";
import { scoreRows } from "../../src/evaluate/likelihood.js";
import { newCheckpoint } from "../../src/model/checkpoint.js";
import type { ModelConfig } from "../../src/model/config.js";
import type { DpoOptions, OrpoOptions, PreferenceOptions } from "../../src/train/preference.js";
import {
  answerRows,
  preferenceFeeds,
  type PreferencePair,
  type PreferenceShape,
  preferenceTargets,
  preferenceTotals,
} from "../../src/train/preference-batch.js";
import { expectClose } from "../support/close.js";
import { runPairs } from "../support/preference.js";
import { SMALL } from "../support/small-model.js";

const CONFIG: ModelConfig = { ...SMALL, vocabulary: 40, maxPositions: 64 };
/** Larger weights than at a real start, so that every part of the model matters. */
const MODEL = newCheckpoint(CONFIG, 4, "");
for (const [name, { data }] of MODEL.weights)
  if (!name.includes("norm")) data.forEach((value, index) => (data[index] = value * 8));

const DPO: DpoOptions = { kind: "dpo", loss: "sigmoid", beta: 0.1, smoothing: 0, convention: "paper" };
const ORPO: OrpoOptions = { kind: "orpo", beta: 0.5, nll: "full" };
const OBJECTIVES: Readonly<Record<string, PreferenceOptions>> = {
  DPO,
  "DPO of averages": { ...DPO, loss: "sigmoid_norm", beta: 1 },
  ORPO,
  "ORPO, likelihood of the answer alone": { ...ORPO, nll: "completion" },
};

const PAIRS: readonly PreferencePair[] = (() => {
  const draw = stream(13, "pairs");
  const tokens = (least: number): number[] =>
    Array.from({ length: least + draw.integer(5) }, () => draw.integer(CONFIG.vocabulary));
  return Array.from({ length: 5 }, () => ({ prompt: tokens(1), chosen: tokens(1), rejected: tokens(2) }));
})();
const REFERENCE = PAIRS.flatMap(() => [-7, -11]).map((value, row) => value - row);
const referenceOf = (from: number, to: number): number[] => [
  ...REFERENCE.slice(from, to),
  ...REFERENCE.slice(PAIRS.length + from, PAIRS.length + to),
];
/** One row a line, nothing padded away but the ends of the lines. */
const PLAIN: Omit<PreferenceShape, "targets"> = { lines: 10, tokens: 11, pairs: 5 };

describe.each(DEVICES)("a batch of pairs on the device $name", (device) => {
  it.each(Object.entries(OBJECTIVES))(
    "%s: packing, spare room, spare pairs and every position give the same loss and gradient",
    async (_, options) => {
      const needed = preferenceTargets(PAIRS, options);
      const shapes: PreferenceShape[] = [
        { ...PLAIN, targets: needed },
        { lines: 5, tokens: 28, pairs: 5, targets: needed },
        { lines: 5, tokens: 28, pairs: 8, targets: needed + 9 },
        { ...PLAIN, targets: PLAIN.lines * PLAIN.tokens },
      ];
      const results = [];
      for (const shape of shapes) {
        const feeds = preferenceFeeds(PAIRS, options, shape, REFERENCE);
        results.push((await runPairs(device, MODEL, options, shape, [feeds]))[0]!);
      }
      const [plain, ...others] = results;
      const largest = Math.max(...plain!["gradients"]!.map(Math.abs));
      expect(largest).toBeGreaterThan(1e-2);
      others.forEach((other, index) => {
        expectClose(other["loss"]!, plain!["loss"]!, 1e-6, 0, `loss of shape ${index + 1}`);
        expectClose(other["gradients"]!, plain!["gradients"]!, 0, 2e-6 * largest, `shape ${index + 1}`);
      });
    },
  );

  it.each(Object.entries(OBJECTIVES))(
    "%s: micro-batches of unequal size, fed with the totals, add up to the large batch",
    async (_, options) => {
      const shape = { ...PLAIN, targets: preferenceTargets(PAIRS, options) };
      const totals = preferenceTotals(PAIRS);
      const [whole, first, second] = await runPairs(device, MODEL, options, shape, [
        preferenceFeeds(PAIRS, options, shape, REFERENCE),
        preferenceFeeds(PAIRS.slice(0, 2), options, shape, referenceOf(0, 2), totals),
        preferenceFeeds(PAIRS.slice(2), options, shape, referenceOf(2, 5), totals),
      ]);
      const largest = Math.max(...whole!["gradients"]!.map(Math.abs));
      for (const name of ["loss", "gradients"]) {
        const added = whole![name]!.map((_, index) => first![name]![index]! + second![name]![index]!);
        expectClose(added, whole![name]!, 1e-6, 2e-6 * largest, name);
      }
    },
  );

  it("DPO starts at ln 2 when the reference policy is the model itself, scored by itself once", async () => {
    const scores = await scoreRows(device, MODEL, answerRows(PAIRS));
    const reference = scores.map(({ logLikelihood }) => logLikelihood);
    const shape = { ...PLAIN, targets: preferenceTargets(PAIRS, DPO) };
    const feeds = preferenceFeeds(PAIRS, DPO, shape, reference);
    const [result] = await runPairs(device, MODEL, DPO, shape, [feeds]);
    expectClose(result!["logProbabilities"]!, reference, 1e-6, 0, "log-probabilities");
    expectClose(result!["loss"]!, [Math.LN2], 0, 1e-6, "loss");
    expect(Math.max(...result!["gradients"]!.map(Math.abs))).toBeGreaterThan(1e-2);
  });

  it("the likelihood of ORPO reads prompts and counts tokens, or reads answers and counts rows", async () => {
    const answers = await scoreRows(device, MODEL, answerRows(PAIRS).slice(0, PAIRS.length));
    const whole = await scoreRows(
      device,
      MODEL,
      PAIRS.map(({ prompt, chosen }) => ({ ids: [...prompt, ...chosen], from: 1 })),
    );
    const total = (pick: (score: (typeof whole)[0]) => number): number =>
      whole.reduce((sum, score) => sum + pick(score), 0);
    const expected = {
      full: -total(({ logLikelihood }) => logLikelihood) / total(({ tokens }) => tokens),
      completion: -mean(answers.map(({ logLikelihood, tokens }) => logLikelihood / tokens)),
    };
    expect(Math.abs(expected.full - expected.completion)).toBeGreaterThan(0.01);
    for (const nll of ["full", "completion"] as const) {
      const options: OrpoOptions = { ...ORPO, nll };
      const shape = { ...PLAIN, targets: preferenceTargets(PAIRS, options) };
      const [result] = await runPairs(device, MODEL, options, shape, [
        preferenceFeeds(PAIRS, options, shape),
      ]);
      expectClose(result!["nll"]!, [expected[nll]], 1e-6, 0, nll);
    }
  });
});

describe("the feeds of a batch of pairs", () => {
  const shape: PreferenceShape = { lines: 2, tokens: 4, pairs: 2, targets: 7 };
  const pair: PreferencePair = { prompt: [5, 6], chosen: [7, 8], rejected: [9] };

  it("mark rows, answers and shares of each target, and leave spare pairs without weight", () => {
    const feeds = preferenceFeeds([pair], ORPO, shape);
    expect([...feeds["labels"]!]).toEqual([6, 7, 8, 9, 0, 0, 0]);
    expect([...feeds["targetRows"]!]).toEqual([0, 0, 0, 2, 0, 0, 0]);
    expect([...feeds["completion"]!]).toEqual([0, 1, 1, 1, 0, 0, 0]);
    expectClose(feeds["weights"]!, [1 / 3, 1 / 3, 1 / 3, 0, 0, 0, 0], 1e-7, 0);
    expect([...feeds["lengths"]!]).toEqual([2, 1, 1, 1]);
    expect([...feeds["pairWeights"]!]).toEqual([1, 0]);
    expect(feeds["reference"]).toBeUndefined();
    expect([...preferenceFeeds([pair], DPO, shape, [-3, -4])["reference"]!]).toEqual([-3, 0, -4, 0]);
  });

  it.each([
    [
      () => preferenceFeeds([{ ...pair, rejected: [] }], ORPO, shape),
      "Tokens of a prompt and its answer: got [2,0]",
    ],
    [
      () => preferenceFeeds([{ ...pair, prompt: [] }], ORPO, shape),
      "Tokens of a prompt and its answer: got [0,2]",
    ],
    [() => preferenceFeeds([pair, pair, pair], ORPO, shape), "Pairs of a batch: got 3, expected at most 2"],
    [
      () => preferenceFeeds([pair], ORPO, { ...shape, targets: 3 }),
      "Targets of a batch: got 3, expected at least 4",
    ],
    [() => preferenceFeeds([pair], DPO, shape), "Reference log-probabilities: got undefined, expected 2"],
    [() => preferenceFeeds([pair], ORPO, { ...shape, tokens: 3 }), "Row 0 is too long: got 4"],
  ])("refuse what does not fit: %#", (build, message) => {
    expect(build).toThrow(message);
  });
});
