import * as tf from "@tensorflow/tfjs";

import type { Feeds } from "../../src/compute/device.js";
import type { Graph, Tensor } from "../../src/compute/graph.js";

/** Computes tensors of a graph by the tfjs faces of its operations, on the CPU backend of tfjs. */
export async function byTfjs(graph: Graph, feeds: Feeds, wanted: readonly Tensor[]): Promise<Float32Array[]> {
  await tf.setBackend("cpu");
  const results = tf.tidy(() => evaluate(graph, inputsOf(graph, feeds), wanted));
  return results.map((result) => Float32Array.from(result.dataSync()));
}

/** Gradients of a loss by the autodiff of tfjs: the operations' own rules are not used. */
export async function gradientsByTfjs(
  graph: Graph,
  feeds: Feeds,
  loss: Tensor,
  names: readonly string[],
): Promise<Float32Array[]> {
  await tf.setBackend("cpu");
  const inputs = inputsOf(graph, feeds);
  const gradients = tf.tidy(() => {
    const of = (...variables: tf.Tensor[]): tf.Scalar => {
      const replaced = new Map(inputs);
      names.forEach((name, index) => replaced.set(name, variables[index]!));
      return evaluate(graph, replaced, [loss])[0]!.asScalar();
    };
    return tf.grads(of)(names.map((name) => inputs.get(name)!));
  });
  return gradients.map((gradient) => Float32Array.from(gradient.dataSync()));
}

function inputsOf(graph: Graph, feeds: Feeds): Map<string, tf.Tensor> {
  return new Map(
    [...graph.inputs]
      .filter(([name]) => feeds[name] !== undefined)
      .map(([name, { type, shape }]) => [
        name,
        tf.tensor(feeds[name]!, [...shape], type as "float32" | "int32"),
      ]),
  );
}

function evaluate(
  graph: Graph,
  inputs: ReadonlyMap<string, tf.Tensor>,
  wanted: readonly Tensor[],
): tf.Tensor[] {
  const values = new Map<Tensor, tf.Tensor>();
  for (const [name, tensor] of graph.inputs) {
    const value = inputs.get(name);
    if (value !== undefined) values.set(tensor, value);
  }
  for (const [tensor, data] of graph.constants) {
    values.set(tensor, tf.tensor(data, [...tensor.shape], tensor.type as "float32" | "int32"));
  }
  const needed = new Set<Tensor>(wanted);
  const calls = [...graph.calls].reverse().filter((call) => {
    const hit = call.outputs.some((output) => needed.has(output));
    if (hit) call.inputs.forEach((input) => needed.add(input));
    return hit;
  });
  for (const call of calls.reverse()) {
    const outputs = call.operation.tfjs(
      tf,
      call.inputs.map((input) => values.get(input)!),
      call,
    );
    call.outputs.forEach((output, index) => values.set(output, outputs[index]!));
  }
  return wanted.map((tensor) => values.get(tensor)!);
}
