import { operation, shapeError, type Tensor } from "../graph.js";

const gatherOperation = operation<Record<string, never>>("gatherRows", {
  infer: (inputs) => {
    const [table, rows] = inputs as [Tensor, Tensor];
    if (table.shape.length !== 2 || rows.shape.length !== 1)
      throw shapeError("gatherRows", inputs, "[V, C] and [N]");
    return [{ type: "float32", shape: [rows.shape[0]!, table.shape[1]!] }];
  },
  gradient: ({ inputs: [table, rows] }, [dy], needs) => [
    needs[0] ? scatterAddRows(rows!, dy!, table!.shape[0]!) : undefined,
    undefined,
  ],
  onnx: (emit, inputs, outputs) => emit.node("Gather", inputs, outputs, { axis: 0 }),
  tfjs: (tf, [table, rows], { inputs: [shape] }) => {
    // The stock gradient of tf.gather is quadratic in the vocabulary on the CPU backend.
    const embed = tf.customGrad((weights) => ({
      value: tf.gather(weights as typeof table & object, rows!.toInt()),
      gradFunc: (dy) =>
        tf.matMul(
          tf.oneHot(rows!.toInt(), shape!.shape[0]!).toFloat(),
          dy as ReturnType<typeof tf.tensor>,
          true,
          false,
        ),
    }));
    return [embed(table!)];
  },
});

/** y_n = table[rows_n]. table [V, C], rows int32 [N] in [0, V) -> y [N, C]. */
export function gatherRows(table: Tensor, rows: Tensor): Tensor {
  return gatherOperation([table, rows], {})[0]!;
}

const scatterOperation = operation<{ readonly size: number }>("scatterAddRows", {
  infer: ([, updates], { size }) => [{ type: "float32", shape: [size, updates!.shape[1]!] }],
  gradient: ({ inputs: [rows] }, [dy], needs) => [undefined, needs[1] ? gatherRows(dy!, rows!) : undefined],
  // ScatterND(add) loses updates for repeated rows on two and more threads; ScatterElements(add) is sequential.
  onnx: (emit, [rows, updates], outputs, { inputs: [, update], attributes: { size } }) => {
    const [count, width] = update!.shape as [number, number];
    const [zero, column, index] = [emit.temporary(), emit.temporary(), emit.temporary()];
    emit.node("ConstantOfShape", [emit.integers([size, width])], [zero]);
    emit.node("Reshape", [rows!, emit.integers([count, 1])], [column]);
    emit.node("Expand", [column, emit.integers([count, width])], [index]);
    emit.node("ScatterElements", [zero, index, updates!], outputs, { axis: 0, reduction: "add" });
  },
  tfjs: (tf, [rows, updates], { attributes: { size } }) => [
    tf.matMul(
      tf.oneHot(rows!.toInt() as ReturnType<typeof tf.tensor1d>, size).toFloat(),
      updates!,
      true,
      false,
    ),
  ],
});

/** y[rows_n] += updates_n, starting from zero; rows may repeat. rows int32 [N], updates [N, C] -> y [size, C]. */
export function scatterAddRows(rows: Tensor, updates: Tensor, size: number): Tensor {
  return scatterOperation([rows, updates], { size })[0]!;
}
