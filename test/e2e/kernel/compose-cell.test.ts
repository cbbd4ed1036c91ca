import { join, resolve } from "node:path";

import { afterAll, beforeAll, expect, it } from "vitest";

import { makeTemporaryFolder, remove } from "../../../src/core/files.js";
import type { RunningKernel } from "../../../src/jupyter/index.js";
import { saveAdapter } from "../../../src/model/adapter.js";
import { readCheckpoint } from "../../../src/model/checkpoint.js";
import { newLora } from "../../../src/model/lora.js";
import { startKernel, valueOf } from "./start.js";

const folder = makeTemporaryFolder("compose-cell");
let kernel: RunningKernel;
beforeAll(async () => {
  const { config, weights } = readCheckpoint(
    resolve(import.meta.dirname, "../../../datasets/models/xs-instruct"),
  );
  const lora = { rank: 2, alpha: 4, targets: ["q_proj"] };
  const adapter = newLora(config, lora, 1, weights);
  for (const { data } of adapter.values()) data.fill(0.1);
  await saveAdapter(join(folder, "a"), { lora, weights: adapter, configJson: {}, baseModel: "xs-instruct" });
  kernel = await startKernel();
});
afterAll(async () => {
  await kernel.stop();
  remove(folder);
});

it("%%compose shows what it made and binds it, and names the line of a fault", async () => {
  const head = `%%compose made\nbase: xs-instruct\nadapters:\n  - { adapter: ${folder}/a, weight: \${half} }\n`;
  await kernel.client.execute("const half = 0.5");
  const shown = await kernel.client.execute(`${head}method: svd\ndevice: cpu`, { timeoutMs: 60_000 });
  // Rows of B A are 2 * 0.01 everywhere, times s = 2 and w = 0.5, over 64 x 64 entries and 5 blocks.
  expect(JSON.stringify(shown.outputs)).toContain("2.8622");
  expect(valueOf(await kernel.client.execute("made.layers.length + made.layers[0]!.rank"))).toBe("7");
  const fault = await kernel.client.execute(`${head}method: linear\ndensity: 0.5`, { timeoutMs: 60_000 });
  expect(JSON.stringify(fault.outputs)).toMatch(/density, line 6: is not read by linear/);
});
