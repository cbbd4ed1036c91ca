import { cos, pow, sin } from "../../core/math.js";
import { operation, shapeError, type Tensor } from "../graph.js";

interface RotaryAttributes {
  readonly heads: number;
  readonly inverse: boolean;
}

const rotaryOperation = operation<RotaryAttributes>("rotary", {
  infer: (inputs, { heads }) => {
    const [x, positions, cosines] = inputs as [Tensor, Tensor, Tensor, Tensor];
    const half = x.shape[2]! / heads / 2;
    if (
      x.shape.length !== 3 ||
      cosines.shape[1] !== half ||
      `${positions.shape}` !== `${x.shape.slice(0, 2)}`
    ) {
      throw shapeError("rotary", inputs, "x [B, T, H*D], positions [B, T], tables [P, D/2]");
    }
    return [{ type: "float32", shape: x.shape }];
  },
  // A rotation is orthogonal: its gradient is the rotation back.
  gradient: ({ inputs: [, positions, cosines, sines], attributes: { heads, inverse } }, [dy]) => [
    turn(dy!, positions!, { cosines: cosines!, sines: sines! }, { heads, inverse: !inverse }),
    undefined,
    undefined,
    undefined,
  ],
  onnx: (emit, [x, positions, cosines, sines], outputs, { attributes: { heads, inverse } }) => {
    const index = emit.temporary();
    emit.node("Cast", [positions!], [index], { to: emit.dataType("int64") });
    let table = sines!;
    if (inverse) {
      table = emit.temporary();
      emit.node("Neg", [sines!], [table]);
    }
    emit.node(
      "RotaryEmbedding",
      [x!, index, cosines!, table],
      outputs,
      { num_heads: heads, interleaved: 0 },
      "com.microsoft",
    );
  },
  tfjs: (tf, [x, positions, cosines, sines], { inputs: [shape], attributes: { heads, inverse } }) => {
    const [batch, length, width] = shape!.shape as [number, number, number];
    const half = width / heads / 2;
    const at = (table: typeof x): NonNullable<typeof x> =>
      tf.reshape(tf.gather(table!, tf.reshape(positions!, [batch * length]).toInt()), [
        batch,
        length,
        1,
        half,
      ]);
    const c = at(cosines);
    const s = inverse ? tf.neg(at(sines)) : at(sines);
    const [a, b] = tf.split(tf.reshape(x!, [batch, length, heads, 2 * half]), 2, 3);
    const turned = tf.concat([tf.sub(tf.mul(a!, c), tf.mul(b!, s)), tf.add(tf.mul(b!, c), tf.mul(a!, s))], 3);
    return [tf.reshape(turned, [batch, length, width])];
  },
});

/**
 * Rotary positions: the pair (x_i, x_{i+D/2}) of each head turns by angle position * theta^(-2i/D).
 * x [B, T, H*D], positions int32 [B, T] -> [B, T, H*D]. Source: Su et al. 2021, eq. 34; halves as in Llama.
 */
export function rotary(x: Tensor, positions: Tensor, tables: RotaryTables, heads: number): Tensor {
  return turn(x, positions, tables, { heads, inverse: false });
}

function turn(x: Tensor, positions: Tensor, tables: RotaryTables, attributes: RotaryAttributes): Tensor {
  return rotaryOperation([x, positions, tables.cosines, tables.sines], attributes)[0]!;
}

/** Tables of cos and sin, [P, D/2] each. */
export interface RotaryTables {
  readonly cosines: Tensor;
  readonly sines: Tensor;
}

/** cos and sin of position * theta^(-2i/D), for positions [0, length) and i in [0, D/2). */
export function rotaryTables(
  graph: Tensor["graph"],
  length: number,
  headWidth: number,
  theta: number,
): RotaryTables {
  const half = headWidth / 2;
  const cosines = new Float32Array(length * half);
  const sines = new Float32Array(length * half);
  for (let i = 0; i < half; i++) {
    const frequency = Math.fround(1 / pow(theta, (2 * i) / headWidth));
    for (let position = 0; position < length; position++) {
      const angle = Math.fround(position * frequency);
      cosines[position * half + i] = cos(angle);
      sines[position * half + i] = sin(angle);
    }
  }
  return { cosines: graph.constant([length, half], cosines), sines: graph.constant([length, half], sines) };
}
