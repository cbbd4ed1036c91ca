import { describe, expect, it } from "vitest";

import { withoutDocs } from "../../../kernel-ext/src/cell/late-docs.js";

describe("withoutDocs", () => {
  it.each([
    [
      "a doc comment",
      "/** Adds. */ declare function add(): void;",
      "/*  Adds. */ declare function add(): void;",
    ],
    ["each of several", "/** a */\n/** b */\nx", "/*  a */\n/*  b */\nx"],
    ["an empty comment", "/**/ x", "/**/ x"],
    ["a plain comment", "/* a /** b */ x", "/* a /** b */ x"],
    ["a glob in a text", 'type A = "/** a */";', 'type A = "/** a */";'],
    ["a glob in a template", "type A = `/** ${B} */`; /** c */", "type A = `/** ${B} */`; /*  c */"],
    ["a quote that is escaped", "type A = 'it\\'s /** a */';", "type A = 'it\\'s /** a */';"],
    ["a quote in a doc comment", "/** don't */ x; /** isn't */", "/*  don't */ x; /*  isn't */"],
    ["a line comment", "// don't /** a\n/** b */", "// don't /** a\n/*  b */"],
    ["a comment without an end", "/** a", "/** a"],
  ])("knows %s", (_, text, expected) => {
    expect(withoutDocs(text)).toBe(expected);
    expect(withoutDocs(text)).toHaveLength(text.length);
  });
});
