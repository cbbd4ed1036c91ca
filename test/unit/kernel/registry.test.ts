import { describe, expect, it } from "vitest";

import type { Bundle, DisplayOptions } from "../../../kernel-ext/src/cell/api.js";
import { MagicRegistry } from "../../../kernel-ext/src/magics/registry.js";
import type { CommandContext, CommandSpec } from "../../../src/commands/command.js";

interface Grown {
  readonly plants: number;
  readonly soil: string;
}

/** A verb of a garden: long work in three steps, with every kind of flag. */
const grow: CommandSpec<Grown> = {
  name: "grow",
  summary: "Grow plants",
  positionals: [
    { name: "FILE", description: "a plan", required: true, suggest: () => ["beans.yml", "peas.yml"] },
    { name: "BED", description: "where", required: false },
  ],
  flags: [
    { name: "plants", kind: "number", description: "how many" },
    { name: "soil", kind: "string", description: "kind of soil", values: ["sand", "loam"] },
    { name: "wet", kind: "boolean", description: "water them" },
  ],
  examples: ["%grow beans.yml --plants 2"],
  magics: ["line", "cell"],
  resultType: "{ readonly plants: number }",
  run: async ({ flags, positionals, body }, { progress, signal }) => {
    for (let done = 1; done <= 3; done++) {
      progress({ phase: "growing", done, total: 3, values: { height: done / 2 } });
      await Promise.resolve();
      signal.throwIfAborted();
    }
    if (flags["soil"] === "loam" && flags["wet"] === true) throw new Error("mud");
    return { plants: Number(flags["plants"] ?? 1), soil: body ?? positionals.join("+") };
  },
  show: ({ plants, soil }) => ({ text: `${plants} in ${soil}`, json: { plants } }),
};
const hidden: CommandSpec = {
  ...(grow as CommandSpec),
  name: "hidden",
  magics: [],
};

const contextOf = (signal: AbortSignal, progress: CommandContext["progress"]): CommandContext => ({
  cwd: "/",
  root: "/",
  home: "/",
  env: {},
  signal,
  progress,
});
const registry = new MagicRegistry([grow as CommandSpec, hidden], contextOf);

async function run(
  name: string,
  text: string,
  body?: string,
  signal = new AbortController().signal,
): Promise<{ result: unknown; shown: (readonly [Bundle, DisplayOptions | undefined])[] }> {
  const shown: (readonly [Bundle, DisplayOptions | undefined])[] = [];
  const result = await registry.run(name, text, body, {
    signal,
    show: (bundle, options) => shown.push([bundle, options]),
  });
  return { result, shown };
}

describe("running a magic", () => {
  it("parses flags, gives the typed result, and leaves one display with the result", async () => {
    const { result, shown } = await run("grow", "'my beans.yml' east --plants=3 --wet");
    expect(result).toEqual({ plants: 3, soil: "my beans.yml+east" });
    expect(shown.length).toBeGreaterThan(1);
    expect(shown[0]?.[1]).toMatchObject({ update: false });
    expect(shown[0]?.[0]["text/plain"]).toBe("growing 1/3, height 0.5000");
    expect(shown.at(-1)).toEqual([
      { "text/plain": "3 in my beans.yml+east" },
      { ...shown[0]?.[1], update: true },
    ]);
  });

  it("takes the body in place of the first argument", async () => {
    const { result } = await run("grow", "east --plants 2", "\na: 1");
    expect(result).toEqual({ plants: 2, soil: "\na: 1" });
  });

  it("shows JSON on request", async () => {
    const { shown } = await run("grow", "x --json");
    expect(shown.at(-1)?.[0]).toEqual({
      "application/json": { plants: 1 },
      "text/plain": '{\n  "plants": 1\n}',
    });
  });

  it("ends the progress display where the verb fails", async () => {
    const shown: Bundle[] = [];
    const running = registry.run("grow", "x --soil loam --wet", undefined, {
      signal: new AbortController().signal,
      show: (bundle) => shown.push(bundle),
    });
    await expect(running).rejects.toThrow("mud");
    expect(shown.at(-1)).toEqual({ "text/plain": "stopped" });
  });

  it("hands the verb the signal of the cell", async () => {
    const abort = new AbortController();
    abort.abort(new Error("stop now"));
    await expect(run("grow", "x", undefined, abort.signal)).rejects.toThrow("stop now");
  });

  it.each<[string, string, RegExp]>([
    [
      "grow",
      "x --plnats 2",
      /Unknown flag of %grow: got "--plnats", expected --plants.*\nDid you mean "--plants"\?/,
    ],
    ["grow", "x --plants many", /%grow --plants: got "many", expected a number/],
    ["grow", "x --plants", /%grow --plants needs a value/],
    ["grow", "x --wet=1", /%grow --wet: got "1", expected no value/],
    [
      "grow",
      "x --soil lome",
      /%grow --soil: got "lome", expected one of sand, loam.*\nDid you mean "loam"\?/,
    ],
    ["grow", "", /%grow needs FILE: a plan/],
    ["grow", "a b c", /%grow: argument: got "c", expected at most 2/],
    ["hidden", "x", /Unknown magic: got "%hidden"/],
    ["grwo", "x", /Unknown magic: got "%grwo".*\nDid you mean "%grow"\?/],
  ])("%s %s", async (name, text, message) => {
    await expect(run(name, text)).rejects.toThrow(message);
  });

  it.each(["-h", "--help", "x --help"])("shows help for %s without running", async (text) => {
    const { result, shown } = await run("grow", text);
    expect(result).toBeUndefined();
    expect(shown).toHaveLength(1);
    expect(shown[0]?.[0]["text/plain"]).toBe(registry.help("grow"));
  });
});

describe("help", () => {
  it("tells everything that the spec holds", () => {
    const help = registry.help("%grow") ?? "";
    for (const word of [
      "%grow FILE [BED]",
      "%%grow [NAME] [BED]",
      "Grow plants",
      "--plants N",
      "sand, loam",
      "--json",
      "beans.yml --plants 2",
    ]) {
      expect(help).toContain(word);
    }
    expect(registry.help("nothing")).toBeUndefined();
  });

  it("is listed by %lsmagic, kernel-only magics included", async () => {
    const { shown } = await run("lsmagic", "");
    const text = String(shown[0]?.[0]["text/plain"]);
    expect(text.split("\n").map((line) => line.split(/[ ,]/)[0])).toEqual(["%grow", "%help", "%lsmagic"]);
    expect(text).not.toContain("hidden");
  });
});

describe("completion", () => {
  it.each<[string, boolean, readonly string[]]>([
    ["%", false, ["grow", "help", "lsmagic"]],
    ["%g", false, ["grow"]],
    ["const r = %gr", false, ["grow"]],
    ["%%", true, ["grow"]],
    ["%grow ", false, ["beans.yml", "peas.yml"]],
    ["%grow b", false, ["beans.yml"]],
    ["%grow beans.yml --", false, ["--plants", "--soil", "--wet", "--json", "--help"]],
    ["%grow beans.yml --wet --w", false, []],
    ["%grow --soil ", false, ["sand", "loam"]],
    ["%grow --soil=l", false, ["loam"]],
    ["%help gr", false, ["grow"]],
    ["%%grow base --s", true, ["--soil"]],
  ])("%j", (line, isFirst, matches) => {
    expect(registry.complete(line, isFirst)?.matches).toEqual(matches);
  });

  it.each([
    ["a % g", false],
    ["%%grow x", false],
    ["console.l", true],
    ["%nothing --", true],
  ])("%j is not for magics", (line, isFirst) => {
    expect(registry.complete(line, isFirst)).toBeUndefined();
  });
});

describe("wrong forms", () => {
  it("says which form a magic has", () => {
    const { unknown } = registry.names(() => false);
    expect(unknown("lsmagic", "cell", 1).message).toMatch(/got "%%lsmagic", expected "?%lsmagic/);
    expect(unknown("grw", "line", 3).message).toMatch(
      /Line 3: unknown magic: got "%grw".*\nDid you mean "%grow"\?/,
    );
  });
});
