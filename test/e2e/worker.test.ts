import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { resolveTrain } from "../../dist/runs/resolve.js";
import { openStore } from "../../dist/runs/store.js";
import { executeInChild } from "../../dist/runs/worker.js";
import { listFiles, makeTemporaryFolder, remove } from "../../src/core/files.js";
import type { ResolvedRun } from "../../src/runs/record.js";
import type { TrainRequest } from "../../src/runs/request.js";

const root = join(import.meta.dirname, "../..");
const home = makeTemporaryFolder("lawbook-worker");
afterAll(() => remove(home));

function run(seed: number, steps = 6): ResolvedRun<TrainRequest> {
  return resolveTrain(
    {
      model: "new:xs",
      data: { facts: { biology: 12 }, wordings: { else: 2 } },
      steps,
      batch: 4,
      schedule: { warmup: 1 },
      evaluate: { sets: [] },
      seed,
      device: "reference",
    },
    root,
    openStore({ root, home }),
  );
}

const finished = (): number => listFiles(home).filter((name) => name.endsWith("record.json")).length;

describe("runs in child processes", () => {
  it("come in the order of the requests, two at a time, and are not trained twice", async () => {
    const runs = [run(1), run(2), run(3)];
    const seen = new Set<number>();
    const records = await executeInChild(runs, {
      root,
      home,
      jobs: 2,
      progress: ({ run: index }) => seen.add(index),
    });
    expect(records.map(({ id }) => id)).toEqual(runs.map(({ id }) => id));
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 2]);
    let trained = 0;
    expect(await executeInChild(runs, { root, home, progress: () => trained++ })).toEqual(records);
    expect(trained).toBe(0);
  });

  it("stop at a checkpoint when aborted, and go on from there", async () => {
    const long = run(4, 40);
    const abort = new AbortController();
    const stopped = executeInChild([long], {
      root,
      home,
      signal: abort.signal,
      progress: ({ done }) => done === 10 && abort.abort(),
    });
    await expect(stopped).rejects.toMatchObject({ code: "interrupted" });
    expect(
      listFiles(home).some((name) => name.includes(long.id) && name.endsWith("trainer_state.json")),
    ).toBe(true);
    const steps: number[] = [];
    const [record] = await executeInChild([long], { root, home, progress: ({ done }) => steps.push(done) });
    expect(record!.outcome).toBe("finished");
    expect(steps[0]).toBeGreaterThan(10);
  });

  it("that die are one error, and this process lives on with its store intact", async () => {
    const before = finished();
    const doomed = run(5, 400);
    const dead = executeInChild([doomed], {
      root,
      home,
      onChild: (child) => child.once("message", () => child.kill("SIGKILL")),
    });
    await expect(dead).rejects.toThrow("The process of the run died: got signal SIGKILL, expected a record.");
    expect(finished()).toBe(before);
    const [record] = await executeInChild([run(6)], { root, home });
    expect(record!.outcome).toBe("finished");
  });

  it("that cannot start are one clear error", async () => {
    const broken: ResolvedRun<TrainRequest> = { ...run(7), request: { ...run(7).request, device: "abacus" } };
    await expect(executeInChild([broken], { root, home })).rejects.toThrow('Unknown device: got "abacus"');
  });
});
