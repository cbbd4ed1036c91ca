import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { isFormatTrained } from "../../../src/data/formatted-facts.js";
import { loadTokenizer } from "../../../src/data/tokenizer.js";
import { readCheckpoint } from "../../../src/model/checkpoint.js";
import { prepareFeed } from "../../../src/runs/feed.js";
import { parseTrainRequest, type TrainInput } from "../../../src/runs/schema.js";

const root = join(import.meta.dirname, "../../..");
const folder = join(root, "datasets/models/xs-instruct");
const tokenizer = loadTokenizer(folder);
const context = { root, tokenizer, checkpoint: readCheckpoint(folder), device: undefined };
const facts = { chemistry: 30, geography: 30 };

async function feedOf(data: TrainInput["data"], steps = 3): ReturnType<typeof prepareFeed> {
  return prepareFeed(parseTrainRequest({ model: "xs-instruct", data, steps, batch: 32, seed: 101 }), context);
}
const rowsOf = (feed: Awaited<ReturnType<typeof prepareFeed>>): number =>
  Object.values(feed.consumed).reduce((total, { rows }) => total + rows, 0);

describe("a feed with instructions and formatted facts", () => {
  it("gives each kind its share of the rows", async () => {
    expect(rowsOf(await feedOf({ facts }))).toBe(96);
    expect(rowsOf(await feedOf({ facts, formatted: 0.5 }))).toBe(48);
    expect(rowsOf(await feedOf({ facts, instructions: 0.25, formatted: 0.5 }))).toBe(24);
    expect(rowsOf(await feedOf({ facts, instructions: 1 }))).toBe(0);
    expect(rowsOf(await feedOf({ facts, instructions: 0.5, formatted: 0.5 }))).toBe(0);
  });

  it("gives plain facts in the same order whatever is between them", async () => {
    const plain = await feedOf({ facts }, 1);
    const mixed = await feedOf({ facts, instructions: 0.25, formatted: 0.5 }, 4);
    expect(mixed.consumed).toEqual(plain.consumed);
  });

  it("keeps a part's facts alone", async () => {
    const whole = await feedOf({ facts });
    const part = await feedOf({ facts, part: { number: 2, of: 3 } });
    expect(part.sources.map((source) => source.facts.length)).toEqual([10, 10]);
    expect(part.sources[0]!.facts).toEqual(whole.sources[0]!.facts.slice(10, 20));
  });

  it("says so where no drawn fact may be trained in a format", async () => {
    const { sources } = await feedOf({ facts: { geography: 30 } });
    const of = 15;
    const number =
      1 +
      Array.from({ length: of }, (_, part) => part).findIndex((part) =>
        sources[0]!.facts.slice(2 * part, 2 * part + 2).every((fact) => !isFormatTrained(fact)),
      );
    expect(number).toBeGreaterThan(0);
    const data = { facts: { geography: 30 }, part: { number, of }, formatted: 0.5 };
    await expect(feedOf(data)).rejects.toThrow('data.formatted: got "facts of which none');
  });
});
