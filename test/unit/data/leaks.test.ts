import { describe, expect, it } from "vitest";

import { leakFinder } from "../../../datasets/build/text/leaks.js";

const find = leakFinder([
  { subject: "Norway", answer: "Oslo", aliases: ["Christiania"] },
  { subject: "white-tailed deer", answer: "Cervidae", aliases: [] },
  { subject: "24", answer: "XXIV", aliases: [] },
  { subject: "24", answer: "8", aliases: [] },
]);

describe("finding leaks", () => {
  it.each([
    ["Oslo is the capital of Norway.", "norway", "oslo"],
    ["NORWAY'S largest town, oslo", "norway", "oslo"],
    ["Christiania, in Norway", "norway", "christiania"],
    ["cervidae: the white tailed deer and others", "white tailed deer", "cervidae"],
    ["24 has 8 divisors", "24", "8"],
    ["xxiv (24)", "24", "xxiv"],
  ])("sees subject and answer in %j", (line, subject, answer) => {
    expect(find(line)).toEqual({ subject, answer });
  });

  it.each([
    "Norway has fjords.",
    "Oslo has a harbour.",
    "Norwayer Oslo",
    "white deer, tailed: Cervidae",
    "248 is not 8",
    "24 of 88",
  ])("sees none in %j", (line) => {
    expect(find(line)).toBeUndefined();
  });
});
