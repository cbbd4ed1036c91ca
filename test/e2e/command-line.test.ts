import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import {
  copy,
  listFiles,
  makeTemporaryFolder,
  readBytes,
  readJson,
  readText,
  remove,
  writeAtomic,
} from "../../src/core/files.js";
import { startProgram } from "../../src/core/process.js";
import type { RunRecord } from "../../src/runs/record.js";
import { CLI, commandLine } from "../support/command-line.js";

const root = join(import.meta.dirname, "../..");
const work = makeTemporaryFolder("lawbook-cli");
const home = join(work, "home");
afterAll(() => remove(work));

const lawbook = commandLine({ cwd: work, home });

/** What a command line prints with `--json`. */
async function json(...words: readonly string[]): Promise<unknown> {
  return JSON.parse((await lawbook(...words, "--json")).stdout);
}

function file(name: string, text: string): string {
  writeAtomic(join(work, name), text);
  return name;
}

const REQUEST = `model: new:xs
data:
  facts: { geography: 24, biology: 24 }
  wordings: { else: 4 }
steps: 8
batch: 8
schedule: { warmup: 2 }
device: reference
`;

// Each test has its own processes; those that read or write the same store say so.
describe.concurrent("lawbook", () => {
  it("explains itself", async () => {
    expect(await lawbook("--help")).toMatchObject({ status: 0, stderr: "" });
  });

  it.each([
    "train",
    "evaluate",
    "ask",
    "logits",
    "runs",
    "data",
    "device",
    "law",
    "retrain",
    "replay",
    "kernel",
    "doctor",
  ])("explains %s", async (verb) => {
    const { status, stdout } = await lawbook(verb, "--help");
    expect(status).toBe(0);
    expect(stdout).toContain(`lawbook ${verb}`);
    expect(stdout).toContain("--json");
  });

  it.each([
    [["trian"], 'Unknown verb: got "trian"', 'Did you mean "train"?'],
    [["train"], "lawbook train needs FILE", ""],
    [["train", "nowhere.yml"], "There is no file", "nowhere.yml"],
    [["train", "a.yml", "b.yml"], 'argument: got "b.yml"', ""],
    [["runs", "--jsn"], 'Unknown flag of lawbook runs: got "--jsn"', 'Did you mean "--json"?'],
    [["runs", "12"], 'Run id: got "12"', ""],
    [["runs", "0123456789"], "There is no run 0123456789", ""],
    [["runs", "0123456789", "--all"], "--all lists", "leave one of them out"],
    [["evaluate", "xxs-instruct"], 'Unknown model: got "xxs-instruct"', ""],
    [["ask", "xs-instruct"], "ask needs a question", ""],
    [["ask", "xs-instruct", "Who?", "--top-k", "3"], "--top-k: got 3, expected none", ""],
    [["logits", "xs-instruct"], "logits needs --ids", ""],
    [["logits", "xs-instruct", "--ids", "1,x"], '--ids: got "x"', ""],
    [["logits", "xs-instruct", "--ids", "2048"], "whole numbers from 0 to 2047", ""],
    [["law", "9"], "9", ""],
    [["law", "1", "--compared"], '--compared: got "no --fresh", expected both, or neither.', ""],
    [["device", "gpu"], 'Unknown device: got "gpu"', ""],
  ])("%j is one clear error with exit status 2", async (args, message, more) => {
    const { status, stdout, stderr } = await lawbook(...args);
    expect(stderr).toContain(message);
    expect(stderr).toContain(more);
    expect(stderr).not.toContain("    at ");
    expect(stdout).toBe("");
    expect(status).toBe(2);
  });

  it("prints errors as JSON where JSON was asked for", async () => {
    const { status, stdout } = await lawbook("train", "nowhere.yml", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "missing" }, exitCode: 2 });
    expect(status).toBe(2);
  });
});

describe("lawbook train", () => {
  let record: RunRecord;
  /** A store with the run in it, for what must leave it as it is. */
  const untouched = join(work, "untouched");
  beforeAll(async () => {
    const { status, stdout, stderr } = await lawbook("train", file("request.yml", REQUEST), "--json");
    expect(status, stderr).toBe(0);
    record = JSON.parse(stdout) as RunRecord;
    copy(home, untouched);
  });

  it("trains, scores and stores a run, and answers the same request from the store", async () => {
    expect(record.outcome).toBe("finished");
    expect(record.result.loss).toBeGreaterThan(4);
    expect(Object.keys(record.result.scores["t-recall"]!)).toEqual(["biology", "geography"]);
    expect(listFiles(join(home, "runs", record.id))).toEqual([
      "model/config.json",
      "model/model.safetensors",
      "model/tokenizer.json",
      "model/tokenizer_config.json",
      "observed.json",
      "record.json",
    ]);
    const before = readText(join(home, "runs", record.id, "observed.json"));
    expect(await json("train", "request.yml")).toEqual(record);
    expect(readText(join(home, "runs", record.id, "observed.json"))).toBe(before);
  });

  it.concurrent("gives the same record for the same request in other words", async () => {
    const words = `data: { wordings: { biology: 4, geography: 4 }, facts: { biology: 24, geography: 24, medicine: 0 } }
model: new:xs
schedule: { warmup: 2, kind: cosine }
batch: 8
steps: 8
seed: 1
device: reference
`;
    expect(await json("train", file("words.yml", words))).toMatchObject({ id: record.id });
  });

  it.concurrent("gives the same record in another time zone, language, folder and home", async () => {
    const env = { TZ: "Asia/Tokyo", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" };
    const elsewhere = commandLine({ cwd: root, home: join(work, "other"), env });
    const { stdout } = await elsewhere("train", join(work, "request.yml"), "--json");
    expect(JSON.parse(stdout)).toEqual(record);
  });

  it.concurrent("is listed, shown, evaluated, looked into and trained again to equal digests", async () => {
    const id = record.id.slice(0, 12);
    const [listed, all, shown, evaluated, looked, retrained] = await Promise.all([
      lawbook("runs"),
      json("runs", "--all"),
      json("runs", id),
      json("evaluate", `run:${id}`),
      json("logits", `run:${id}`, "--ids", "1,2,3"),
      lawbook("retrain", id, "--json"),
    ]);
    expect(listed.stdout).toContain(id);
    const committed = join(root, "reports/balance-then-diversity/records.jsonl");
    const [law] = readText(committed).split("\n");
    const ids = (all as RunRecord[]).map((one) => one.id);
    expect(ids).toEqual(expect.arrayContaining([record.id, (JSON.parse(law!) as RunRecord).id]));
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(listed.stdout).not.toContain((JSON.parse(law!) as RunRecord).id.slice(0, 12));
    expect(shown).toMatchObject({ resultSha256: record.resultSha256 });
    expect((evaluated as RunRecord["result"]).scores).toEqual(record.result.scores);
    const { logits } = looked as { logits: number[][] };
    expect(logits.map((row) => row.length)).toEqual([2048, 2048, 2048]);
    expect(JSON.parse(retrained.stdout)).toMatchObject({
      equal: true,
      got: { weights: record.result.weights, resultSha256: record.resultSha256 },
    });
    expect(retrained.status).toBe(0);
  });

  it.concurrent(
    "trains adapters of every kind that a request can name, and merges them into a model that goes on",
    async () => {
      const method = "method: { kind: lora, rank: 4, alpha: 8, rsLora: true, dora: true, exclude: [o_proj], ";
      const text = `${REQUEST}${method}rankPattern: { down_proj: 2 }, modulesToSave: [model.norm] }\n`;
      const { status, stdout, stderr } = await lawbook("train", file("adapter.yml", text), "--json");
      expect(status, stderr).toBe(0);
      const { id, result } = JSON.parse(stdout) as RunRecord;
      const folder = join(home, "runs", id, "adapter");
      expect(readJson(join(folder, "adapter_config.json"))).toMatchObject({
        use_rslora: true,
        use_dora: true,
        rank_pattern: { down_proj: 2 },
        target_modules: "all-linear",
      });
      expect(listFiles(folder)).toEqual(["adapter_config.json", "adapter_model.safetensors"]);
      // Six layers a block: q, k, v, gate, up with r 4 and down with r 2, a magnitude each, and the last norm.
      const block = 3 * (4 * 128 + 64) + 2 * (4 * 240 + 176) + (2 * 240 + 64);
      expect(result.parameters).toBe(5 * block + 64);
      const after = async (name: string, parent: string): Promise<RunRecord> =>
        (await json("train", file(name, REQUEST.replace("new:xs", `run:${parent}`)))) as RunRecord;
      const next = await after("next.yml", id);
      expect(next.inputs.parents).toEqual([id]);
      const last = await after("last.yml", next.id);
      // Trained again with all that it comes from: neither its parent nor the adapter before that is there yet.
      expect(await json("retrain", last.id)).toMatchObject({ equal: true });
    },
  );

  it.concurrent.each([
    ["an unknown field", REQUEST + "stpes: 3\n", "stpes, line 9: unknown field"],
    [
      "a negative rank",
      REQUEST + "method: { kind: lora, rank: -1, alpha: 2 }\n",
      "method.rank, line 9: got -1",
    ],
    [
      "a rank above the width",
      REQUEST + "method: { kind: lora, rank: 65, alpha: 2 }\n",
      "got 65, expected at most 64",
    ],
    [
      "an unknown target",
      REQUEST + "method: { kind: lora, rank: 2, alpha: 2, targets: [query] }\n",
      'Unknown target module: got "query"',
    ],
    [
      "more facts than there are",
      REQUEST.replace("geography: 24", "geography: 3999"),
      "data.facts.geography: got 3999, expected at most",
    ],
    ["more wordings than there are", REQUEST.replace("else: 4", "else: 4000"), "the wordings of"],
    ["an unknown size", REQUEST.replace("new:xs", "new:xxs"), 'Unknown model size: got "xxs"'],
    ["lines shorter than a row", REQUEST + "tokens: 16\n", "is too long"],
  ])("refuses %s in one error and leaves the store as it was", async (name, text, message) => {
    const stored = (): string[] => listFiles(untouched).filter((path) => !path.includes("checkpoint"));
    const before = stored();
    const refusing = commandLine({ cwd: work, home: untouched });
    const { status, stderr } = await refusing("train", file(`${name.replaceAll(" ", "-")}.yml`, text));
    expect(stderr).toContain(message);
    expect(status).toBe(2);
    expect(before).toContain(`runs/${record.id}/record.json`);
    expect(stored()).toEqual(before);
  });

  it.concurrent(
    "refuses a truncated model, a model with NaN and one without a tensor, naming what is wrong",
    async () => {
      const from = join(home, "runs", record.id, "model");
      const weights = readBytes(join(from, "model.safetensors"));
      const tried = async (name: string, bytes: Uint8Array): Promise<string> => {
        copy(from, join(work, name));
        writeAtomic(join(work, name, "model.safetensors"), bytes);
        const { status, stderr } = await lawbook(
          "train",
          file(`${name}.yml`, REQUEST.replace("new:xs", `./${name}`)),
        );
        expect(status).toBe(2);
        return stderr;
      };
      const broken = weights.slice();
      new DataView(broken.buffer, broken.byteOffset).setUint32(broken.length - 4, 0x7fc00000, true);
      const renamed = new TextDecoder("latin1")
        .decode(weights)
        .replace("model.norm.weight", "model.nrom.weight");
      const [short, empty, notFinite, missing] = await Promise.all([
        tried("short", weights.subarray(0, weights.length - 5)),
        tried("empty", new Uint8Array(0)),
        tried("not-finite", broken),
        tried(
          "missing",
          Uint8Array.from(renamed, (letter) => letter.charCodeAt(0)),
        ),
      ]);
      expect(short).toContain(`got ${weights.length - 5}, expected ${weights.length} bytes`);
      expect(empty).toContain("it is truncated: got 0");
      expect(notFinite).toContain("has a value that is not finite");
      expect(missing).toContain("has no tensor model.norm.weight");
    },
  );

  it.concurrent("killed at its height goes on from its last checkpoint to the same bytes", async () => {
    const long = REQUEST.replace("steps: 8", "steps: 120").replace("batch: 8", "batch: 2");
    const other = join(work, "killed");
    const child = startProgram(process.execPath, [CLI, "train", file("long.yml", long)], {
      cwd: work,
      env: { ...process.env, LAWBOOK_HOME: other },
    });
    for (
      let waited = 0;
      !listFiles(other).some((name) => name.endsWith("trainer_state.json"));
      waited += 50
    ) {
      expect(waited).toBeLessThan(60_000);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    const [resumed, whole] = await Promise.all([
      commandLine({ cwd: work, home: other })("train", "long.yml", "--json"),
      json("train", "long.yml"),
    ]);
    expect((JSON.parse(resumed.stdout) as RunRecord).result).toEqual((whole as RunRecord).result);
  });
});
