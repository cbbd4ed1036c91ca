import type { Emitter } from "../onnx.js";

/**
 * Emits y = ln(1 + u) for u > -1 that keeps its relative accuracy at small u, where 1 + u rounds:
 * with w = fl(1 + u), y = ln w + (u - (w - 1)) / w. ONNX has no log1p.
 * Source: Kahan's correction, as in log1p of the GNU Scientific Library.
 */
export function emitLog1p(emit: Emitter, u: string, y: string): void {
  const [w, log, rounded, lost, correction] = Array.from({ length: 5 }, () => emit.temporary());
  emit.node("Add", [u, emit.scalar(1)], [w!]);
  emit.node("Log", [w!], [log!]);
  emit.node("Sub", [w!, emit.scalar(1)], [rounded!]);
  emit.node("Sub", [u, rounded!], [lost!]);
  emit.node("Div", [lost!, w!], [correction!]);
  emit.node("Add", [log!, correction!], [y]);
}
