import { describe, expect, it } from "vitest";

import { searchHistory } from "../../../kernel-ext/src/history.js";
import type { HistoryEntry } from "../../../kernel-ext/src/history.js";

const history: readonly HistoryEntry[] = [
  [1, "const a = 1", null],
  [2, "a + 1", "2"],
  [3, "a*2", "2"],
  [4, "a + 1", "2"],
];

describe("searchHistory", () => {
  it.each<[string, Record<string, unknown>, unknown]>([
    [
      "the last two",
      { hist_access_type: "tail", n: 2 },
      [
        [1, 3, "a*2"],
        [1, 4, "a + 1"],
      ],
    ],
    ["none", { hist_access_type: "tail", n: 0 }, []],
    [
      "a range without its end",
      { hist_access_type: "range", session: 0, start: 2, stop: 4 },
      [
        [1, 2, "a + 1"],
        [1, 3, "a*2"],
      ],
    ],
    ["a range of another session", { hist_access_type: "range", session: 7, start: 1, stop: 4 }, []],
    ["outputs", { hist_access_type: "tail", n: 1, output: true }, [[1, 4, ["a + 1", "2"]]]],
    [
      "a pattern",
      { hist_access_type: "search", pattern: "a*1" },
      [
        [1, 2, "a + 1"],
        [1, 4, "a + 1"],
      ],
    ],
    ["a pattern with ?", { hist_access_type: "search", pattern: "a?2" }, [[1, 3, "a*2"]]],
    ["a pattern, unique", { hist_access_type: "search", pattern: "a + *", unique: true }, [[1, 4, "a + 1"]]],
    ["a pattern, the last", { hist_access_type: "search", pattern: "*", n: 1 }, [[1, 4, "a + 1"]]],
  ])("%s", (_, request, expected) => {
    expect(searchHistory(history, request)).toEqual(expected);
  });
});
