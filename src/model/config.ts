import { LawbookError, mismatch, type Problem } from "../core/errors.js";

/** Sizes of a Llama-style decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU. */
export interface ModelConfig {
  /** Pieces of the vocabulary, V. */
  readonly vocabulary: number;
  /** Width of the residual stream, C. */
  readonly width: number;
  readonly layers: number;
  /** Query heads, H. */
  readonly heads: number;
  /** Key and value heads, K; divides H. */
  readonly keyValueHeads: number;
  /** Width of one head, D; even. */
  readonly headWidth: number;
  /** Width of the SwiGLU layer, F. */
  readonly feedForward: number;
  /** Added to the mean square in RMSNorm. */
  readonly epsilon: number;
  /** Base of the rotary frequencies. */
  readonly theta: number;
  /** Does the output head share the embedding matrix? */
  readonly tied: boolean;
  /** Longest sequence. */
  readonly maxPositions: number;
}

/** Name and shape of one weight, as in Hugging Face checkpoints. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The published sizes by name; vocabulary of 2,048 pieces, tied head. */
export const SIZES: Readonly<Record<"xs" | "s" | "m" | "l", ModelConfig>> = {
  xs: size(64, 5, 176),
  s: size(96, 5, 256),
  m: size(128, 6, 344),
  l: size(192, 6, 512),
};

function size(width: number, layers: number, feedForward: number): ModelConfig {
  return {
    vocabulary: 2048,
    width,
    layers,
    heads: 4,
    keyValueHeads: 4,
    headWidth: width / 4,
    feedForward,
    epsilon: 1e-5,
    theta: 10000,
    tied: true,
    maxPositions: 256,
  };
}

/** The linear layers of one block, in the order of the forward pass. */
export const LINEAR_LAYERS = [
  "self_attn.q_proj",
  "self_attn.k_proj",
  "self_attn.v_proj",
  "self_attn.o_proj",
  "mlp.gate_proj",
  "mlp.up_proj",
  "mlp.down_proj",
] as const;

/** All weights of a model, in a fixed order. */
export function parametersOf(config: ModelConfig): Parameter[] {
  const { width: c, feedForward: f, vocabulary: v } = config;
  const q = config.heads * config.headWidth;
  const kv = config.keyValueHeads * config.headWidth;
  const shapes: Record<(typeof LINEAR_LAYERS)[number], readonly number[]> = {
    "self_attn.q_proj": [q, c],
    "self_attn.k_proj": [kv, c],
    "self_attn.v_proj": [kv, c],
    "self_attn.o_proj": [c, q],
    "mlp.gate_proj": [f, c],
    "mlp.up_proj": [f, c],
    "mlp.down_proj": [c, f],
  };
  const blocks = Array.from({ length: config.layers }, (_, layer) => {
    const prefix = `model.layers.${layer}`;
    return [
      { name: `${prefix}.input_layernorm.weight`, shape: [c] },
      { name: `${prefix}.post_attention_layernorm.weight`, shape: [c] },
      ...LINEAR_LAYERS.map((name) => ({ name: `${prefix}.${name}.weight`, shape: shapes[name] })),
    ];
  });
  return [
    { name: "model.embed_tokens.weight", shape: [v, c] },
    ...blocks.flat(),
    { name: "model.norm.weight", shape: [c] },
    ...(config.tied ? [] : [{ name: "lm_head.weight", shape: [v, c] }]),
  ];
}

/** Name of the weight that turns hidden states into logits. */
export function headName(config: ModelConfig): string {
  return config.tied ? "model.embed_tokens.weight" : "lm_head.weight";
}

/** Reads a Hugging Face `config.json` value. All problems are in one error. */
export function parseConfig(value: unknown, path: string): ModelConfig {
  const json = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const problems: Problem[] = [];
  const count = (key: string, fallback?: number): number => {
    const got = json[key] ?? fallback;
    if (typeof got === "number" && Number.isInteger(got) && got > 0) return got;
    problems.push({ path: key, message: mismatch("size", got ?? null, "a positive integer") });
    return 1;
  };
  const fixed = (key: string, expected: unknown): void => {
    const got = json[key];
    if (got !== undefined && got !== null && got !== expected) {
      problems.push({ path: key, message: mismatch("not supported", got, JSON.stringify(expected)) });
    }
  };
  fixed("model_type", "llama");
  fixed("hidden_act", "silu");
  fixed("attention_bias", false);
  fixed("mlp_bias", false);
  fixed("rope_scaling", null);
  const rope = (json.rope_parameters ?? {}) as Record<string, unknown>;
  if (rope.rope_type !== undefined && rope.rope_type !== "default") {
    problems.push({
      path: "rope_parameters.rope_type",
      message: mismatch("not supported", rope.rope_type, '"default"'),
    });
  }
  const width = count("hidden_size");
  const heads = count("num_attention_heads");
  const config: ModelConfig = {
    vocabulary: count("vocab_size"),
    width,
    layers: count("num_hidden_layers"),
    heads,
    keyValueHeads: count("num_key_value_heads", heads),
    headWidth: count("head_dim", width / heads),
    feedForward: count("intermediate_size"),
    epsilon: (json.rms_norm_eps ?? 1e-6) as number,
    theta: (rope.rope_theta ?? json.rope_theta ?? 10000) as number,
    tied: (json.tie_word_embeddings ?? false) as boolean,
    maxPositions: count("max_position_embeddings", 2048),
  };
  if (config.heads % config.keyValueHeads !== 0) {
    problems.push({
      path: "num_key_value_heads",
      message: mismatch("does not divide the heads", config.keyValueHeads, `a divisor of ${heads}`),
    });
  }
  if (config.headWidth % 2 !== 0) {
    problems.push({
      path: "head_dim",
      message: mismatch("rotary positions need pairs", config.headWidth, "an even number"),
    });
  }
  if (problems.length > 0) {
    const lines = problems.map(({ path: key, message }) => `  ${key}: ${message}`).join("\n");
    throw new LawbookError("bad-file", `${path} is not a model that Lawbook can run:\n${lines}`, {
      problems,
    });
  }
  return config;
}

/** The Hugging Face `config.json` of a model written here. */
export function configJson(config: ModelConfig): Record<string, unknown> {
  return {
    architectures: ["LlamaForCausalLM"],
    attention_bias: false,
    attention_dropout: 0,
    bos_token_id: null,
    dtype: "float32",
    eos_token_id: 3,
    head_dim: config.headWidth,
    hidden_act: "silu",
    hidden_size: config.width,
    initializer_range: 0.02,
    intermediate_size: config.feedForward,
    max_position_embeddings: config.maxPositions,
    mlp_bias: false,
    model_type: "llama",
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.keyValueHeads,
    pad_token_id: 0,
    rms_norm_eps: config.epsilon,
    rope_parameters: { rope_theta: config.theta, rope_type: "default" },
    rope_theta: config.theta,
    tie_word_embeddings: config.tied,
    use_cache: true,
    vocab_size: config.vocabulary,
  };
}
