import { cos, sin } from "../core/math.js";

/**
 * The angle in [0, pi] whose cosine is x, the same bits on every machine.
 * Equation: theta = pi/2 - arcsin x for |x| <= 0.7, else 2 arcsin sqrt((1 - x) / 2) from the near end; arcsin s by Newton's
 * method, phi <- phi - (sin phi - s) / cos phi from s + s^3 / 6 + 3 s^5 / 40, four steps.
 * Symbols: x in [-1, 1]; what rounding left outside is drawn in. Source: Newton 1669.
 */
export function arccos(x: number): number {
  if (x >= 1) return 0;
  if (x <= -1) return Math.PI;
  if (Math.abs(x) <= 0.7) return Math.PI / 2 - arcsin(x);
  const near = 2 * arcsin(Math.sqrt((1 - Math.abs(x)) / 2));
  return x > 0 ? near : Math.PI - near;
}

function arcsin(s: number): number {
  let angle = s + (s * s * s) / 6 + (3 * s * s * s * s * s) / 40;
  for (let step = 0; step < 4; step++) angle -= (sin(angle) - s) / cos(angle);
  return angle;
}
