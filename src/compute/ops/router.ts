import { operation, shapeError, type Tensor } from "../graph.js";
import { multiply } from "./elementwise.js";
import { reshape } from "./shape.js";
import { softmax } from "./softmax.js";

/** Which experts of a row are kept: the `count` most probable ones, or the smallest set that reaches `mass`. */
type Choice = { readonly count: number } | { readonly mass: number };

const chooseOperation = operation<Choice>("chooseExperts", {
  infer: (inputs, choice) => {
    const { shape } = inputs[0]!;
    if (shape.length !== 2 || ("count" in choice && choice.count > shape[1]!)) {
      throw shapeError("chooseExperts", inputs, "[N, E] with E of at least the experts to keep");
    }
    return [{ type: "float32", shape }];
  },
  gradient: () => [undefined], // a choice does not change with small changes of p
  onnx: (emit, [p], outputs, { inputs: [probabilities], attributes: choice }) => {
    const [rows, experts] = probabilities!.shape as [number, number];
    const [values, index, zeros] = [emit.temporary(), emit.temporary(), emit.temporary()];
    const kept = "count" in choice ? choice.count : experts;
    emit.node("TopK", [p!, emit.integers([kept])], [values, index], { axis: -1, largest: 1, sorted: 1 });
    emit.node("ConstantOfShape", [emit.integers([rows, experts])], [zeros]);
    const flags = emit.temporary();
    if ("count" in choice) {
      emit.node("Expand", [emit.scalar(1), emit.integers([rows, kept])], [flags]);
    } else {
      const [axis, before, short] = [emit.temporary(), emit.temporary(), emit.temporary()];
      emit.node("Squeeze", [emit.integers([1])], [axis]);
      emit.node("CumSum", [values, axis], [before], { exclusive: 1 });
      emit.node("Less", [before, emit.scalar(choice.mass)], [short]);
      emit.node("Cast", [short], [flags], { to: emit.dataType("float32") });
    }
    emit.node("ScatterElements", [zeros, index, flags], outputs, { axis: 1 });
  },
  tfjs: (tf, [p], { inputs: [probabilities], attributes: choice }) => {
    const [, experts] = probabilities!.shape as [number, number];
    const kept = "count" in choice ? choice.count : experts;
    const choose = tf.customGrad((x) => {
      const { values, indices } = tf.topk(x as NonNullable<typeof p>, kept, true);
      const flags =
        "count" in choice
          ? tf.onesLike(values)
          : tf.cast(tf.less(tf.cumsum(values, 1, true), choice.mass), "float32");
      const places = tf.cast(tf.oneHot(tf.cast(indices, "int32"), experts), "float32");
      return {
        value: tf.sum(tf.mul(places, tf.expandDims(flags, 2)), 1),
        gradFunc: () => tf.zerosLike(x as NonNullable<typeof p>),
      };
    });
    return [choose(p!)];
  },
});

/** 1 for the `count` largest p of each row, else 0; of equal ones the first. p [N, E] -> [N, E]; a constant to the gradient. */
export function largestExperts(p: Tensor, count: number): Tensor {
  return chooseOperation([p], { count })[0]!;
}

/** 1 for the most probable experts that together reach `mass`, else 0; at least one. p [N, E] -> [N, E]; a constant to the gradient. */
export function nucleusExperts(p: Tensor, mass: number): Tensor {
  return chooseOperation([p], { mass })[0]!;
}

const capacityOperation = operation<{ readonly capacity: number }>("withinCapacity", {
  infer: ([chosen]) => [{ type: "float32", shape: chosen!.shape }],
  gradient: () => [undefined],
  onnx: (emit, [chosen], outputs, { attributes: { capacity } }) => {
    const [axis, place, over, free] = Array.from({ length: 4 }, () => emit.temporary());
    emit.node("Squeeze", [emit.integers([0])], [axis!]);
    emit.node("CumSum", [chosen!, axis!], [place!]);
    emit.node("LessOrEqual", [place!, emit.scalar(capacity)], [over!]);
    emit.node("Cast", [over!], [free!], { to: emit.dataType("float32") });
    emit.node("Mul", [chosen!, free!], outputs);
  },
  tfjs: (tf, [chosen], { attributes: { capacity } }) => {
    const keep = tf.customGrad((x) => {
      const own = x as NonNullable<typeof chosen>;
      const place = tf.transpose(tf.cumsum(tf.transpose(own), 1));
      return {
        value: tf.mul(own, tf.cast(tf.lessEqual(place, capacity), "float32")),
        gradFunc: () => tf.zerosLike(own),
      };
    });
    return [keep(chosen!)];
  },
});

/** Keeps the first `capacity` rows of each column of ones; later ones become 0. [N, E] -> [N, E]; a constant to the gradient. */
export function withinCapacity(chosen: Tensor, capacity: number): Tensor {
  return capacityOperation([chosen], { capacity })[0]!;
}

const logSumExpOperation = operation<Record<string, never>>("logSumExp", {
  infer: ([x]) => [{ type: "float32", shape: x!.shape.slice(0, -1) }],
  gradient: ({ inputs: [x] }, [dy]) => [multiply(softmax(x!), reshape(dy!, [...dy!.shape, 1]))],
  onnx: (emit, [x], outputs, { inputs: [input] }) => {
    const last = input!.shape.length - 1;
    const [largest, less, power, total, log, peak] = Array.from({ length: 6 }, () => emit.temporary());
    emit.node("ReduceMax", [x!], [largest!], { axes: [last], keepdims: 1 });
    emit.node("Sub", [x!, largest!], [less!]);
    emit.node("Exp", [less!], [power!]);
    emit.node("ReduceSum", [power!, emit.integers([last])], [total!], { keepdims: 0 });
    emit.node("Log", [total!], [log!]);
    emit.node("Squeeze", [largest!, emit.integers([last])], [peak!]);
    emit.node("Add", [log!, peak!], outputs);
  },
  tfjs: (tf, [x]) => [tf.logSumExp(x!, -1)],
});

/** y = ln sum e^x over the last axis. */
export function logSumExp(x: Tensor): Tensor {
  return logSumExpOperation([x], {})[0]!;
}
