import { join, resolve } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { ComposeInput } from "../../dist/runs/compose/request.js";
import { resolveCompose } from "../../dist/runs/compose/resolve.js";
import { execute } from "../../dist/runs/execute.js";
import { resolveMerge } from "../../dist/runs/merge.js";
import type { ComposeRecord, RunRecord } from "../../dist/runs/record.js";
import { findModel, resolveTrain } from "../../dist/runs/resolve.js";
import { retrain } from "../../dist/runs/retrain.js";
import { openStore } from "../../dist/runs/store.js";
import { executeInChild } from "../../dist/runs/worker.js";
import {
  copy,
  exists,
  listFiles,
  makeTemporaryFolder,
  readBytes,
  readJson,
  remove,
} from "../../src/core/files.js";

const root = resolve(import.meta.dirname, "../..");
const folder = makeTemporaryFolder("lawbook-compose-runs");
afterAll(() => remove(folder));
const home = join(folder, "home");
const store = openStore({ root, home });

const LORA = { kind: "lora", rank: 2, alpha: 4, targets: ["q_proj", "down_proj"] } as const;
const TRAINING = { model: "xs-instruct", steps: 6, batch: 8, optimizer: { lr: 0.02 }, device: "cpu" };
const DATA = { facts: { geography: 4, biology: 4 } };
const parents: string[] = [];
let base: Pick<ComposeInput, "base" | "adapters"> & { readonly device: string };

beforeAll(async () => {
  for (const discipline of ["geography", "biology"]) {
    const data = { facts: { [discipline]: 6 } };
    const run = resolveTrain(
      { ...TRAINING, method: LORA, data, evaluate: { sets: [] } },
      root,
      openStore({ root, home }),
    );
    parents.push((await execute(run, { root, store })).id);
  }
  base = {
    base: "xs-instruct",
    adapters: parents.map((id) => ({ adapter: `run:${id}` })),
    device: "cpu",
  };
});

async function composed(input: ComposeInput): Promise<ComposeRecord> {
  const { run } = resolveCompose(input, { root, store, cwd: root });
  const [record] = await executeInChild([run], { root, home });
  return record!;
}
const again = async (record: RunRecord): Promise<boolean> => (await retrain(record, { root, home })).equal;

/** Starts a composition in a home with the same parents, kills it at a step, and lets it go on. */
async function killed(input: ComposeInput, at: number): Promise<{ record: ComposeRecord; steps: number[] }> {
  const other = join(folder, `other-${at}`);
  parents.forEach((id) => copy(store.folder(id), join(other, "runs", id)));
  const { run } = resolveCompose(input, { root, store: openStore({ root, home: other }), cwd: root });
  let kill = (): unknown => undefined;
  const dying = executeInChild([run], {
    root,
    home: other,
    onChild: (child) => (kill = () => child.kill("SIGKILL")),
    progress: ({ done }) => void (done === at && kill()),
  });
  await expect(dying).rejects.toThrow(/The process of the run died: got signal SIGKILL/);
  expect(listFiles(join(other, "runs", run.id)).filter((path) => !path.startsWith("checkpoint/"))).toEqual(
    [],
  );
  const steps: number[] = [];
  const [record] = await executeInChild([run], {
    root,
    home: other,
    progress: ({ done }) => steps.push(done),
  });
  const bytes = (place: string): unknown =>
    listFiles(join(place, "runs", run.id))
      .filter((path) => path !== "observed.json")
      .map((path) => [path, readBytes(join(place, "runs", run.id, path)).toString()]);
  expect(bytes(other)).toEqual(bytes(home));
  return { record: record!, steps };
}

describe("a composition is a run", () => {
  it("whose adapter and model other requests take, and that is made again to the same digest", async () => {
    const input = { ...base, method: "svd", rank: 2 };
    const record = await composed(input);
    expect(record).toMatchObject({
      request: { kind: "compose", adapters: parents.map((id) => ({ adapter: `run:${id}`, weight: 1 })) },
      inputs: { model: { name: "xs-instruct" }, parents },
      result: { graph: null, loss: null, composition: { kind: "adapter", weights: [1, 1] } },
    });
    // A prefix, and a weight that is the default's, mean the same run.
    const [first, second] = parents as [string, string];
    const other = {
      ...input,
      adapters: [{ adapter: `run:${first.slice(0, 10)}`, weight: 1 }, { adapter: `run:${second}` }],
    };
    expect(resolveCompose(other, { root, store, cwd: root }).run.id).toBe(record.id);
    expect(resolveCompose(record.request, { root, store, cwd: root }).run.id).toBe(record.id);

    const name = `run:${record.id}`;
    const on = resolveTrain(
      { ...TRAINING, method: { ...LORA, alpha: 2, start: name }, data: DATA, evaluate: { sets: [] } },
      root,
      store,
    );
    expect(on.inputs.parents).toEqual([record.id]);
    const trained = await execute(on, { root, store });
    expect(trained.outcome).toBe("finished");
    const twice = await composed({ ...base, adapters: [{ adapter: name }, { adapter: `run:${second}` }] });
    expect(twice.inputs.parents).toEqual([record.id, second]);
    const recipe = `merge_method: linear\nmodels:\n  - { model: "${name}", parameters: { weight: 1 } }\n  - { model: xs-instruct, parameters: { weight: 1 } }\n`;
    const merge = resolveMerge(recipe, "r.yml", { root, store, folders: [root] }, 1).run;
    expect(merge.inputs.parents).toEqual([record.id]);
    expect(merge.inputs.model.sha256).toBe(findModel(name, root, store, 0).sha256);
    expect(await again(twice)).toBe(true);
  });

  it("that a search makes, killed and gone on from its last kept evaluation, to the same bytes", async () => {
    const input = { ...base, search: { data: DATA, steps: 24 } };
    const record = await composed(input);
    const { search, weights } = record.result.composition;
    expect(search!.trials).toHaveLength(24);
    expect(weights).toEqual(search!.weights);
    expect(record.result.loss).toBe(search!.loss);
    const resumed = await killed(input, 15);
    expect(resumed.record).toEqual(record);
    expect(await again(record)).toBe(true);
  });

  it.each(["cat", "gate"] as const)(
    "that learning a %s makes, killed and gone on from its checkpoint, to the same bytes",
    async (kind) => {
      const input = { ...base, learn: { kind, data: DATA, steps: 56, batch: 4, tokens: 48 } };
      const record = await composed(input);
      expect(record.result).toMatchObject({
        composition: {
          kind: kind === "cat" ? "adapter" : "mixture",
          layers: kind === "cat" ? expect.any(Array) : [],
        },
      });
      expect(record.result.curve).toHaveLength(20);
      const { record: resumed, steps } = await killed(input, kind === "cat" ? 53 : 54);
      expect(resumed).toEqual(record);
      expect(steps[0]).toBe(51);
      const network = findModel(`run:${record.id}`, root, store, 0).checkpoint;
      expect(network.adapter === undefined).toBe(kind === "cat");
      if (kind === "cat") expect(await again(record)).toBe(true);
    },
  );

  it("that keeps no search of another request", async () => {
    const input = { ...base, search: { data: DATA, steps: 12 }, seed: 9 };
    const { run } = resolveCompose(input, { root, store, cwd: root });
    const stop = new AbortController();
    const stopped = executeInChild([run], {
      root,
      home,
      signal: stop.signal,
      progress: ({ done }) => void (done === 4 && stop.abort()),
    });
    await expect(stopped).rejects.toThrow(/Interrupted after evaluation \d+ of 12/);
    const kept = join(store.folder(run.id), "checkpoint/search.json");
    const { key, trials } = readJson(kept) as { key: string; trials: unknown[] };
    expect(key).toBe(run.id);
    expect(trials.length).toBeGreaterThanOrEqual(4);
    const other = resolveCompose({ ...input, seed: 10 }, { root, store, cwd: root }).run;
    copy(kept, join(store.folder(other.id), "checkpoint/search.json"));
    await expect(executeInChild([other], { root, home })).rejects.toThrow(/belongs to another run/);
    expect(exists(join(store.folder(other.id), "record.json"))).toBe(false);
  });
});
