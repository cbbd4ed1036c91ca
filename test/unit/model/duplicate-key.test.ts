import { expect, it } from "vitest";

import { duplicateKey } from "../../../src/model/duplicate-key.js";

it.each([
  ["{}", undefined],
  ['"a"', undefined],
  ['{"a":1,"b":2}', undefined],
  ['{"a":["a","a",{"a":1},[]],"b":"a"}', undefined],
  ['{"a":{"x":1},"b":{"x":1}}', undefined],
  ['{"a":"\\"a\\":","b\\\\":"{","b":1}', undefined],
  ['{"a":1,"a":2}', "a"],
  ['{"a":1,"\\u0061":2}', "a"],
  ['{"x":{"a":[{"b":1,"c":{},"b":2}]}}', "b"],
  ['{"a":{"b":1},"c":[1,{}],"a":2}', "a"],
  ['{"__proto__":1,"__proto__":2}', "__proto__"],
])("of %s is %s", (json, expected) => {
  JSON.parse(json);
  expect(duplicateKey(json)).toBe(expected);
});

it("is found after a text of megabytes", () => {
  const long = JSON.stringify('\\"'.repeat(1_000_000));
  expect(duplicateKey(`{"a":${long},"b":${long}}`)).toBe(undefined);
  expect(duplicateKey(`{"a":${long},"b":1,"a":2}`)).toBe("a");
});
