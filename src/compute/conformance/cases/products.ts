import { adaptedLinear } from "../../ops/adapted-linear.js";
import { addProduct } from "../../ops/add-product.js";
import { doraLinear } from "../../ops/dora-linear.js";
import { linearPair } from "../../ops/linear-pair.js";
import { linear, matmul } from "../../ops/matmul.js";
import type { Shape } from "../../graph.js";
import type { OperationCase } from "../case.js";
import { at, type Plain, tabulate, times, total } from "../plain.js";

function matmulCase(
  what: string,
  a: Shape,
  b: Shape,
  transposeA: boolean,
  transposeB: boolean,
  alpha = 1,
): OperationCase {
  return {
    name: `matmul, ${what}`,
    inputs: { a: { shape: a }, b: { shape: b } },
    build: (x) => [matmul(x["a"]!, x["b"]!, transposeA, transposeB, alpha)],
    twin: (x) => [times(x["a"]!, x["b"]!, transposeA, transposeB, alpha)],
  };
}

/** W + s B A. */
function updated(weight: Plain, a: Plain, b: Plain, scaling: number): Plain {
  const [rank] = a.shape as [number, number];
  return tabulate(
    weight.shape,
    ([o, i]) => at(weight, [o!, i!]) + scaling * total(rank, (r) => at(b, [o!, r]) * at(a, [r, i!])),
  );
}

/** Operations made of matrix products. */
export const PRODUCTS: readonly OperationCase[] = [
  matmulCase("plain", [3, 4], [4, 2], false, false),
  matmulCase("A transposed", [4, 3], [4, 2], true, false, 0.5),
  matmulCase("B transposed", [3, 4], [2, 4], false, true, 2),
  matmulCase("both transposed", [4, 3], [2, 4], true, true),
  matmulCase("larger than a tile", [19, 35], [35, 33], false, false),
  matmulCase("larger than a tile, A transposed", [35, 19], [35, 33], true, false),
  matmulCase("larger than a tile, B transposed", [19, 35], [33, 35], false, true),
  matmulCase("batched with a factor", [2, 2, 3, 4], [2, 2, 5, 4], false, true, 0.5),
  matmulCase("batched, A transposed", [2, 4, 3], [2, 4, 5], true, false),
  matmulCase("batched, A transposed and B narrower", [2, 2, 4, 5], [2, 2, 4, 3], true, false, 0.5),
  matmulCase("batched, both transposed", [2, 4, 3], [2, 5, 4], true, true),
  matmulCase("batched, plain", [2, 3, 4], [2, 4, 5], false, false),
  matmulCase("one row", [1, 9], [9, 5], false, false),
  {
    name: "linear",
    inputs: { x: { shape: [3, 4] }, w: { shape: [5, 4] } },
    build: ({ x, w }) => [linear(x!, w!)],
    twin: ({ x, w }) => [times(x!, w!, false, true)],
  },
  {
    name: "linearPair",
    inputs: { x: { shape: [3, 4] }, a: { shape: [5, 4] }, b: { shape: [2, 4] } },
    build: ({ x, a, b }) => linearPair(x!, a!, b!),
    twin: ({ x, a, b }) => [times(x!, a!, false, true), times(x!, b!, false, true)],
  },
  {
    name: "adaptedLinear",
    inputs: { x: { shape: [3, 4] }, w: { shape: [5, 4] }, a: { shape: [2, 4] }, b: { shape: [5, 2] } },
    build: ({ x, w, a, b }) => [adaptedLinear(x!, w!, a!, b!, 1.5)],
    twin: ({ x, w, a, b }) => [times(x!, updated(w!, a!, b!, 1.5), false, true)],
  },
  {
    name: "addProduct",
    inputs: { base: { shape: [3, 5] }, u: { shape: [3, 2] }, v: { shape: [5, 2] } },
    build: ({ base, u, v }) => [addProduct(base!, u!, v!, 0.75)],
    twin: ({ base, u, v }) => {
      const product = times(u!, v!, false, true, 0.75);
      return [tabulate([3, 5], (i) => at(base!, i) + at(product, i))];
    },
  },
  {
    name: "doraLinear, the norm a constant",
    inputs: {
      x: { shape: [3, 4] },
      w: { shape: [5, 4] },
      a: { shape: [2, 4] },
      b: { shape: [5, 2] },
      m: { shape: [5], positive: true },
    },
    build: ({ x, w, a, b, m }) => [doraLinear(x!, w!, a!, b!, m!, 1.5)],
    twin: ({ x, w, a, b, m }, base) => {
      const direction = times(x!, updated(w!, a!, b!, 1.5), false, true);
      const fixed = updated(base["w"]!, base["a"]!, base["b"]!, 1.5);
      const norm = (o: number): number => Math.sqrt(total(4, (i) => at(fixed, [o, i]) ** 2));
      return [tabulate([3, 5], ([n, o]) => (at(direction, [n!, o!]) * at(m!, [o!])) / norm(o!))];
    },
  },
];
