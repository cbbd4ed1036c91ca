import { join } from "node:path";

import { describe, expect, it } from "vitest";

import type { CommandContext } from "../../../src/commands/command.js";
import { dataCommand, type DataReport } from "../../../src/commands/data.js";
import { DISCIPLINES } from "../../../src/runs/request.js";

const root = join(import.meta.dirname, "../../..");
const context: CommandContext = {
  cwd: root,
  root,
  home: root,
  env: {},
  signal: new AbortController().signal,
  progress: () => undefined,
};
const run = (...positionals: string[]): Promise<DataReport> =>
  dataCommand.run({ flags: {}, positionals }, context);

describe("data", () => {
  it("shows all disciplines in order, in numbers that agree with each other", async () => {
    const report = await run();
    expect(report.disciplines.map(({ discipline }) => discipline)).toEqual(DISCIPLINES);
    for (const { facts, subjects, drawable, tokens, diversity } of report.disciplines) {
      expect(subjects).toBeLessThan(facts);
      expect(drawable).toBeLessThan(subjects);
      expect(tokens).toBeGreaterThan(8 * facts);
      expect(diversity).toBeGreaterThan(1);
      expect(diversity).toBeLessThanOrEqual(32);
    }
    const { text, table } = await dataCommand.show(report);
    expect(text.split("\n")).toHaveLength(1 + DISCIPLINES.length);
    expect(table).toEqual(report.disciplines);
  });

  it("shows the relations of one discipline with samples, the extra ones marked", async () => {
    const report = await run("geography");
    const headline = report.relations!.filter(({ extra }) => !extra);
    expect(headline.reduce((total, { facts }) => total + facts, 0)).toBe(report.disciplines[0]!.facts);
    expect(headline).toHaveLength(report.disciplines[0]!.relations);
    const { text } = await dataCommand.show(report);
    expect(text).toContain("calling-code (extra)");
    expect(text).toContain("What is the capital of Afghanistan?  Kabul");
  });

  it("gives JSON that survives being written and read", async () => {
    const report = await run("chemistry");
    const { json } = await dataCommand.show(report);
    expect(JSON.parse(JSON.stringify(json))).toEqual(report);
  });

  it("answers an unknown discipline with the nearest one", async () => {
    await expect(run("geografy")).rejects.toMatchObject({
      exitCode: 2,
      hint: 'Did you mean "geography"?',
    });
  });
});
