import { setImmediate as nextTurn } from "node:timers/promises";

import type { Device, Program } from "../compute/device.js";
import { invalidRequest, LawbookError, mismatch, type Problem, quote } from "../core/errors.js";
import { type Stream, stream } from "../core/random.js";
import { BLOCKED, cacheNames, type CacheShape, promptGraph, tokenGraph } from "./cached-decoder.js";
import type { Checkpoint } from "./checkpoint.js";
import type { ModelConfig } from "./config.js";
import { type Network, networkFeeds, networkValues } from "./network.js";
import { chooseToken, type SamplingOptions, samplingProblems } from "./sampling.js";

/** What is to be written by which model. */
export interface GenerateOptions extends SamplingOptions, Network, Partial<Pick<Checkpoint, "configJson">> {
  readonly device: Device;
  /** Token ids that the model goes on from, at least one each; lengths may differ. */
  readonly prompts: readonly (readonly number[])[];
  /** Discipline of each prompt, for a mixture whose experts are chosen by it. */
  readonly labels?: readonly (string | undefined)[] | undefined;
  /** Most tokens to write, at least 1. */
  readonly maxNewTokens: number;
  /** Tokens that end an output; default `eos_token_id` of `configJson`. */
  readonly stop?: readonly number[] | undefined;
  /**
   * Prompts that are written at once, at least 1; a last batch of fewer is filled up. Default: all, at most 32. Set it
   * where numbers are to be compared: what stands beside a prompt then changes nothing.
   */
  readonly batch?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told how many prompts are done. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/** What was written after one prompt. */
export interface Generation {
  /** The new tokens; where it stopped at its end, the stop token is the last one. */
  readonly ids: readonly number[];
  readonly stopped: "end" | "length";
  /** Sum of ln p of `ids` under the model itself, without penalty, temperature or cut, nats. */
  readonly logLikelihood: number;
}

/** Lines of a batch where none are asked for. */
const MOST_LINES = 32;
/** Prompts and the cache are padded to a multiple of so many tokens. */
const BLOCK = 16;

/**
 * Writes on from each prompt. Keys and values of what was read stay on the device: one program reads the prompts, another
 * one token per line and run. The draws of a prompt are the stream `<seed>/generate/<index>`, one per token. The output of
 * a prompt is a function of the prompt, its index, the model, the options, the number of lines, and the longest prompt in
 * blocks of 16 tokens; on the reference device to the last byte.
 */
export async function generate(options: GenerateOptions): Promise<Generation[]> {
  const { device, config, prompts, maxNewTokens } = options;
  checkOptions(options);
  if (prompts.length === 0) return [];
  const shape = shapeOf(options);
  const programs: Program[] = [];
  const compile = async (graph: ReturnType<typeof tokenGraph>): Promise<Program> => {
    const program = await device.compile(graph);
    programs.push(program);
    program.load(networkValues(options));
    return program;
  };
  try {
    const reader = await compile(promptGraph(options, shape));
    let writer: Program | undefined;
    const done: Generation[] = [];
    for (let first = 0; first < prompts.length; first += shape.lines) {
      const lines = Array.from({ length: shape.lines }, (_, line) => newLine(options, first + line));
      const cache = await readPrompts(reader, config, shape, lines, options);
      if (maxNewTokens > 1 && lines.some(isOpen)) {
        writer ??= await compile(tokenGraph(options, shape));
        writer.load(cache);
        await writeTokens(writer, shape, lines, options);
      }
      done.push(
        ...lines
          .slice(0, prompts.length - first)
          .map(({ ids, stopped, logLikelihood }) => ({ ids, stopped: stopped ?? "length", logLikelihood })),
      );
      options.progress?.(done.length, prompts.length);
    }
    return done;
  } finally {
    for (const program of programs) await program.dispose();
  }
}

/** Tokens that end the outputs of a model, from `eos_token_id` of its `config.json`: a number, a list or null. */
export function endTokens(configJson: Readonly<Record<string, unknown>>): number[] {
  return [configJson["eos_token_id"] ?? []].flat() as number[];
}

function checkOptions(options: GenerateOptions): void {
  const { config, prompts, maxNewTokens, batch = 1, stop = [] } = options;
  const problems: Problem[] = samplingProblems(options);
  const report = (path: string, got: unknown, expected: string): void => {
    problems.push({ path, message: `got ${quote(got)}, expected ${expected}.` });
  };
  const whole = (value: number): boolean => Number.isSafeInteger(value) && value >= 1;
  if (!whole(maxNewTokens)) report("maxNewTokens", maxNewTokens, "a whole number of at least 1");
  if (!whole(batch)) report("batch", batch, "a whole number of at least 1");
  const checkIds = (path: string, ids: readonly number[]): void => {
    const wrong = ids.find((id) => !(Number.isSafeInteger(id) && id >= 0 && id < config.vocabulary));
    if (wrong !== undefined) report(path, wrong, `whole numbers from 0 to ${config.vocabulary - 1}`);
  };
  checkIds("stop", stop);
  prompts.forEach((prompt, index) => {
    const path = `prompts[${index}]`;
    checkIds(path, prompt);
    if (prompt.length === 0) report(path, [], "at least one token");
    if (prompt.length + maxNewTokens > config.maxPositions) {
      const expected = `at most ${config.maxPositions} together, the positions of the model`;
      report(path, `${prompt.length} tokens and ${maxNewTokens} new ones`, expected);
    }
  });
  if (problems.length > 0) throw invalidRequest("Generation", problems);
}

/** One prompt and what was written after it. */
interface Line {
  readonly label: string | undefined;
  readonly prompt: readonly number[];
  readonly seen: Set<number>;
  readonly draw: Stream | undefined;
  readonly ids: number[];
  stopped: Generation["stopped"] | undefined;
  logLikelihood: number;
}

function newLine({ prompts, labels, temperature = 0, seed }: GenerateOptions, index: number): Line {
  const filler = index >= prompts.length;
  const prompt = filler ? [0] : prompts[index]!;
  return {
    label: labels?.[index],
    prompt,
    seen: new Set(prompt),
    draw: temperature > 0 && !filler ? stream(seed!, "generate", index) : undefined,
    ids: [],
    stopped: filler ? "end" : undefined,
    logLikelihood: 0,
  };
}

const isOpen = ({ stopped }: Line): boolean => stopped === undefined;

function shapeOf({ config, prompts, maxNewTokens, batch }: GenerateOptions): CacheShape {
  const padded = (size: number): number => Math.min(Math.ceil(size / BLOCK) * BLOCK, config.maxPositions);
  const tokens = padded(Math.max(...prompts.map(({ length }) => length)));
  return {
    lines: batch ?? Math.min(prompts.length, MOST_LINES),
    tokens,
    capacity: padded(tokens + maxNewTokens - 1),
  };
}

/** Reads the prompts, adds the first token of each line, and gives the cache for the next. */
async function readPrompts(
  program: Program,
  config: ModelConfig,
  { lines: count, tokens, capacity }: CacheShape,
  lines: readonly Line[],
  options: GenerateOptions,
): Promise<Record<string, Float32Array>> {
  const ids = new Int32Array(count * tokens);
  const positions = new Int32Array(count * tokens);
  const bias = new Float32Array(count * tokens * tokens).fill(BLOCKED);
  lines.forEach(({ prompt }, line) => {
    const start = tokens - prompt.length;
    for (let at = 0; at < tokens; at++) {
      const row = line * tokens + at;
      ids[row] = prompt[at - start] ?? 0;
      positions[row] = Math.max(at - start, 0);
      // Padding sees itself alone.
      bias.fill(0, row * tokens + Math.min(start, at), row * tokens + at + 1);
    }
  });
  await turn(options);
  const gates = networkFeeds(options, () =>
    lines.flatMap(({ label }) => new Array<typeof label>(tokens).fill(label)),
  );
  const results = await program.run({ ids, positions, bias, ...gates });
  addTokens(results as Record<string, Float32Array>, lines, options);
  const width = config.headWidth;
  return Object.fromEntries(
    cacheNames(config).map((name) => {
      const read = results[name] as Float32Array;
      const heads = count * config.keyValueHeads;
      const cache = new Float32Array(heads * capacity * width);
      for (let head = 0; head < heads; head++) {
        const own = read.subarray(head * tokens * width, (head + 1) * tokens * width);
        cache.set(own, ((head + 1) * capacity - tokens) * width);
      }
      return [name, cache];
    }),
  );
}

/** Writes until every line is at its end or long enough. */
async function writeTokens(
  program: Program,
  { lines: count, capacity }: CacheShape,
  lines: readonly Line[],
  options: GenerateOptions,
): Promise<void> {
  const gates = networkFeeds(options, () => lines.map(({ label }) => label));
  const bias = new Float32Array(count * capacity).fill(BLOCKED);
  lines.forEach(({ prompt }, line) =>
    bias.fill(0, (line + 1) * capacity - prompt.length, (line + 1) * capacity),
  );
  for (let written = 1; written < options.maxNewTokens && lines.some(isOpen); written++) {
    lines.forEach(({ prompt }, line) => (bias[(line + 1) * capacity - prompt.length - written] = 0));
    await turn(options);
    const results = await program.run({
      ids: Int32Array.from(lines, ({ ids }) => ids[written - 1] ?? 0),
      positions: Int32Array.from(lines, ({ prompt }) => prompt.length + written - 1),
      bias,
      ...gates,
    });
    addTokens(results as Record<string, Float32Array>, lines, options);
  }
}

/** Chooses the next token of every line that is not at its end. */
function addTokens(
  { logits, total }: Readonly<Record<string, Float32Array>>,
  lines: readonly Line[],
  options: GenerateOptions,
): void {
  const stop = options.stop ?? endTokens(options.configJson ?? {});
  const { vocabulary } = options.config;
  lines.forEach((line, index) => {
    if (!isOpen(line)) return;
    const own = logits!.subarray(index * vocabulary, (index + 1) * vocabulary);
    if (!Number.isFinite(total![index])) {
      throw new LawbookError(
        "bad-file",
        mismatch("Logits of the model", String(total![index]), "finite numbers"),
      );
    }
    const id = chooseToken(own, line.seen, options, line.draw);
    line.ids.push(id);
    line.seen.add(id);
    line.logLikelihood += own[id]! - total![index]!;
    if (stop.includes(id)) line.stopped = "end";
  });
}

async function turn({ signal }: GenerateOptions): Promise<void> {
  await nextTurn();
  signal?.throwIfAborted();
}
