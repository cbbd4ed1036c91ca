import { join, resolve } from "node:path";

import { describe, expect, it } from "vitest";

import { differences, type GoldenCase, listCases } from "./case.js";
import { RUNNERS } from "./kinds/list.js";

/** Topics that Lawbook claims to match; a directory without one of them says nothing about it. */
const TOPICS = [
  "llama",
  "statistics",
  "schedules",
  "peft",
  "trl",
  "packing",
  "eval",
  "tokenizer",
  "mergekit",
];

const elsewhere = process.env["LAWBOOK_GOLDENS"];
const root = elsewhere === undefined ? join(import.meta.dirname, "cases") : resolve(elsewhere);
const cases = listCases(root);

describe("a golden case", () => {
  it.each(cases.map((golden) => [`${golden.topic}/${golden.name}`, golden] as const))(
    "%s",
    async (_, golden) => {
      const runner = RUNNERS[golden.kind];
      if (runner === undefined)
        throw new Error(
          `Unknown kind: got ${golden.kind}, expected one of ${Object.keys(RUNNERS).join(", ")}.`,
        );
      expect(differences(golden, await runner.run(golden), runner.ignored)).toEqual([]);
    },
  );

  it.skipIf(TOPICS.every((topic) => cases.some((golden) => golden.topic === topic)))(
    "of every topic is there",
    ({ skip }) => {
      const absent = TOPICS.filter((topic) => !cases.some((golden) => golden.topic === topic));
      console.log(`absent topics, about which this run says nothing: ${absent.join(", ")}`);
      skip(`absent: ${absent.join(", ")}`);
    },
  );

  it("exists", () => {
    expect(cases.length, `cases below ${root}`).toBeGreaterThan(0);
  });
});

describe("the comparison of a golden case", () => {
  const golden: GoldenCase = {
    topic: "t",
    name: "n",
    folder: root,
    kind: "k",
    inputs: {},
    expected: { a: [1, 2.5], b: { c: "x", d: true, e: "Infinity" }, n: 3 },
    tolerance: { rtol: 0, atol: 0.01 },
  };
  const right = { a: [1, 2.505], b: { c: "x", d: true, e: Infinity }, n: 3 };

  it("passes what is within tolerance", () => {
    expect(differences(golden, right, {})).toEqual([]);
  });

  it.each([
    [{ ...right, a: [1, 2.52] }, "a[1]: got 2.52, expected 2.5"],
    [{ ...right, a: [1] }, "a: got 1 elements, expected 2"],
    [{ ...right, a: [1, NaN] }, "a[1]: got NaN, expected 2.5"],
    [{ ...right, b: { c: "y", d: true, e: Infinity } }, 'b.c: got "y", expected "x"'],
    [{ ...right, b: { c: "x", e: Infinity } }, "b.d: got undefined, expected true"],
    [{ ...right, b: { c: "x", d: true, e: 5 } }, "b.e: got 5, expected Infinity"],
    [{ ...right, n: 4 }, "n: got 4, expected 3"],
    [{}, "a: got nothing elements, expected 2"],
  ])("finds what differs", (computed, message) => {
    expect(differences(golden, computed, {})).toContain(message);
  });

  it("leaves out what is ignored by its path alone", () => {
    expect(differences(golden, { ...right, n: 9, a: [9, 9] }, { n: "a reason" })).toEqual([
      "a[0]: got 9, expected 1",
      "a[1]: got 9, expected 2.5",
    ]);
  });
});
