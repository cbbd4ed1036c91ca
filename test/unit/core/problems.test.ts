import { describe, expect, it } from "vitest";
import { z } from "zod";

import { parseYaml } from "../../../src/core/yaml.js";
import { problemAt, problemsOf } from "../../../src/core/problems.js";

const schema = z.strictObject({
  name: z.string(),
  kind: z.enum(["red", "blue"]).default("red"),
  list: z.array(z.strictObject({ size: z.int().min(1), rest: z.literal("all").optional() })),
  shape: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("circle"), radius: z.number() }),
    z.strictObject({ kind: z.literal("square") }),
  ]),
  either: z.union([z.number(), z.strictObject({ most: z.number() })]),
  many: z.preprocess((value) => (Array.isArray(value) ? value : [value]), z.array(z.number())),
});
const keys: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(schema.shape),
  list: ["size", "rest"],
  shape: ["kind", "radius"],
  either: ["most"],
};
const words = {
  keys: (path: string) => keys[path] ?? [],
  kinds: { shape: ["circle", "square"] },
  branch: (value: unknown) => (typeof value === "object" ? 1 : 0),
};

const GOOD = `name: n
list:
  - size: 1
shape: { kind: square }
either: 3
many: 1
`;

function problems(...edits: readonly (readonly [before: string, after: string])[]): string[] {
  const text = edits.reduce((at, [before, after]) => at.replace(before, after), GOOD);
  const { value, lineOf } = parseYaml(text, "text", "request");
  const parsed = schema.safeParse(value);
  if (parsed.success) return [];
  return problemsOf(parsed.error.issues, value, words, lineOf).map(
    ({ path, line, message }) => `${path} @${line}: ${message}`,
  );
}

describe("the problems of a request", () => {
  it("are none where the schema takes it", () => expect(problems()).toEqual([]));

  it.each<[string, readonly [string, string], readonly string[]]>([
    ["a field that is left out", ["name: n\n", ""], ["name @undefined: is missing: expected string."]],
    [
      "a field that nobody knows",
      ["name: n", "name: n\nkynd: red"],
      [
        'kynd @2: unknown field, expected one of name, kind, list, shape, either, many (did you mean "kind"?).',
      ],
    ],
    [
      "a field that nobody knows in a list",
      ["size: 1", "size: 1, syze: 2".replace(", ", "\n    ")],
      ['list.0.syze @4: unknown field, expected one of size, rest (did you mean "size"?).'],
    ],
    [
      "a value out of range",
      ["size: 1", "size: 0"],
      ["list.0.size @3: got 0: Too small: expected number to be >=1."],
    ],
    [
      "a name that is none of the list",
      ["name: n", "name: n\nkind: blu"],
      ['kind @2: got "blu", expected one of red, blue (did you mean "blue"?).'],
    ],
    [
      "a kind that is none",
      ["kind: square", "kind: cirkle"],
      ['shape.kind @4: got "cirkle", expected one of circle, square (did you mean "circle"?).'],
    ],
    [
      "a part that the kind needs",
      ["kind: square", "kind: circle"],
      ["shape.radius @4: is missing: expected number."],
    ],
    [
      "the branch that is meant",
      ["either: 3", "either: { moost: 3 }"],
      [
        "either.most @5: is missing: expected number.",
        'either.moost @5: unknown field, expected one of most (did you mean "most"?).',
      ],
    ],
    [
      "NaN, which JSON does not have",
      ["either: 3", "either: .nan"],
      ["either @5: got NaN: expected number."],
    ],
    ["a value that stands for a list", ["many: 1", "many: one"], ['many @6: got "one": expected number.']],
  ])("name %s", (_, edit, expected) => {
    expect(problems(edit)).toEqual(expected);
  });

  it("come all at once, each once", () => {
    expect(
      problems(["name: n", "name: 1"], ["size: 1", "size: 0"], ["many: 1", "many: [a, a]"]),
    ).toHaveLength(4);
    const twice = schema.safeParse({});
    const issues = twice.success ? [] : [...twice.error.issues, ...twice.error.issues];
    expect(problemsOf(issues, {}, words, () => undefined)).toHaveLength(issues.length / 2);
  });

  it("have a line only where one is known", () => {
    expect(problemAt(["a", 0], "wrong.", () => 3)).toEqual({ path: "a.0", line: 3, message: "wrong." });
    expect(problemAt(["a", 0], "wrong.", () => undefined)).toEqual({ path: "a.0", message: "wrong." });
  });
});
