import { afterEach, describe, expect, it, vi } from "vitest";

import type { Device } from "../../../src/compute/device.js";
import { cpu } from "../../../src/compute/devices/cpu.js";
import { DEVICES } from "../../../src/compute/devices/list.js";
import { reference } from "../../../src/compute/devices/reference.js";
import { LawbookError } from "../../../src/core/errors.js";
import { stream } from "../../../src/core/random.js";
import { scoreRows } from "../../../src/evaluate/likelihood.js";
import { logits } from "../../../src/evaluate/logits.js";
import type { ModelConfig } from "../../../src/model/config.js";
import { endTokens, generate, type GenerateOptions, type Generation } from "../../../src/model/generate.js";
import { type MoeConfig, newMoe } from "../../../src/model/lora-moe.js";
import type { Network } from "../../../src/model/network.js";
import { chooseToken, type SamplingOptions } from "../../../src/model/sampling.js";
import { frequencyBound, largestGap } from "../../support/frequencies.js";
import { noisy, SMALL, smallWeights } from "../../support/small-model.js";

afterEach(() => vi.restoreAllMocks());

const CONFIGS: Readonly<Record<string, ModelConfig>> = {
  "two key heads, own head": SMALL,
  "tied head": { ...SMALL, tied: true, keyValueHeads: 4 },
  "one key head, one layer": { ...SMALL, keyValueHeads: 1, layers: 1, tied: true },
};
const MODES: Readonly<Record<string, SamplingOptions>> = {
  greedy: {},
  "greedy with a penalty": { repetitionPenalty: 1.7 },
  sampled: { temperature: 1.3, seed: 5 },
  "sampled with everything": { temperature: 1.1, topK: 20, topP: 0.9, repetitionPenalty: 1.2, seed: 6 },
};
const draw = stream(8, "prompts");
const PROMPTS = [5, 1, 16, 17, 20].map((length) =>
  Array.from({ length }, () => draw.integer(SMALL.vocabulary)),
);
const NEW = 12;

const small = (config: ModelConfig = SMALL): Pick<GenerateOptions, "config" | "weights"> => ({
  config,
  weights: smallWeights(config),
});

const mixed = (config: MoeConfig): Network => ({
  ...small(),
  adapter: { config, weights: noisy(newMoe(SMALL, config, 3), 0.3) },
});

/** Computes the whole row anew for every token, by the path of `lawbook logits`. */
async function naively(
  device: Device,
  model: Network,
  prompt: readonly number[],
  index: number,
  options: SamplingOptions,
): Promise<number[]> {
  const random = options.seed === undefined ? undefined : stream(options.seed, "generate", index);
  const ids = [...prompt];
  for (let count = 0; count < NEW; count++) {
    const row = (await logits(device, model, ids)).at(-1)!;
    ids.push(chooseToken(Float32Array.from(row), new Set(ids), options, random));
  }
  return ids.slice(prompt.length);
}

describe.each(DEVICES)("generation on the device $name", (device) => {
  describe.each(Object.entries(CONFIGS))("%s", (name, config) => {
    const modes = Object.entries(name === "two key heads, own head" ? MODES : { greedy: {} });
    it.each(modes)("%s: the cache changes no token", async (_, options) => {
      const got = await generate({
        device,
        ...small(config),
        prompts: PROMPTS,
        maxNewTokens: NEW,
        ...options,
      });
      for (const [index, prompt] of PROMPTS.entries()) {
        const expected = await naively(device, small(config), prompt, index, options);
        expect(got[index], `prompt ${index}`).toMatchObject({ ids: expected, stopped: "length" });
      }
    });
  });

  it.each([
    ["lora-moe", { kind: "top-k", k: 2 }],
    ["mixlora", { kind: "dense" }],
    ["shared-a", { kind: "labels", experts: { biology: 0, geography: 2 } }],
  ] as const)(
    "runs a mixture %s beside the weights, as the path of single rows does",
    async (kind, routing) => {
      const network = mixed({ kind, routing, experts: 3, rank: 2, alpha: 6, targets: "all-linear" });
      const got = await generate({ device, ...network, prompts: PROMPTS, maxNewTokens: NEW });
      const plain = await generate({ device, ...small(), prompts: PROMPTS, maxNewTokens: NEW });
      expect(got.map(({ ids }) => ids)).not.toEqual(plain.map(({ ids }) => ids));
      for (const [index, prompt] of PROMPTS.entries()) {
        expect(got[index]!.ids, `prompt ${index}`).toEqual(await naively(device, network, prompt, index, {}));
      }
    },
  );

  it("gives each prompt the experts of its discipline", async () => {
    const network = mixed({
      kind: "lora-moe",
      routing: { kind: "labels", experts: { biology: 0, geography: 2 } },
      experts: 3,
      rank: 2,
      alpha: 6,
      targets: "all-linear",
    });
    const labels = ["biology", "geography", undefined];
    const prompts = labels.map(() => PROMPTS[0]!);
    const got = await generate({ device, ...network, prompts, labels, maxNewTokens: NEW });
    const rows = got.map(({ ids }, index) => ({
      ids: [...PROMPTS[0]!, ...ids],
      from: PROMPTS[0]!.length,
      label: labels[index],
    }));
    const scores = await scoreRows(device, network, rows);
    expect(new Set(got.map(({ ids }) => `${ids}`)).size).toBe(3);
    got.forEach(({ logLikelihood }, index) => {
      expect(logLikelihood).toBeCloseTo(scores[index]!.logLikelihood, 3);
      expect(scores[index]!.greedy).toBe(true);
    });
  });

  it("sums the ln p that scoring gives to what was written", async () => {
    const model = small();
    const got = await generate({
      device,
      ...model,
      prompts: PROMPTS,
      maxNewTokens: NEW,
      ...MODES["sampled"],
    });
    const rows = PROMPTS.map((prompt, index) => ({
      ids: [...prompt, ...got[index]!.ids],
      from: prompt.length,
    }));
    const scores = await scoreRows(device, model, rows);
    got.forEach(({ logLikelihood }, index) =>
      expect(logLikelihood).toBeCloseTo(scores[index]!.logLikelihood, 3),
    );
  });

  it.each([{}, MODES["sampled with everything"]!])(
    "gives a prompt the same bytes whatever stands beside it, with %j",
    async (options) => {
      const run = (prompts: readonly (readonly number[])[]): Promise<Generation[]> =>
        generate({ device, ...small(), prompts, maxNewTokens: NEW, batch: 4, ...options });
      const together = await run(PROMPTS);
      expect(await run(PROMPTS)).toEqual(together);
      const others = PROMPTS.map((prompt, index) => (index === 1 || index === 4 ? prompt : [7, 7, index]));
      const apart = await run(others);
      expect([apart[1], apart[4]]).toEqual([together[1], together[4]]);
      expect(apart[0]).not.toEqual(together[0]);
    },
  );

  it("writes in a batch what it writes alone", async () => {
    const run = (prompts: readonly (readonly number[])[]): Promise<Generation[]> =>
      generate({ device, ...small(), prompts, maxNewTokens: NEW });
    const together = await run(PROMPTS);
    for (const [index, prompt] of PROMPTS.entries()) {
      const [alone] = await run([prompt]);
      expect(alone!.ids).toEqual(together[index]!.ids);
      expect(alone!.logLikelihood).toBeCloseTo(together[index]!.logLikelihood, 3);
    }
  });
});

describe("generation", () => {
  const base = { device: cpu, ...small(), prompts: PROMPTS, maxNewTokens: NEW };

  it("with top-k 1 is greedy decoding", async () => {
    const greedy = await generate(base);
    expect(await generate({ ...base, temperature: 3, topK: 1, seed: 1 })).toEqual(greedy);
  });

  it("repeats with a seed and differs with another, from prompt to prompt too", async () => {
    const sampled = {
      ...base,
      prompts: [
        [1, 2],
        [1, 2],
      ],
      temperature: 1.5,
      seed: 1,
    };
    const [first, second] = await generate(sampled);
    expect(await generate(sampled)).toEqual([first, second]);
    expect(second!.ids).not.toEqual(first!.ids);
    expect((await generate({ ...sampled, seed: 2 }))[0]!.ids).not.toEqual(first!.ids);
  });

  it("draws first tokens as often as the probabilities say", async () => {
    const draws = 4000;
    const prompts = Array.from({ length: draws }, () => [3, 1]);
    const got = await generate({
      ...base,
      prompts,
      maxNewTokens: 1,
      temperature: 2,
      seed: 3,
      batch: 500,
    });
    const counts = new Array<number>(SMALL.vocabulary).fill(0);
    for (const { ids } of got) counts[ids[0]!]! += 1;
    const row = (await logits(cpu, small(), [3, 1])).at(-1)!;
    const spread = (temperature: number): number[] => {
      const weights = row.map((logit) => Math.exp(logit / temperature));
      const total = weights.reduce((a, b) => a + b);
      return weights.map((weight) => weight / total);
    };
    expect(largestGap(counts, spread(2))).toBeLessThan(frequencyBound(draws));
    expect(largestGap(counts, spread(1))).toBeGreaterThan(frequencyBound(draws));
  });

  it("ends with the first stop token, which counts as written", async () => {
    const whole = await generate(base);
    const { ids } = whole[0]!;
    const stop = ids[4]!;
    const at = ids.indexOf(stop);
    const [ended, ...others] = await generate({ ...base, stop: [stop] });
    expect(ended).toMatchObject({ ids: ids.slice(0, at + 1), stopped: "end" });
    expect(ended!.logLikelihood).toBeGreaterThan(whole[0]!.logLikelihood);
    others.forEach((other, index) => {
      const written = whole[index + 1]!.ids;
      const end = written.indexOf(stop);
      expect(other.ids).toEqual(end < 0 ? written : written.slice(0, end + 1));
    });
    expect((await generate({ ...base, configJson: { eos_token_id: [49, stop] } }))[0]).toEqual(ended);
    expect(await generate({ ...base, configJson: { eos_token_id: stop }, stop: [] })).toEqual(whole);
  });

  it.each([
    [3, [3]],
    [
      [3, 5],
      [3, 5],
    ],
    [null, []],
    [undefined, []],
  ])("reads eos_token_id %j", (value, expected) => {
    expect(endTokens({ eos_token_id: value })).toEqual(expected);
  });

  it("fills the positions of the model to the last", async () => {
    const prompt = PROMPTS[4]!.slice(0, 3);
    const [full] = await generate({ ...base, prompts: [prompt], maxNewTokens: SMALL.maxPositions - 3 });
    expect(full!.ids).toHaveLength(SMALL.maxPositions - 3);
    const [short] = await generate({ ...base, prompts: [prompt], maxNewTokens: 4 });
    expect(full!.ids.slice(0, 4)).toEqual(short!.ids);
  });

  it("has nothing to do for no prompts", async () => {
    expect(await generate({ ...base, prompts: [] })).toEqual([]);
  });

  /** The device cpu, counting what it holds. */
  function counted(): { device: Device; live: () => number; compiled: () => number } {
    let live = 0;
    let compiled = 0;
    const device: Device = {
      ...cpu,
      compile: async (graph) => {
        const program = await cpu.compile(graph);
        live++;
        compiled++;
        return { ...program, dispose: () => (live--, program.dispose()) };
      },
    };
    return { device, live: () => live, compiled: () => compiled };
  }

  it("lets go of its programs at the end, after an interrupt and after an error", async () => {
    const { device, live, compiled } = counted();
    await generate({ ...base, device, batch: 2 });
    expect([live(), compiled()]).toEqual([0, 2]);
    const abort = new AbortController();
    const steps: number[][] = [];
    const progress = (...step: number[]): void => {
      steps.push(step);
      if (steps.length === 2) abort.abort(new Error("enough"));
    };
    await expect(generate({ ...base, device, batch: 2, signal: abort.signal, progress })).rejects.toThrow(
      "enough",
    );
    expect(steps).toEqual([
      [2, 5],
      [4, 5],
    ]);
    const weights = new Map(small().weights);
    const { shape, data } = weights.get("lm_head.weight")!;
    weights.set("lm_head.weight", { shape, data: data.map(() => 3e38) });
    await expect(generate({ ...base, device, weights })).rejects.toThrow(/Logits of the model: got .*finite/);
    expect([live(), compiled()]).toEqual([0, 5]);
  });

  it.each<[Partial<GenerateOptions>, string]>([
    [{ maxNewTokens: 0 }, "maxNewTokens: got 0, expected a whole number of at least 1."],
    [{ maxNewTokens: 2.5 }, "maxNewTokens: got 2.5"],
    [{ batch: 0 }, "batch: got 0"],
    [{ prompts: [[1], []] }, "prompts[1]: got [], expected at least one token."],
    [{ prompts: [[1, 50]] }, "prompts[0]: got 50, expected whole numbers from 0 to 49."],
    [{ prompts: [[-1]] }, "prompts[0]: got -1"],
    [{ stop: [1.5] }, "stop: got 1.5"],
    [{ temperature: -0.1, seed: 1 }, "temperature: got -0.1, expected a number of at least 0."],
    [{ temperature: 1 }, 'seed: got "none", expected a whole number.'],
    [{ temperature: 1, seed: 0.5 }, "seed: got 0.5"],
    [{ temperature: 1, seed: 1, topK: 0 }, "topK: got 0, expected a whole number of at least 1."],
    [{ temperature: 1, seed: 1, topP: 0 }, "topP: got 0, expected a number above 0, at most 1."],
    [{ temperature: 1, seed: 1, topP: 1.1 }, "topP: got 1.1"],
    [{ topK: 5 }, "topK: got 5, expected none without a temperature."],
    [{ topP: 0.5 }, "topP: got 0.5, expected none without a temperature."],
    [{ repetitionPenalty: 0 }, "repetitionPenalty: got 0, expected a number above 0."],
    [
      { maxNewTokens: 13 },
      'prompts[4]: got "20 tokens and 13 new ones", expected at most 32 together, the positions of the model.',
    ],
  ])("refuses %j in one error, before anything is compiled", async (options, message) => {
    const { device, compiled } = counted();
    const error = await generate({ ...base, device, ...options }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LawbookError);
    expect(error).toMatchObject({
      code: "request",
      message: `Generation has 1 problem:\n  ${(error as LawbookError).problems.map(({ path, message: text }) => `${path}: ${text}`).join("")}`,
    });
    expect((error as LawbookError).message).toContain(message);
    expect(compiled()).toBe(0);
  });

  it("tells all problems at once", async () => {
    const bad = { ...base, maxNewTokens: 0, topK: 2, prompts: [[]] };
    await expect(generate(bad)).rejects.toMatchObject({
      problems: [{ path: "topK" }, { path: "maxNewTokens" }, { path: "prompts[0]" }],
    });
  });

  it("on the reference device calls no function of Math whose bits depend on the machine", async () => {
    for (const name of ["exp", "log", "pow", "sin", "cos", "random"] as const) {
      vi.spyOn(Math, name).mockImplementation(() => {
        throw new Error(`Math.${name} was called`);
      });
    }
    expect(() => Math.exp(1)).toThrow("Math.exp was called");
    const options = { ...base, device: reference, ...MODES["sampled with everything"], maxNewTokens: 3 };
    expect(await generate(options)).toHaveLength(PROMPTS.length);
  });
});
