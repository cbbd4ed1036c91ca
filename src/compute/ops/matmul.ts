import { operation, shapeError, type Tensor } from "../graph.js";

interface MatmulAttributes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Factor on the product. */
  readonly alpha: number;
}

const matmulOperation = operation<MatmulAttributes>("matmul", {
  infer: (inputs, { transposeA, transposeB }) => {
    const [a, b] = inputs as [Tensor, Tensor];
    const [rows, inner] = lastTwo(a, transposeA);
    const [innerB, columns] = lastTwo(b, transposeB);
    const batch = a.shape.slice(0, -2);
    if (inner !== innerB || `${batch}` !== `${b.shape.slice(0, -2)}`) {
      throw shapeError("matmul", inputs, "equal leading axes and equal inner sizes");
    }
    return [{ type: "float32", shape: [...batch, rows, columns] }];
  },
  gradient: ({ inputs: [a, b], attributes: { transposeA: tA, transposeB: tB, alpha } }, [dy], needs) => [
    needs[0] ? (tA ? matmul(b!, dy!, tB, true, alpha) : matmul(dy!, b!, false, !tB, alpha)) : undefined,
    needs[1] ? (tB ? matmul(dy!, a!, true, tA, alpha) : matmul(a!, dy!, !tA, false, alpha)) : undefined,
  ],
  onnx: (emit, [a, b], outputs, { inputs: [left, right], attributes }) => {
    const { transposeA, transposeB, alpha } = attributes;
    const rank = left!.shape.length;
    const times = (x: string, y: string, to: readonly string[], transB = 0): void => {
      const flags = { transB, alpha: { float: alpha } };
      if (transB === 0 && alpha === 1) emit.node("MatMul", [x, y], to);
      else if (rank === 2) emit.node("Gemm", [x, y], to, flags);
      else emit.node("FusedMatMul", [x, y], to, flags, "com.microsoft");
    };
    const turn = (x: string, to: string = emit.temporary()): string => {
      emit.node("Transpose", [x], [to], { perm: lastSwapped(rank) });
      return to;
    };
    // onnxruntime packs a transposed left factor slowly: turning it first, or turning the narrower result, costs less.
    if (!transposeA) times(a!, b!, outputs, Number(transposeB));
    else if (rank > 2 && !transposeB && right!.shape.at(-1)! < left!.shape.at(-1)!) {
      const turned = emit.temporary();
      times(turn(b!), a!, [turned]);
      turn(turned, outputs[0]);
    } else times(turn(a!), b!, outputs, Number(transposeB));
  },
  tfjs: (tf, [a, b], { attributes: { transposeA, transposeB, alpha } }) => {
    const product = tf.matMul(a!, b!, transposeA, transposeB);
    return [alpha === 1 ? product : tf.mul(product, alpha)];
  },
});

function lastTwo({ shape }: Tensor, transposed: boolean): readonly [number, number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

function lastSwapped(rank: number): number[] {
  const axes = [...Array(rank).keys()];
  return [...axes.slice(0, -2), rank - 1, rank - 2];
}

/** y = alpha * A B over the last two axes, A or B transposed where told. [.., M, K] x [.., K, N] -> [.., M, N]. */
export function matmul(a: Tensor, b: Tensor, transposeA = false, transposeB = false, alpha = 1): Tensor {
  return matmulOperation([a, b], { transposeA, transposeB, alpha })[0]!;
}

/** y = x W^T, the linear layer in the layout of PyTorch. x [N, in], W [out, in] -> y [N, out]. */
export function linear(x: Tensor, weight: Tensor): Tensor {
  return matmul(x, weight, false, true);
}
