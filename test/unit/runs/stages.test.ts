import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { resolveTrain } from "../../../src/runs/resolve.js";
import { parseTrainRequest, type TrainInput } from "../../../src/runs/schema.js";
import { orderStages, stagesOf } from "../../../src/runs/stages.js";
import { openStore } from "../../../src/runs/store.js";

const root = join(import.meta.dirname, "../../..");

const STAGES = [
  { disciplines: ["medicine", "biology"], steps: 3 },
  { disciplines: ["mathematics"], steps: 2 },
  { disciplines: ["geography", "chemistry"], steps: 1 },
] as const;
const INPUT: TrainInput = {
  model: "xs-instruct",
  data: { facts: { mathematics: 4, chemistry: 4, biology: 4, medicine: 4, geography: 4 } },
  method: { kind: "lora-moe", rank: 2, alpha: 4, experts: 5, routing: "labels" },
  stages: STAGES,
};
const steps = (input: Partial<TrainInput>): number[] =>
  orderStages(parseTrainRequest({ ...INPUT, ...input })).map((stage) => stage.steps);

describe("the order of stages", () => {
  it("is the given one unless it is drawn", () => {
    expect(steps({})).toEqual([3, 2, 1]);
    expect(steps({ stageOrder: "given", seed: 5 })).toEqual([3, 2, 1]);
    expect(parseTrainRequest({ ...INPUT, stageOrder: "given" })).toEqual(parseTrainRequest(INPUT));
  });

  it("is drawn by the seed, each order about as often, whatever the given one was", () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 600; seed++) {
      const drawn = steps({ stageOrder: "drawn", seed });
      expect(steps({ stageOrder: "drawn", seed, stages: STAGES.toReversed() })).toEqual(drawn);
      counts.set(drawn.join(), (counts.get(drawn.join()) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // 600 / 6 = 100 with a deviation of 9: five of them.
    for (const count of counts.values()) expect(Math.abs(count - 100)).toBeLessThan(46);
  });

  it("is that of the trainings, each with its own disciplines and steps", () => {
    const request = resolveTrain(
      { ...INPUT, stageOrder: "drawn", seed: 3 },
      root,
      openStore({ root, home: root }),
    ).request;
    const order = orderStages(request);
    const trainings = stagesOf(request);
    expect(trainings.map((stage) => stage.request.steps)).toEqual(order.map((stage) => stage.steps));
    trainings.forEach((stage, index) => {
      const { data } = stage.request;
      expect("facts" in data && Object.keys(data.facts).sort()).toEqual(
        [...order[index]!.disciplines].sort(),
      );
      expect(stage.freeze).toHaveLength(2 * (5 - order[index]!.disciplines.length));
    });
  });

  it("makes one run of all given orders where it is drawn, and several where it is not", () => {
    const id = (input: Partial<TrainInput>): string =>
      resolveTrain({ ...INPUT, ...input }, root, openStore({ root, home: root })).id;
    const backwards = { stages: STAGES.toReversed() };
    expect(id({ ...backwards, stageOrder: "drawn" })).toBe(id({ stageOrder: "drawn" }));
    expect(id(backwards)).not.toBe(id({}));
    expect(id({ stageOrder: "drawn" })).not.toBe(id({}));
  });

  it("is refused without stages, and for a word that is none", () => {
    const { stages: _, ...plain } = INPUT;
    expect(() => parseTrainRequest({ ...plain, stageOrder: "drawn" })).toThrow(
      /stageOrder: belongs to stages only/,
    );
    expect(() => parseTrainRequest({ ...INPUT, stageOrder: "drwn" })).toThrow(
      /stageOrder: got "drwn", expected one of given, drawn \(did you mean "drawn"\?\)/,
    );
  });
});
