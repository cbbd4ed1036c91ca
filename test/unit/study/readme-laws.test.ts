import { describe, expect, it } from "vitest";

import { lawsReference, writtenLaws } from "../../support/readme-laws.js";

describe("the README", () => {
  it("has the verdicts that the committed records give (npm run docs:laws writes them)", () => {
    expect(writtenLaws()).toBe(lawsReference());
  });
});
