import { cos, exp, pow, sin } from "../../../core/math.js";
import { multiply } from "../../ops/elementwise.js";
import { rotary, rotaryTables } from "../../ops/rotary.js";
import { largestExperts, nucleusExperts, withinCapacity } from "../../ops/router.js";
import { softmax } from "../../ops/softmax.js";
import type { OperationCase } from "../case.js";
import { at, type Plain, tabulate, total } from "../plain.js";

/** 1 for the `count` largest of each row, the first of equal ones. */
function largest(p: Plain, count: number): Plain {
  const [, experts] = p.shape as [number, number];
  return tabulate(p.shape, ([n, e]) => {
    const own = at(p, [n!, e!]);
    const ahead = total(experts, (k) => {
      const other = at(p, [n!, k]);
      return Number(other > own || (other === own && k < e!));
    });
    return Number(ahead < count);
  });
}

/** 1 for the experts before which less than `mass` lies. */
function nucleus(p: Plain, mass: number): Plain {
  const [, experts] = p.shape as [number, number];
  return tabulate(p.shape, ([n, e]) => {
    const own = at(p, [n!, e!]);
    return Number(total(experts, (k) => (at(p, [n!, k]) > own ? at(p, [n!, k]) : 0)) < mass);
  });
}

function shares(x: Plain): Plain {
  const [, experts] = x.shape as [number, number];
  return tabulate(x.shape, ([n, e]) => exp(at(x, [n!, e!])) / total(experts, (k) => exp(at(x, [n!, k]))));
}

function product(a: Plain, b: Plain): Plain {
  return tabulate(a.shape, (i) => at(a, i) * at(b, i));
}

const POSITIONS = [0, 1, 2, 0, 5, 1];

/** Operations of attention positions and of routing. */
export const DECODER: readonly OperationCase[] = [
  {
    name: "rotary, two heads",
    inputs: { x: { shape: [2, 3, 8] }, positions: { shape: [2, 3], integers: POSITIONS } },
    build: ({ x, positions }, graph) => [rotary(x!, positions!, rotaryTables(graph, 6, 4, 10000), 2)],
    twin: ({ x, positions }) => [
      tabulate([2, 3, 8], ([b, t, c]) => {
        const place = c! % 4;
        const i = place % 2;
        const angle = at(positions!, [b!, t!]) * pow(10000, (-2 * i) / 4);
        const other = at(x!, [b!, t!, place < 2 ? c! + 2 : c! - 2]);
        return at(x!, [b!, t!, c!]) * cos(angle) + (place < 2 ? -other : other) * sin(angle);
      }),
    ],
  },
  {
    name: "chooseExperts, the two largest",
    inputs: { p: { shape: [6, 5] } },
    build: ({ p }) => {
      const chosen = largestExperts(p!, 2);
      return [chosen, multiply(chosen, p!)];
    },
    twin: ({ p }) => {
      const chosen = largest(p!, 2);
      return [chosen, product(chosen, p!)];
    },
    choices: { 0: [0, 1] },
  },
  {
    name: "chooseExperts, the first of equal ones",
    inputs: { p: { shape: [2, 4], values: [0.25, 0.25, 0.25, 0.25, 0.1, 0.4, 0.1, 0.4] } },
    build: ({ p }) => [largestExperts(p!, 1)],
    twin: ({ p }) => [largest(p!, 1)],
    differentiable: false,
    choices: { 0: [0, 1] },
  },
  {
    name: "chooseExperts, a mass of 0.8",
    inputs: { x: { shape: [6, 5] } },
    build: ({ x }) => {
      const p = softmax(x!);
      const chosen = nucleusExperts(p, 0.8);
      return [chosen, multiply(chosen, p)];
    },
    twin: ({ x }) => {
      const p = shares(x!);
      const chosen = nucleus(p, 0.8);
      return [chosen, product(chosen, p)];
    },
    choices: { 0: [0, 1] },
  },
  {
    name: "withinCapacity, times p",
    inputs: { p: { shape: [7, 3] } },
    build: ({ p }) => [multiply(withinCapacity(largestExperts(p!, 1), 2), p!)],
    twin: ({ p }) => {
      const chosen = largest(p!, 1);
      const kept = tabulate([7, 3], ([n, e]) => {
        const before = total(n! + 1, (k) => at(chosen, [k, e!]));
        return at(chosen, [n!, e!]) * Number(before <= 2);
      });
      return [product(kept, p!)];
    },
  },
];
