import type { OperationCase } from "../case.js";
import { DECODER } from "./decoder.js";
import { ELEMENTWISE } from "./elementwise.js";
import { PRODUCTS } from "./products.js";
import { ROWS } from "./rows.js";
import { SHAPES } from "./shapes.js";

/** Every case of every operation. */
export const CASES: readonly OperationCase[] = [...ELEMENTWISE, ...PRODUCTS, ...SHAPES, ...ROWS, ...DECODER];
