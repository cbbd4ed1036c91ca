import { operation, type Tensor } from "../graph.js";
import { multiply, negate, subtract } from "./elementwise.js";
import { emitLog1p } from "./log1p.js";
import { isPositive } from "./relu.js";

/** Where the two forms of ln(1 - e^x) meet: x = -ln 2. Source: Maechler 2012. */
const MEETING = -0.6931471805599453;
/** The largest x that is told from 0: there the result is -13.8. */
const NEAREST = -1e-6;

const log1mexpOperation = operation<Record<string, never>>("log1mexp", {
  infer: ([x]) => [{ type: "float32", shape: x!.shape }],
  // dy/dx = -e^x / (1 - e^x) = -e^(x - y), and 0 where x was clamped.
  gradient: ({ inputs: [x], outputs: [y] }, [dy]) => {
    const below = isPositive(subtract(x!.graph.scalar(NEAREST), x!));
    return [multiply(multiply(negate(dy!), exponential(subtract(x!, y!))), below)];
  },
  onnx: (emit, [x], [y]) => {
    const names = Array.from({ length: 12 }, () => emit.temporary());
    const [clamped, power, minus, far, half, tanh, size, twice, above, share, near, isFar] =
      names as string[];
    emit.node("Min", [x!, emit.scalar(NEAREST)], [clamped!]);
    // Far from 0: ln(1 + u) of u = -e^x.
    emit.node("Exp", [clamped!], [power!]);
    emit.node("Neg", [power!], [minus!]);
    emitLog1p(emit, minus!, far!);
    // Near 0: 1 - e^x = 2 t / (1 + t) with t = |tanh(x / 2)|, without cancellation. ONNX has no expm1.
    emit.node("Mul", [clamped!, emit.scalar(0.5)], [half!]);
    emit.node("Tanh", [half!], [tanh!]);
    emit.node("Abs", [tanh!], [size!]);
    emit.node("Add", [size!, size!], [twice!]);
    emit.node("Add", [size!, emit.scalar(1)], [above!]);
    emit.node("Div", [twice!, above!], [share!]);
    emit.node("Log", [share!], [near!]);
    emit.node("Less", [clamped!, emit.scalar(MEETING)], [isFar!]);
    emit.node("Where", [isFar!, far!, near!], [y!]);
  },
  tfjs: (tf, [x]) => {
    const clamped = tf.minimum(x!, NEAREST);
    const far = tf.log1p(tf.neg(tf.exp(clamped)));
    const near = tf.log(tf.neg(tf.expm1(clamped)));
    // tfjs cannot differentiate past a comparison; both forms are finite everywhere, so that a mask can choose.
    const isFar = tf.step(tf.sub(MEETING, clamped));
    return [tf.add(tf.mul(isFar, far), tf.mul(tf.sub(1, isFar), near))];
  },
});

/**
 * y = ln(1 - e^x), the log-probability of not-a of a log-probability x of a.
 * Deviation: x counts as at most -1e-6, so that a certain event has finite odds; beyond, the gradient is 0.
 * Source: Maechler 2012, "Accurately computing log(1 - exp(-|a|))".
 */
export function log1mexp(x: Tensor): Tensor {
  return log1mexpOperation([x], {})[0]!;
}

const exponentialOperation = operation<Record<string, never>>("exponential", {
  infer: ([x]) => [{ type: "float32", shape: x!.shape }],
  gradient: ({ outputs: [y] }, [dy]) => [multiply(dy!, y!)],
  onnx: (emit, inputs, outputs) => emit.node("Exp", inputs, outputs),
  tfjs: (tf, [x]) => [tf.exp(x!)],
});

/** y = e^x. */
export function exponential(x: Tensor): Tensor {
  return exponentialOperation([x], {})[0]!;
}
