import type { Graph, Tensor } from "../compute/graph.js";
import { add, multiply, silu } from "../compute/ops/elementwise.js";
import { gatherRows } from "../compute/ops/gather.js";
import { linear, matmul } from "../compute/ops/matmul.js";
import { rmsNorm } from "../compute/ops/rms-norm.js";
import { rotary, rotaryTables, type RotaryTables } from "../compute/ops/rotary.js";
import { reshape, split, transpose } from "../compute/ops/shape.js";
import { softmaxProduct } from "../compute/ops/softmax.js";
import { product } from "../core/math.js";
import { type ModelConfig, type Parameter, parametersOf } from "./config.js";
import type { Weight, Weights } from "./safetensors.js";

/** Where the decoder takes its weights from; adapters come in through `linear`. */
export interface DecoderWeights {
  get(name: string): Tensor;
  /** Output of the linear layer `name` for x [N, in] -> [N, out]. */
  linear(name: string, x: Tensor): Tensor;
}

/** Packed rows as the decoder reads them: B lines of T tokens. */
export interface DecoderInput {
  /** Token ids, int32 [B*T]. */
  readonly ids: Tensor;
  /** Position of each token in its row, int32 [B, T]. */
  readonly positions: Tensor;
  /** 0 where a token may look, -1e9 where it may not, [B, 1, T, S]; S = T without a memory. */
  readonly bias: Tensor;
}

/** Keys, turned to their positions, and values of one layer, [B, K, S, D] each. */
export interface KeysValues {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** What the tokens of a layer look at, from their own keys and values; without a memory these alone. */
export type Memory = (layer: number, own: KeysValues) => KeysValues;

/** Declares the inputs of a decoder for B lines of T tokens. */
export function decoderInput(graph: Graph, lines: number, tokens: number): DecoderInput {
  return {
    ids: graph.input("ids", "int32", [lines * tokens]),
    positions: graph.input("positions", "int32", [lines, tokens]),
    bias: graph.input("bias", "float32", [lines, 1, tokens, tokens]),
  };
}

/** Cuts one flat vector into the weights of a model. flat [sum of sizes] -> one tensor per parameter. */
export function unpack(flat: Tensor, parameters: readonly Parameter[]): Map<string, Tensor> {
  const pieces = split(
    flat,
    parameters.map(({ shape }) => product(shape)),
    0,
  );
  return new Map(parameters.map(({ name, shape }, index) => [name, reshape(pieces[index]!, shape)]));
}

/** Name of the input that holds a weight which is not trained. */
function frozenName(name: string): string {
  return `frozen.${name}`;
}

/** The frozen weights of a model as inputs, for adapters and for evaluation. */
export function frozenInput(graph: Graph, config: ModelConfig): Map<string, Tensor> {
  return new Map(
    parametersOf(config).map(({ name, shape }) => [name, graph.input(frozenName(name), "float32", shape)]),
  );
}

/** The values of `frozenInput`: the weights themselves, not copies. */
export function frozenValues(config: ModelConfig, weights: Weights): Record<string, Float32Array> {
  return Object.fromEntries(
    parametersOf(config).map(({ name }) => [frozenName(name), weights.get(name)!.data]),
  );
}

/** Weights in one flat vector, in the order of `parameters`. */
export function pack(parameters: readonly Parameter[], weights: Weights): Float32Array {
  const flat = new Float32Array(parameters.reduce((total, { shape }) => total + product(shape), 0));
  let offset = 0;
  for (const { name } of parameters) {
    const { data } = weights.get(name)!;
    flat.set(data, offset);
    offset += data.length;
  }
  return flat;
}

/** The inverse of `pack`. */
export function unpackValues(parameters: readonly Parameter[], flat: Float32Array): Map<string, Weight> {
  let offset = 0;
  return new Map(
    parameters.map(({ name, shape }) => {
      const data = flat.slice(offset, (offset += product(shape)));
      return [name, { shape, data }];
    }),
  );
}

/** Weights without adapters. */
export function plainWeights(tensors: ReadonlyMap<string, Tensor>): DecoderWeights {
  const get = (name: string): Tensor => tensors.get(name)!;
  return { get, linear: (name, x) => linear(x, get(`${name}.weight`)) };
}

/**
 * A Llama-style decoder up to the last norm; logits are hidden W_head^T.
 * Per block: x += O attention(norm(x)); x += D (silu(G norm(x)) * U norm(x)).
 * -> hidden states [B*T, C]. Source: Touvron et al. 2023, section 2.2.
 */
export function decoder(
  config: ModelConfig,
  weights: DecoderWeights,
  input: DecoderInput,
  memory?: Memory,
): Tensor {
  const graph = input.ids.graph;
  const tables = rotaryTables(graph, config.maxPositions, config.headWidth, config.theta);
  let x = gatherRows(weights.get("model.embed_tokens.weight"), input.ids); // -> [B*T, C]
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const normal = rmsNorm(x, weights.get(`${prefix}.input_layernorm.weight`), config.epsilon);
    const remember = (own: KeysValues): KeysValues => memory?.(layer, own) ?? own;
    x = add(x, attention(config, weights, `${prefix}.self_attn`, normal, input, tables, remember));
    const inner = rmsNorm(x, weights.get(`${prefix}.post_attention_layernorm.weight`), config.epsilon);
    const gate = silu(weights.linear(`${prefix}.mlp.gate_proj`, inner)); // -> [B*T, F]
    const up = weights.linear(`${prefix}.mlp.up_proj`, inner);
    x = add(x, weights.linear(`${prefix}.mlp.down_proj`, multiply(gate, up)));
  }
  return rmsNorm(x, weights.get("model.norm.weight"), config.epsilon);
}

function attention(
  config: ModelConfig,
  weights: DecoderWeights,
  prefix: string,
  x: Tensor,
  { positions, bias }: DecoderInput,
  tables: RotaryTables,
  remember: (own: KeysValues) => KeysValues,
): Tensor {
  const [lines, tokens] = positions.shape as [number, number];
  const { heads, keyValueHeads: kv, headWidth: d } = config;
  const group = heads / kv;
  const turn = (name: string, count: number): Tensor =>
    rotary(
      reshape(weights.linear(`${prefix}.${name}`, x), [lines, tokens, count * d]),
      positions,
      tables,
      count,
    );
  const perHead = (y: Tensor): Tensor => transpose(reshape(y, [lines, tokens, kv, d]), [0, 2, 1, 3]); // -> [B, K, T, D]
  // The queries of one group stand below each other, so that a shared key serves them in one product.
  const q = reshape(
    transpose(reshape(turn("q_proj", heads), [lines, tokens, kv, group, d]), [0, 2, 3, 1, 4]),
    [lines, kv, group * tokens, d],
  );
  const { keys, values } = remember({
    keys: perHead(turn("k_proj", kv)),
    values: perHead(weights.linear(`${prefix}.v_proj`, x)),
  });
  const seen = keys.shape[2]!;
  const scores = reshape(matmul(q, keys, false, true, 1 / Math.sqrt(d)), [lines, kv, group, tokens, seen]);
  const allowed = add(scores, reshape(bias, [lines, 1, 1, tokens, seen]));
  const rows = reshape(allowed, [lines, kv, group * tokens, seen]);
  const mixed = reshape(softmaxProduct(rows, values), [lines, kv, group, tokens, d]);
  const merged = reshape(transpose(mixed, [0, 3, 1, 2, 4]), [lines * tokens, heads * d]); // -> [B*T, H*D]
  return weights.linear(`${prefix}.o_proj`, merged);
}
