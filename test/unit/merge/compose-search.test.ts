import { describe, expect, it } from "vitest";

import { composeAdapters } from "../../../src/merge/compose/compose.js";
import { searchWeights, type WeightSearch } from "../../../src/merge/compose/search.js";
import { randomAdapter, updatesOf } from "../../support/compose.js";
import { SMALL } from "../../support/small-model.js";

const bowl =
  (...planted: number[]) =>
  (weights: readonly number[]): Promise<number> =>
    Promise.resolve(
      weights.reduce((total, weight, at) => total + (weight - planted[at]!) * (weight - planted[at]!), 0),
    );
const search = (rest: Partial<WeightSearch> & Pick<WeightSearch, "count" | "loss">): WeightSearch => ({
  steps: 150,
  l1: 0,
  bound: 1.5,
  seed: 1,
  ...rest,
});

describe("a search of weights", () => {
  it.each([1, 2, 3, 4, 5])("finds planted weights, with seed %d", async (seed) => {
    const found = await searchWeights(search({ count: 3, loss: bowl(0.8, -0.5, 0.2), seed }));
    expect(found.trials).toHaveLength(150);
    [0.8, -0.5, 0.2].forEach((planted, at) =>
      expect(Math.abs(found.weights[at]! - planted)).toBeLessThan(0.05),
    );
  });

  it("finds the weights under which adapters make an update", async () => {
    const lora = { rank: 2, alpha: 4, targets: ["q_proj"] };
    const adapters = [randomAdapter("x", lora, 0), randomAdapter("y", { ...lora, rank: 3 }, 0)];
    const compose = (weights: readonly number[]): ReturnType<typeof updatesOf> => {
      const weighted = adapters.map((adapter, at) => ({ ...adapter, weight: weights[at]! }));
      const { lora: config, weights: tensors } = composeAdapters(SMALL, weighted, { method: "cat", seed: 1 });
      return updatesOf(config, tensors);
    };
    const wanted = compose([0.6, -0.9]);
    const loss = (weights: readonly number[]): Promise<number> => {
      let squares = 0;
      for (const [layer, update] of compose(weights))
        update.forEach(
          (value, at) => (squares += (value - wanted.get(layer)![at]!) * (value - wanted.get(layer)![at]!)),
        );
      return Promise.resolve(squares);
    };
    const { weights } = await searchWeights(search({ count: 2, loss, steps: 120 }));
    expect(Math.abs(weights[0]! - 0.6)).toBeLessThan(0.05);
    expect(Math.abs(weights[1]! + 0.9)).toBeLessThan(0.05);
  });

  it("starts at 0, keeps in the box, counts its steps and tells of each", async () => {
    const told: [number, number][] = [];
    const found = await searchWeights(
      search({ count: 2, loss: bowl(3, -3), progress: (done, best) => told.push([done, best]) }),
    );
    expect(found.trials[0]!.weights).toEqual([0, 0]);
    expect(Math.max(...found.trials.flatMap(({ weights }) => weights.map(Math.abs)))).toBe(1.5);
    expect(found.weights).toEqual([1.5, -1.5]);
    expect(found.loss).toBeCloseTo(4.5, 12);
    expect(told.map(([done]) => done)).toEqual(Array.from({ length: 149 }, (_, at) => at + 2));
    expect(told.every(([, best], at) => at === 0 || best <= told[at - 1]![1])).toBe(true);
  });

  it("adds l1 times the mean |w|: a small gain is not worth a weight", async () => {
    // d/dw (w - 0.1)^2 at 0 is -0.2; the penalty on the mean of one weight is 0.5.
    const found = await searchWeights(search({ count: 1, loss: bowl(0.1), l1: 0.5 }));
    expect(found.weights).toEqual([0]);
    expect(found.objective).toBeCloseTo(0.01, 12);
    const { loss, objective, weights } = (
      await searchWeights(search({ count: 2, loss: bowl(1, 1), l1: 0.05 }))
    ).trials.at(-1)!;
    expect(objective).toBeCloseTo(loss! + (0.05 * (Math.abs(weights[0]!) + Math.abs(weights[1]!))) / 2, 12);
  });

  it("is a function of its seed", async () => {
    const run = (seed: number): ReturnType<typeof searchWeights> =>
      searchWeights(search({ count: 2, loss: bowl(0.3, 0.4), steps: 20, seed }));
    expect(await run(7)).toEqual(await run(7));
    expect((await run(8)).weights).not.toEqual((await run(7)).weights);
  });

  it.each([0, 1, 7, 20])("goes on from %d evaluations as if it had not stopped", async (count) => {
    // Some losses are not finite: JSON leaves them out.
    const loss = async (weights: readonly number[]): Promise<number> =>
      weights[0]! > 0.6 ? Number.NaN : bowl(0.5, -0.4)(weights);
    const whole = await searchWeights(search({ count: 2, loss, steps: 20 }));
    expect(whole.trials.some((trial) => trial.loss === undefined)).toBe(true);
    const known = JSON.parse(JSON.stringify(whole.trials.slice(0, count))) as typeof whole.trials;
    let asked = 0;
    const kept: number[] = [];
    const again = await searchWeights(
      search({
        count: 2,
        loss: (weights) => (asked++, loss(weights)),
        steps: 20,
        known,
        keep: (trials) => kept.push(trials.length),
      }),
    );
    expect(again).toEqual(whole);
    expect(asked).toBe(20 - count);
    expect(kept).toEqual(Array.from({ length: 20 - count }, (_, at) => count + at + 1));
  });

  it("refuses evaluations of another search", async () => {
    const other = await searchWeights(search({ count: 2, loss: bowl(1, 1), steps: 4, seed: 2 }));
    const mixed = search({ count: 2, loss: bowl(1, 1), steps: 8, known: other.trials });
    await expect(searchWeights(mixed)).rejects.toThrow(
      /Earlier evaluation.*\n.*of another search: remove it/,
    );
  });

  it("takes a loss that is not finite as the worst", async () => {
    const loss = ([w]: readonly number[]): Promise<number> => Promise.resolve(w! > 0.2 ? Number.NaN : -w!);
    const found = await searchWeights(search({ count: 1, loss, steps: 100 }));
    expect(found.weights[0]).toBeLessThanOrEqual(0.2);
    expect(found.weights[0]).toBeGreaterThan(0.15);
    expect(found.trials.some((trial) => trial.loss === undefined)).toBe(true);
    const never = search({ count: 1, loss: () => Promise.resolve(Infinity), steps: 5 });
    await expect(searchWeights(never)).rejects.toThrow(/No weights gave a finite loss in 5 evaluations/);
  });

  it("stops when it is told to", async () => {
    const stop = new AbortController();
    const loss = (): Promise<number> => {
      stop.abort();
      return Promise.resolve(1);
    };
    await expect(searchWeights(search({ count: 1, loss, signal: stop.signal }))).rejects.toThrow(/abort/i);
  });

  it("names all that is wrong at once", async () => {
    const wrong = search({ count: 0, loss: bowl(), steps: 0, l1: -1, bound: Number.NaN });
    await expect(searchWeights(wrong)).rejects.toThrow(
      /4 problems:.*adapters.*steps.*l1.*bound: wrong value: got "NaN"/s,
    );
  });
});
