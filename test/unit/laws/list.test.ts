import { resolve } from "node:path";

import { describe, expect, it } from "vitest";

import { LAWS, othersOfFamily } from "../../../src/laws/list.js";
import { familyPs } from "../../../src/study/study.js";

const reports = resolve(import.meta.dirname, "../../../reports");

describe.each(LAWS.map((law) => [law.rule.law, law] as const))("the p of %s", (_, law) => {
  const four = [1, 2, 3, 4].filter((number) => number !== law.rule.number);

  it("is adjusted with the other three laws, or with none where the claim stands alone", () => {
    const expected = law.rule.family === "alone" ? [] : four;
    expect(othersOfFamily(law).map(({ rule }) => rule.number)).toEqual(expected);
  });

  it("has no more others in the committed reports", () => {
    expect(familyPs(reports, law)).toHaveLength(othersOfFamily(law).length);
  });
});
