import { afterAll, beforeAll, expect, it } from "vitest";

import type { Execution, RunningKernel } from "../../../src/jupyter/index.js";
import { startKernel } from "./start.js";

let kernel: RunningKernel;
beforeAll(async () => {
  kernel = await startKernel();
});
afterAll(() => kernel.stop());
const run = (code: string): Promise<Execution> => kernel.client.execute(code, { timeoutMs: 120_000 });

it("%%partition binds a typed result and shows text and chart", async () => {
  const cell = await run(`%%partition parts
disciplines: [geography, biology, medicine]
corpus: { facts: 30 }
lambda: [1, 2]
bootstrap: 10`);
  const bundles = cell.outputs.flatMap((output) => ("data" in output ? [output.data] : []));
  const chart = bundles.find((data) => "application/vnd.vegalite.v5+json" in data);
  expect(chart).toBeDefined();
  expect(typeof chart!["image/png"]).toBe("string");
  expect(bundles.map((data) => String(data["text/plain"])).join("\n")).toContain("lambda s - d");
  const counted = await run(
    "const names: readonly string[] = parts.stages.flat();\nconsole.log(names.length, parts.solutions[0].exact)",
  );
  expect(JSON.stringify(counted.outputs)).toContain("3 true");
});

it("names what is wrong with its line", async () => {
  const { outputs } = await run("%%partition wrong\ndisciplines: [geography]\nlambda: -1");
  const last = outputs.at(-1);
  expect(last?.output_type).toBe("error");
  const text = JSON.stringify(last);
  expect(text).toContain("disciplines, line 2");
  expect(text).toContain("lambda, line 3");
});
