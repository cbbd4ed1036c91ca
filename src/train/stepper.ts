import type { Device, Feeds, Program } from "../compute/device.js";
import type { Graph } from "../compute/graph.js";
import { contentId } from "../core/canonical.js";
import { gradientName, gradientStep, updateStep } from "./accumulation.js";
import { flatSize } from "./groups.js";
import { stateName } from "./optimizer.js";
import { type StepOptions, type TrainingStep, trainingStep } from "./step.js";

/** Makes the updates of a run: one program where a batch is fed whole, two where its gradients are summed. */
export interface Stepper {
  readonly step: TrainingStep;
  /** sha256 of the ONNX bytes, or over those of both programs. */
  readonly graphSha256: string;
  /** Sets carried state and constant inputs. */
  load(values: Feeds): void;
  /** One update. -> loss of the batch, and the global gradient norm before clipping. */
  update(
    microBatches: readonly Feeds[],
    scalars: Feeds,
  ): Promise<{ readonly loss: number; readonly norm: number }>;
  /** p, m and v of every group. */
  state(): Promise<Record<string, Float32Array>>;
  dispose(): Promise<void>;
}

/** Compiles the programs of a run. */
export async function compileStepper(
  device: Device,
  options: StepOptions,
  microBatches: number,
  threads?: number,
): Promise<Stepper> {
  const compile = (graph: Graph): Promise<Program> =>
    device.compile(graph, threads === undefined ? {} : { threads });
  if (microBatches === 1) {
    const step = trainingStep(options);
    const program = await compile(step.graph);
    return {
      step,
      graphSha256: program.graphSha256,
      load: (values) => program.load(values),
      update: async ([feeds], scalars) => {
        const { loss, norm } = await program.run({ ...feeds, ...scalars });
        return { loss: loss![0]!, norm: norm![0]! };
      },
      state: () => program.state(),
      dispose: () => program.dispose(),
    };
  }
  const step = gradientStep(options);
  const gradient = await compile(step.graph);
  const update = await compile(updateStep(step.groups, options));
  const states = step.groups.flatMap(({ name }) =>
    (["p", "m", "v"] as const).map((slot) => stateName(slot, name)),
  );
  const zeros = Object.fromEntries(
    step.groups.map(({ name, parameters }) => [gradientName(name), new Float32Array(flatSize(parameters))]),
  );
  const forUpdate = new Set([...states, ...step.groups.map(({ name }) => `start.${name}`)]);
  return {
    step,
    graphSha256: contentId([gradient.graphSha256, update.graphSha256]),
    load: (values) => {
      for (const [name, data] of Object.entries(values)) {
        if (forUpdate.has(name)) update.load({ [name]: data });
        if (step.graph.inputs.has(name)) gradient.load({ [name]: data });
      }
    },
    update: async (feeds, scalars) => {
      gradient.load(zeros);
      let loss = 0;
      for (const microBatch of feeds) loss += (await gradient.run(microBatch)).loss![0]!;
      update.load(await gradient.state());
      const { norm } = await update.run(scalars);
      const state = await update.state();
      gradient.load(
        Object.fromEntries(
          step.groups.map(({ name }) => [stateName("p", name), state[stateName("p", name)]!]),
        ),
      );
      return { loss, norm: norm![0]! };
    },
    state: () => update.state(),
    dispose: async () => {
      await gradient.dispose();
      await update.dispose();
    },
  };
}
