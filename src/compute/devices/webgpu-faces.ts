import type { Call, OperationFaces } from "../graph.js";
import type { Emitter } from "../onnx.js";
import type { Faces } from "./provider.js";

type Face = OperationFaces<unknown>["onnx"];

function temporaries(emit: Emitter, count: number): string[] {
  return Array.from({ length: count }, () => emit.temporary());
}

function shapeOf(call: Call, input: number): readonly number[] {
  return call.inputs[input]!.shape;
}

/** FusedMatMul has no kernel: transposes, MatMul and the factor apart. */
const matmul: Face = (emit, [a, b], [y], call) => {
  const { transposeA, transposeB, alpha } = call.attributes as {
    transposeA: boolean;
    transposeB: boolean;
    alpha: number;
  };
  const rank = shapeOf(call, 0).length;
  const perm = [...Array(rank).keys()].map((axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
  const turned = (x: string, turn: boolean): string => {
    if (!turn) return x;
    const [to] = temporaries(emit, 1);
    emit.node("Transpose", [x], [to!], { perm });
    return to!;
  };
  const product = alpha === 1 ? y! : emit.temporary();
  emit.node("MatMul", [turned(a!, transposeA), turned(b!, transposeB)], [product]);
  if (alpha !== 1) emit.node("Mul", [product, emit.scalar(alpha)], [y!]);
};

/** The second result of SimplifiedLayerNormalization is not sure to be written: r = 1 / sqrt(mean x^2 + epsilon) by hand. */
const rmsNorm: Face = (emit, [x, gain], [y, r], call) => {
  const { epsilon } = call.attributes as { epsilon: number };
  const width = shapeOf(call, 0).at(-1)!;
  const [squares, total, mean, raised, root, normal] = temporaries(emit, 6);
  emit.node("Mul", [x!, x!], [squares!]);
  emit.node("ReduceSum", [squares!, emit.integers([1])], [total!], { keepdims: 1 });
  emit.node("Mul", [total!, emit.scalar(1 / width)], [mean!]);
  emit.node("Add", [mean!, emit.scalar(epsilon)], [raised!]);
  emit.node("Sqrt", [raised!], [root!]);
  emit.node("Div", [emit.scalar(1), root!], [r!]);
  emit.node("Mul", [x!, r!], [normal!]);
  emit.node("Mul", [normal!, gain!], [y!]);
};

/** RotaryEmbedding reads int64 positions, which the provider leaves to the processor: rows of the tables by int32. */
const rotary: Face = (emit, [x, positions, cosines, sines], [y], call) => {
  const { heads, inverse } = call.attributes as { heads: number; inverse: boolean };
  const [batch, length, width] = shapeOf(call, 0) as [number, number, number];
  const half = width / heads / 2;
  const at = (table: string): string => {
    const [rows, spread] = temporaries(emit, 2);
    emit.node("Gather", [table, positions!], [rows!], { axis: 0 });
    emit.node("Reshape", [rows!, emit.integers([batch, length, 1, half])], [spread!]);
    return spread!;
  };
  const [split, a, b, ac, bs, bc, as, first, second, joined] = temporaries(emit, 10);
  const [c, s] = [at(cosines!), at(sines!)];
  emit.node("Reshape", [x!, emit.integers([batch, length, heads, 2 * half])], [split!]);
  emit.node("Split", [split!, emit.integers([half, half])], [a!, b!], { axis: 3 });
  emit.node("Mul", [a!, c], [ac!]);
  emit.node("Mul", [b!, s], [bs!]);
  emit.node("Mul", [b!, c], [bc!]);
  emit.node("Mul", [a!, s], [as!]);
  emit.node(inverse ? "Add" : "Sub", [ac!, bs!], [first!]);
  emit.node(inverse ? "Sub" : "Add", [bc!, as!], [second!]);
  emit.node("Concat", [first!, second!], [joined!], { axis: 3 });
  emit.node("Reshape", [joined!, emit.integers([batch, length, width])], [y!]);
};

/** ArgMax gives int64: the least index whose value is the largest, in float32 and then as int32. */
const argMax: Face = (emit, [x], [y], call) => {
  const shape = shapeOf(call, 0);
  const [last, size] = [shape.length - 1, shape.at(-1)!];
  const [largest, isLargest, indices, ones, counted, least, clipped] = temporaries(emit, 7);
  emit.node("ReduceMax", [x!], [largest!], { axes: [last], keepdims: 1 });
  emit.node("Equal", [x!, largest!], [isLargest!]);
  emit.node("Expand", [emit.scalar(1), emit.integers([size])], [ones!]);
  emit.node("CumSum", [ones!, scalarAxis(emit)], [counted!], { exclusive: 1 });
  emit.node("Where", [isLargest!, counted!, emit.scalar(size)], [indices!]);
  emit.node("ReduceMin", [indices!], [least!], { axes: [last], keepdims: 0 });
  // A row with a NaN has no largest value: its index stays in range.
  emit.node("Min", [least!, emit.scalar(size - 1)], [clipped!]);
  emit.node("Cast", [clipped!], [y!], { to: emit.dataType("int32") });
};

function scalarAxis(emit: Emitter): string {
  const [axis] = temporaries(emit, 1);
  emit.node("Squeeze", [emit.integers([0])], [axis!]);
  return axis!;
}

/** ReduceL2 has no kernel. */
const doraLinear: Face = (emit, [x, weight, a, b, magnitude], [y, direction, merged, norm], call) => {
  const { scaling } = call.attributes as { scaling: number };
  const [squares, ratio] = temporaries(emit, 2);
  emit.node("Gemm", [b!, a!, weight!], [merged!], { alpha: { float: scaling } });
  emit.node("Gemm", [x!, merged!], [direction!], { transB: 1 });
  emit.node("ReduceSumSquare", [merged!], [squares!], { axes: [1], keepdims: 0 });
  emit.node("Sqrt", [squares!], [norm!]);
  emit.node("Div", [magnitude!, norm!], [ratio!]);
  emit.node("Mul", [direction!, ratio!], [y!]);
};

/** ConstantOfShape has no kernel. */
const scatterAddRows: Face = (emit, [rows, updates], outputs, call) => {
  const { size } = call.attributes as { size: number };
  const [count, width] = shapeOf(call, 1) as [number, number];
  const [zero, column, index] = temporaries(emit, 3);
  emit.node("Expand", [emit.scalar(0), emit.integers([size, width])], [zero!]);
  emit.node("Reshape", [rows!, emit.integers([count, 1])], [column!]);
  emit.node("Expand", [column!, emit.integers([count, width])], [index!]);
  emit.node("ScatterElements", [zero!, index!, updates!], outputs, { axis: 0, reduction: "add" });
};

/** TopK gives int64: a row's experts are compared by pairs instead, [N, E, E], and the first of equal ones goes ahead. */
const chooseExperts: Face = (emit, [p], [y], call) => {
  const choice = call.attributes as { count: number } | { mass: number };
  const [rows, experts] = shapeOf(call, 0) as [number, number];
  const cast = (x: string): string => {
    const [to] = temporaries(emit, 1);
    emit.node("Cast", [x], [to!], { to: emit.dataType("float32") });
    return to!;
  };
  const compared = (type: string, a: string, b: string): string => {
    const [to] = temporaries(emit, 1);
    emit.node(type, [a, b], [to!]);
    return cast(to!);
  };
  const reshaped = (x: string, shape: readonly number[]): string => {
    const [to] = temporaries(emit, 1);
    emit.node("Reshape", [x, emit.integers(shape)], [to!]);
    return to!;
  };
  const own = reshaped(p!, [rows, experts, 1]);
  const other = reshaped(p!, [rows, 1, experts]);
  const [ones, places, ties, ahead, weighed, before] = temporaries(emit, 6);
  emit.node("Expand", [emit.scalar(1), emit.integers([experts])], [ones!]);
  emit.node("CumSum", [ones!, scalarAxis(emit)], [places!]);
  const earlier = compared("Less", reshaped(places!, [1, experts]), reshaped(places!, [experts, 1]));
  emit.node("Mul", [compared("Equal", other, own), earlier], [ties!]);
  emit.node("Add", [compared("Greater", other, own), ties!], [ahead!]);
  if ("mass" in choice) emit.node("Mul", [ahead!, other], [weighed!]);
  emit.node("ReduceSum", ["mass" in choice ? weighed! : ahead!, emit.integers([2])], [before!], {
    keepdims: 0,
  });
  const [short] = temporaries(emit, 1);
  emit.node("Less", [before!, emit.scalar("mass" in choice ? choice.mass : choice.count)], [short!]);
  emit.node("Cast", [short!], [y!], { to: emit.dataType("float32") });
};

/** Operations in nodes that the WebGPU provider of onnxruntime 1.30.0 has kernels for, none of which gives int64. */
export const WEBGPU_FACES: Faces = {
  matmul,
  rmsNorm,
  rotary,
  argMax,
  doraLinear,
  scatterAddRows,
  chooseExperts,
};
