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
import { runProgram, startProgram } from "../../src/core/process.js";
import type { RunRecord } from "../../src/runs/record.js";

const root = join(import.meta.dirname, "../..");
const work = makeTemporaryFolder("lawbook-cli");
const home = join(work, "home");
afterAll(() => remove(work));

function lawbook(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return runProgram(process.execPath, [join(root, "dist/cli.js"), ...args], {
    cwd: work,
    env: { ...process.env, LAWBOOK_HOME: home },
  });
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

describe("lawbook", () => {
  it("explains itself", () => {
    expect(lawbook("--help")).toMatchObject({ status: 0, stderr: "" });
    for (const verb of [
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
    ]) {
      const { status, stdout } = lawbook(verb, "--help");
      expect(status, verb).toBe(0);
      expect(stdout, verb).toContain(`lawbook ${verb}`);
      expect(stdout, verb).toContain("--json");
    }
  });

  it.each([
    [["trian"], 'Unknown verb: got "trian"', 'Did you mean "train"?'],
    [["train"], "lawbook train needs FILE", ""],
    [["train", "nowhere.yml"], "There is no file", "nowhere.yml"],
    [["train", "a.yml", "b.yml"], 'argument: got "b.yml"', ""],
    [["runs", "--jsn"], 'Unknown flag of lawbook runs: got "--jsn"', 'Did you mean "--json"?'],
    [["runs", "12"], 'Run id: got "12"', ""],
    [["runs", "0123456789"], "There is no run 0123456789", ""],
    [["evaluate", "xxs-instruct"], 'Unknown model: got "xxs-instruct"', ""],
    [["ask", "xs-instruct"], "ask needs a question", ""],
    [["ask", "xs-instruct", "Who?", "--top-k", "3"], "--top-k: got 3, expected none", ""],
    [["logits", "xs-instruct"], "logits needs --ids", ""],
    [["logits", "xs-instruct", "--ids", "1,x"], '--ids: got "x"', ""],
    [["logits", "xs-instruct", "--ids", "2048"], "whole numbers from 0 to 2047", ""],
    [["law", "9"], "9", ""],
    [["device", "gpu"], 'Unknown device: got "gpu"', ""],
  ])("%j is one clear error with exit status 2", (args, message, more) => {
    const { status, stdout, stderr } = lawbook(...args);
    expect(stderr).toContain(message);
    expect(stderr).toContain(more);
    expect(stderr).not.toContain("    at ");
    expect(stdout).toBe("");
    expect(status).toBe(2);
  });

  it("prints errors as JSON where JSON was asked for", () => {
    const { status, stdout } = lawbook("train", "nowhere.yml", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "missing" }, exitCode: 2 });
    expect(status).toBe(2);
  });
});

describe("lawbook train", () => {
  let record: RunRecord;
  beforeAll(() => {
    const { status, stdout, stderr } = lawbook("train", file("request.yml", REQUEST), "--json");
    expect(status, stderr).toBe(0);
    record = JSON.parse(stdout) as RunRecord;
  });

  it("trains, scores and stores a run, and answers the same request from the store", () => {
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
    const again = lawbook("train", "request.yml", "--json");
    expect(JSON.parse(again.stdout)).toEqual(record);
    expect(readText(join(home, "runs", record.id, "observed.json"))).toBe(before);
  });

  it("gives the same record for the same request in other words", () => {
    const words = `data: { wordings: { biology: 4, geography: 4 }, facts: { biology: 24, geography: 24, medicine: 0 } }
model: new:xs
schedule: { warmup: 2, kind: cosine }
batch: 8
steps: 8
seed: 1
device: reference
`;
    expect((JSON.parse(lawbook("train", file("words.yml", words), "--json").stdout) as RunRecord).id).toBe(
      record.id,
    );
  });

  it("gives the same record in another time zone, language, folder and home", () => {
    const elsewhere = runProgram(
      process.execPath,
      [join(root, "dist/cli.js"), "train", join(work, "request.yml"), "--json"],
      {
        cwd: root,
        env: {
          ...process.env,
          LAWBOOK_HOME: join(work, "other"),
          TZ: "Asia/Tokyo",
          LANG: "tr_TR.UTF-8",
          LC_ALL: "tr_TR.UTF-8",
        },
      },
    );
    expect(JSON.parse(elsewhere.stdout)).toEqual(record);
  });

  it("is listed, shown, evaluated, looked into and trained again to equal digests", () => {
    const id = record.id.slice(0, 12);
    expect(lawbook("runs").stdout).toContain(id);
    expect((JSON.parse(lawbook("runs", id, "--json").stdout) as RunRecord).resultSha256).toBe(
      record.resultSha256,
    );
    const evaluated = JSON.parse(lawbook("evaluate", `run:${id}`, "--json").stdout) as {
      scores: RunRecord["result"]["scores"];
    };
    expect(evaluated.scores).toEqual(record.result.scores);
    const { logits } = JSON.parse(lawbook("logits", `run:${id}`, "--ids", "1,2,3", "--json").stdout) as {
      logits: number[][];
    };
    expect(logits.map((row) => row.length)).toEqual([2048, 2048, 2048]);
    const { status, stdout } = lawbook("retrain", id, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      equal: true,
      got: { weights: record.result.weights, resultSha256: record.resultSha256 },
    });
    expect(status).toBe(0);
  });

  it("trains adapters of every kind that a request can name, and merges them into a model that goes on", () => {
    const method = "method: { kind: lora, rank: 4, alpha: 8, rsLora: true, dora: true, exclude: [o_proj], ";
    const text = `${REQUEST}${method}rankPattern: { down_proj: 2 }, modulesToSave: [model.norm] }\n`;
    const { status, stdout, stderr } = lawbook("train", file("adapter.yml", text), "--json");
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
    const next = lawbook("train", file("next.yml", REQUEST.replace("new:xs", `run:${id}`)), "--json");
    expect((JSON.parse(next.stdout) as RunRecord).inputs.parents).toEqual([id]);
    const parent = (JSON.parse(next.stdout) as RunRecord).id;
    const last = lawbook("train", file("last.yml", REQUEST.replace("new:xs", `run:${parent}`)), "--json");
    // Trained again with all that it comes from: neither its parent nor the adapter before that is there yet.
    const again = lawbook("retrain", (JSON.parse(last.stdout) as RunRecord).id, "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ equal: true });
  });

  it.each([
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
  ])("refuses %s in one error and leaves the store as it was", (_, text, message) => {
    const before = listFiles(home);
    const { status, stderr } = lawbook("train", file("bad.yml", text));
    expect(stderr).toContain(message);
    expect(status).toBe(2);
    expect(listFiles(home).filter((name) => !name.includes("checkpoint"))).toEqual(before);
  });

  it("refuses a truncated model, a model with NaN and one without a tensor, naming what is wrong", () => {
    const folder = join(work, "model");
    const from = join(home, "runs", record.id, "model");
    const weights = readBytes(join(from, "model.safetensors"));
    const request = file("model.yml", REQUEST.replace("new:xs", "./model"));
    const tried = (bytes: Uint8Array): string => {
      remove(folder);
      copy(from, folder);
      writeAtomic(join(folder, "model.safetensors"), bytes);
      const { status, stderr } = lawbook("train", request);
      expect(status).toBe(2);
      return stderr;
    };
    expect(tried(weights.subarray(0, weights.length - 5))).toContain(
      `got ${weights.length - 5}, expected ${weights.length} bytes`,
    );
    expect(tried(new Uint8Array(0))).toContain("it is truncated: got 0");
    const broken = weights.slice();
    new DataView(broken.buffer, broken.byteOffset).setUint32(broken.length - 4, 0x7fc00000, true);
    expect(tried(broken)).toContain("has a value that is not finite");
    const renamed = new TextDecoder("latin1")
      .decode(weights)
      .replace("model.norm.weight", "model.nrom.weight");
    expect(tried(Uint8Array.from(renamed, (letter) => letter.charCodeAt(0)))).toContain(
      "has no tensor model.norm.weight",
    );
  });

  it("killed at its height goes on from its last checkpoint to the same bytes", async () => {
    const long = REQUEST.replace("steps: 8", "steps: 120").replace("batch: 8", "batch: 2");
    const other = join(work, "killed");
    const child = startProgram(
      process.execPath,
      [join(root, "dist/cli.js"), "train", file("long.yml", long)],
      {
        cwd: work,
        env: { ...process.env, LAWBOOK_HOME: other },
      },
    );
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
    const resumed = runProgram(process.execPath, [join(root, "dist/cli.js"), "train", "long.yml", "--json"], {
      cwd: work,
      env: { ...process.env, LAWBOOK_HOME: other },
    });
    const whole = lawbook("train", "long.yml", "--json");
    expect((JSON.parse(resumed.stdout) as RunRecord).result).toEqual(
      (JSON.parse(whole.stdout) as RunRecord).result,
    );
  });
});
