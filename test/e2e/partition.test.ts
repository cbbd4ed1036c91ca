import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";

import {
  listFiles,
  makeTemporaryFolder,
  readBytes,
  readJson,
  readText,
  remove,
  writeAtomic,
} from "../../src/core/files.js";
import { runProgram } from "../../src/core/process.js";

const root = join(import.meta.dirname, "../..");
const work = makeTemporaryFolder("lawbook-partition");
afterAll(() => remove(work));

function lawbook(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return runProgram(process.execPath, [join(root, "dist/cli.js"), ...args], {
    cwd: work,
    env: { ...process.env, LAWBOOK_HOME: join(work, "home") },
  });
}

const REQUEST = `disciplines: [mathematics, chemistry, biology, medicine, geography]
corpus: { facts: 100 }
lambda: [1, 0, 2]
bootstrap: 40
steps: 25
`;

describe("lawbook partition", () => {
  it("partitions the five committed disciplines and writes result, stages and figures, the same twice", () => {
    writeAtomic(join(work, "request.yml"), REQUEST);
    const first = lawbook("partition", "request.yml", "--out", "one", "--json");
    expect(first.stderr).not.toContain("lawbook:");
    expect(first.status).toBe(0);
    const files = listFiles(join(work, "one"));
    const controls = files.filter((name) => name.startsWith("control-"));
    expect(controls).toContain("control-1.yml");
    expect(files.filter((name) => !controls.includes(name))).toEqual([
      "figure.json",
      "figure.png",
      "figure.svg",
      "partition.json",
      "stages.yml",
      "views.json",
      "views.png",
      "views.svg",
    ]);
    const result = JSON.parse(first.stdout) as { stages: string[][]; solutions: { gap: number }[] };
    expect(readJson(join(work, "one/partition.json"))).toEqual(result);
    expect(result.solutions).toHaveLength(4);
    const written = parse(readText(join(work, "one/stages.yml"))) as { stages: { disciplines: string[] }[] };
    expect(written.stages.map(({ disciplines }) => disciplines)).toEqual(result.stages);
    expect([...readBytes(join(work, "one/figure.png")).subarray(1, 4)]).toEqual([0x50, 0x4e, 0x47]);

    expect(lawbook("partition", "request.yml", "--out", "two", "--json").stdout).toBe(first.stdout);
    for (const name of files)
      expect(readBytes(join(work, "two", name)), name).toEqual(readBytes(join(work, "one", name)));
  });

  it("is a run, which is made again to the same digest and holds no model", () => {
    const { id } = JSON.parse(lawbook("partition", "request.yml", "--json").stdout) as { id: string };
    expect(JSON.parse(lawbook("runs", id.slice(0, 12), "--json").stdout)).toMatchObject({
      id,
      request: { kind: "partition" },
      result: { weights: null, partition: { lambda: 1 } },
    });
    expect(lawbook("runs").stdout).toContain(`${id.slice(0, 12)}  finished`);
    expect(JSON.parse(lawbook("retrain", id, "--json").stdout)).toMatchObject({ equal: true });
    expect(lawbook("evaluate", `run:${id}`).stderr).toMatch(
      /run [0-9a-f]{12} is a partition: it has no model/,
    );
  });

  it("names every problem with its line and exits with 2", () => {
    writeAtomic(join(work, "wrong.yml"), "disciplines: [chemistry]\nlambda: -1\nfacts: 3\n");
    const { status, stderr } = lawbook("partition", "wrong.yml");
    expect(status).toBe(2);
    expect(stderr).toContain("disciplines, line 1");
    expect(stderr).toContain("lambda, line 2");
    expect(stderr).toContain("facts, line 3: unknown field");
  });
});
