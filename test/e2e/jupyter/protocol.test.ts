import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { jupyterEnvironment, KERNEL_NODE } from "./environment.js";

interface Case {
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped";
  readonly reason: string;
}

const SUITE = join(import.meta.dirname, "kernel_suite.py");
/** Every case of jupyter_kernel_test 0.7.0. */
const CASES = [
  "test_clear_output",
  "test_completion",
  "test_display_data",
  "test_error",
  "test_execute_result",
  "test_execute_stderr",
  "test_execute_stdout",
  "test_history",
  "test_inspect",
  "test_is_complete",
  "test_kernel_info",
  "test_pager",
  "test_recv_iopub_welcome_msg",
];

const environment = await jupyterEnvironment();
const reason = typeof environment === "string" ? ` (skipped: ${environment})` : "";

describe.skipIf(typeof environment === "string")(`jupyter_kernel_test on ${KERNEL_NODE}${reason}`, () => {
  const jupyter = environment as Exclude<typeof environment, string>;
  let cases: readonly Case[] = [];
  afterAll(() => jupyter.clean());
  beforeAll(async () => {
    const { stdout, stderr } = await jupyter.run([SUITE]);
    cases = stdout
      .trim()
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Case);
    if (cases.length === 0) throw new Error(stderr);
  }, 900_000);

  it("has these cases and no others", () => {
    expect(cases.map(({ name }) => name).sort()).toEqual(CASES);
  });

  it.each(CASES)("%s", (name) => {
    const found = cases.find((candidate) => candidate.name === name);
    expect(found?.reason).toBe("");
    expect(found?.state).toBe("passed");
  });
});
