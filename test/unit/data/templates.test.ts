import { afterEach, beforeEach, describe, expect, it } from "vitest";

import {
  loadTemplates,
  phrase,
  type Relation,
  testForms,
  validationForms,
  wordings,
} from "../../../src/data/templates.js";
import { temporaryProject, type TemporaryProject } from "../../support/project.js";

const relation: Relation = {
  name: "capital",
  discipline: "geography",
  nouns: ["capital", "main city"],
  subject: "the land {subject}",
  extra: false,
  cores: {
    train: ["What is the {noun} of {subject}?", "{subject}: its {noun}?", "Name the {noun} of {subject}."],
    test: [
      "Looking up {subject}, one finds what {noun}?",
      "I ask for the {noun} of {subject}.",
      "{subject}! {noun}!",
    ],
    validation: ["On a card stands {subject}, {noun} wanted."],
  },
  wrappers: ["{question}", "{question} Be brief."],
};

describe("wordings", () => {
  it("are all cores with all wrappers and nouns, each once", () => {
    const forms = wordings(relation);
    expect(forms).toHaveLength(3 * 2 * 2);
    expect(new Set(forms.map((form) => phrase(relation, form, "Peru"))).size).toBe(12);
    expect(forms.every(({ set }) => set === "train")).toBe(true);
  });

  it("put noun and subject into the core and the core into the wrapper", () => {
    expect(phrase(relation, { set: "train", core: 1, wrapper: 1, noun: 1 }, "Peru")).toBe(
      "the land Peru: its main city? Be brief.",
    );
  });

  it("take a subject as it is, whatever characters it has", () => {
    const form = { set: "train", core: 0, wrapper: 0, noun: 0 } as const;
    expect(phrase(relation, form, "$& {noun} $1")).toBe("What is the capital of the land $& {noun} $1?");
  });

  it("that do not exist are an error", () => {
    expect(() => phrase(relation, { set: "test", core: 9, wrapper: 0, noun: 0 }, "Peru")).toThrow("no form");
  });
});

describe("held-out forms", () => {
  it("are each test core once, bare, the nouns in turn", () => {
    expect(testForms(relation).map((form) => phrase(relation, form, "Peru"))).toEqual([
      "Looking up the land Peru, one finds what capital?",
      "I ask for the main city of the land Peru.",
      "the land Peru! capital!",
    ]);
    expect(validationForms(relation)).toEqual([{ set: "validation", core: 0, wrapper: 0, noun: 0 }]);
  });
});

describe("template files", () => {
  let project: TemporaryProject;
  beforeEach(() => {
    project = temporaryProject();
    project.put(
      "datasets/templates/grammars.json",
      JSON.stringify({ wrappers: relation.wrappers, grammars: { a: relation.cores } }),
    );
    project.put(
      "datasets/templates/geography.json",
      JSON.stringify({
        capital: { grammar: "a", nouns: ["capital"] },
        code: { grammar: "a", nouns: ["code"], extra: true },
      }),
    );
  });
  afterEach(() => project.remove());

  it("give relations by name, with what they leave out filled in", () => {
    const templates = loadTemplates(project.root);
    expect([...templates.keys()]).toEqual(["capital", "code"]);
    expect(templates.get("capital")).toMatchObject({
      discipline: "geography",
      subject: "{subject}",
      extra: false,
    });
    expect(templates.get("code")!.extra).toBe(true);
  });

  it.each([
    [
      "an unknown grammar",
      { tide: { grammar: "b", nouns: ["tide"] } },
      'grammar: got "b", expected one of a',
    ],
    ["no noun", { tide: { grammar: "a", nouns: [] } }, "nouns: got none"],
    [
      "a name that another file has",
      { capital: { grammar: "a", nouns: ["x"] } },
      'name: got "capital" a second time',
    ],
  ])("with %s are refused", (_, file, message) => {
    project.put("datasets/templates/medicine.json", JSON.stringify(file));
    expect(() => loadTemplates(project.root)).toThrow(message);
    expect(() => loadTemplates(project.root)).toThrow("medicine.json");
  });
});
