import { describe, expect, it } from "vitest";

import { checkedBundle } from "../../../kernel-ext/src/vega.js";

const LITE = "application/vnd.vegalite.v5+json";
const VEGA = "application/vnd.vega.v5+json";
const GOOD = {
  data: { values: [{ a: 1 }] },
  mark: "bar",
  encoding: { x: { field: "a", type: "quantitative" } },
};

function check(bundle: Readonly<Record<string, unknown>>): { bundle: unknown; warnings: string[] } {
  const warnings: string[] = [];
  return { bundle: checkedBundle(bundle, (text) => warnings.push(text)), warnings };
}

describe("bundles of a display", () => {
  it("leaves what is right as it is", () => {
    const bundle = { [LITE]: GOOD, "image/png": "AQID", "text/plain": "{" };
    expect(check(bundle)).toEqual({ bundle, warnings: [] });
    expect(
      check({ [VEGA]: { $schema: "https://vega.github.io/schema/vega/v5.json", marks: [] } }).warnings,
    ).toEqual([]);
    // No front end of today draws it, and no compiler is here to check it.
    expect(check({ "application/vnd.vegalite.v6+json": {} }).bundle).toEqual({
      "application/vnd.vegalite.v6+json": {},
    });
  });

  it("makes values of JSON text, which a front end would take for an address", () => {
    expect(check({ [LITE]: JSON.stringify(GOOD), "application/json": "[1]" }).bundle).toEqual({
      [LITE]: GOOD,
      "application/json": [1],
    });
    expect(() => check({ "application/json": "{" })).toThrow('application/json of a display: got "{"');
  });

  it.each([
    [{ mark: "pont" }, 'Mark of a Vega-Lite chart: got "pont", expected one of arc,'],
    [{ layer: [{ mark: { type: "lime" } }] }, 'Mark of a Vega-Lite chart: got "lime"'],
    [{ data: { values: [] } }, "The Vega-Lite chart does not compile: Invalid specification"],
    [
      { mark: "bar", data: { values: 1 }, encoding: { x: { field: "a", type: "nope" } } },
      "The Vega-Lite chart does not compile: Invalid field type",
    ],
    [
      { mark: "line", transform: [{ calculate: "datum.x +* 2", as: "y" }] },
      "The Vega-Lite chart does not compile",
    ],
    ["https://example.org/chart.json", "application/vnd.vegalite.v5+json of a display"],
    [7, "application/vnd.vegalite.v5+json of a display: got 7"],
  ])("refuses the chart %j", (spec, message) => {
    expect(() => check({ [LITE]: spec })).toThrow(message);
  });

  it("refuses a Vega chart that does not parse", () => {
    expect(() => check({ [VEGA]: { signals: [{ name: "x", update: "1 +" }], marks: [] } })).toThrow(
      "The Vega chart does not compile",
    );
  });

  it("passes on what the compiler leaves out", () => {
    const { warnings } = check({ [LITE]: { ...GOOD, encoding: { x: { feild: "a" } } } });
    expect(warnings.join()).toContain('Dropping {"feild":"a"} from channel "x"');
  });

  it("refuses what is no bundle", () => {
    expect(() => checkedBundle("hello" as never, () => {})).toThrow('Bundle of a display: got "hello"');
  });
});
