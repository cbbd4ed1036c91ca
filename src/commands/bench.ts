import { DEVICES, findDevice } from "../compute/devices/list.js";
import { monotonicMs } from "../core/clock.js";
import { LawbookError, mismatch, unknownName } from "../core/errors.js";
import { SIZES } from "../model/config.js";
import { STEP_METHODS, type StepMethod, startStep, stepSetting } from "./bench-step.js";
import { type Arguments, command, type CommandContext, type CommandSpec } from "./command.js";
import { textTable } from "./table.js";

/** Times of one training step. */
export interface StepTimes {
  /** Smallest and middle time of a step over the rounds, milliseconds. */
  readonly bestMs: number;
  readonly medianMs: number;
  /** From weights in memory to the end of the first step: building and compiling the graph included, milliseconds. */
  readonly firstStepMs: number;
  readonly shape: {
    readonly width: number;
    readonly layers: number;
    readonly heads: number;
    /** Tokens of a packed line. */
    readonly tokens: number;
    /** Lines of a step. */
    readonly batch: number;
    readonly vocabulary: number;
    readonly ffn: number;
  };
  readonly size: string;
  readonly method: StepMethod;
  readonly device: string;
  readonly threads: number;
}

const TARGETS = ["step"];
const WARM_UP = 3;

/** `lawbook bench step`. */
export const benchCommand: CommandSpec<StepTimes> = command({
  name: "bench",
  summary: "Measure how long a training step takes on this machine",
  positionals: [{ name: "WHAT", description: "step", required: true, suggest: () => TARGETS }],
  flags: [
    {
      name: "size",
      kind: "string",
      placeholder: "SIZE",
      description: "size of the model, default S",
      values: Object.keys(SIZES).map((name) => name.toUpperCase()),
    },
    {
      name: "method",
      kind: "string",
      placeholder: "NAME",
      description: "what is trained, default full; adapters have rank 8, mixtures 4 experts",
      values: STEP_METHODS,
    },
    {
      name: "device",
      kind: "string",
      placeholder: "NAME",
      description: `${DEVICES.map(({ name }) => name).join(", ")} or auto (default)`,
    },
    { name: "threads", kind: "number", description: "threads, default 1" },
    { name: "rounds", kind: "number", description: "measured rounds, default 20" },
    { name: "steps", kind: "number", description: "steps of a round, timed together, default 1" },
  ],
  examples: [
    "lawbook bench step",
    "lawbook bench step --size S --method lora --device reference --threads 1 --json",
  ],
  run: measure,
  show: (times) => ({
    text: textTable(
      ["size", "method", "device", "threads", "best ms", "median ms", "first step ms"],
      [
        [
          times.size,
          times.method,
          times.device,
          String(times.threads),
          times.bestMs.toFixed(1),
          times.medianMs.toFixed(1),
          times.firstStepMs.toFixed(0),
        ],
      ],
    ),
    json: times,
  }),
});

async function measure(args: Arguments, { progress }: CommandContext): Promise<StepTimes> {
  const [what = ""] = args.positionals;
  if (!TARGETS.includes(what)) throw unknownName("thing to measure", what, TARGETS);
  const size = String(args.flags["size"] ?? "S");
  const method = (args.flags["method"] ?? "full") as StepMethod;
  const device = findDevice(String(args.flags["device"] ?? "auto"));
  const threads = count(args, "threads", 1);
  const rounds = count(args, "rounds", 20);
  const steps = count(args, "steps", 1);
  const config = SIZES[size.toLowerCase() as keyof typeof SIZES];
  const setting = stepSetting(config, method);
  const started = monotonicMs();
  const step = await startStep(device, setting, threads);
  try {
    await step.update();
    const firstStepMs = monotonicMs() - started;
    for (let done = 1; done < WARM_UP; done++) await step.update();
    const times: number[] = [];
    while (times.length < rounds) {
      const from = monotonicMs();
      for (let done = 0; done < steps; done++) await step.update();
      times.push((monotonicMs() - from) / steps);
      progress({ phase: "measuring", done: times.length, total: rounds });
    }
    times.sort((a, b) => a - b);
    return {
      bestMs: times[0]!,
      medianMs: times[Math.floor(times.length / 2)]!,
      firstStepMs,
      shape: {
        width: config.width,
        layers: config.layers,
        heads: config.heads,
        tokens: setting.feed.shape.tokens,
        batch: setting.feed.shape.lines,
        vocabulary: config.vocabulary,
        ffn: config.feedForward,
      },
      size,
      method,
      device: device.name,
      threads,
    };
  } finally {
    await step.dispose();
  }
}

function count(args: Arguments, name: string, fallback: number): number {
  const value = args.flags[name] ?? fallback;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1) return value;
  throw new LawbookError("usage", mismatch(`lawbook bench --${name}`, value, "an integer of at least 1"));
}
