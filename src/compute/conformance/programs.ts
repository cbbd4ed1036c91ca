import type { Program } from "../device.js";
import { Graph, type Values } from "../graph.js";
import { add, multiply } from "../ops/elementwise.js";
import { scatterAddRows } from "../ops/gather.js";
import { stream } from "../../core/random.js";
import { type CheckGroup, type CheckResult, within } from "./check.js";

/** Width and number of updates from which a lost one was seen on two threads. */
const WIDTH = 384;
const UPDATES = 1024;
/** Different rows that the updates go to. */
const DISTINCT = [1, 8, 64] as const;
const REPEATS = 20;

/** Many updates of few wide rows, again and again: sums must be exact, and equal where bytes repeat. */
export const SCATTER_CHECKS: CheckGroup = {
  checks: DISTINCT.map((distinct) => `repeated rows: ${UPDATES} updates of ${distinct}`),
  run: async (device, { threads }) => {
    const found: CheckResult[] = [];
    for (const [index, distinct] of DISTINCT.entries()) {
      const size = distinct + 1; // the last row stays empty
      const graph = new Graph();
      const rows = graph.input("rows", "int32", [UPDATES]);
      const updates = graph.input("updates", "float32", [UPDATES, WIDTH]);
      graph.output("sums", scatterAddRows(rows, updates, size));
      const program = await device.compile(graph, { threads });
      try {
        const draw = stream(7, "conformance", "repeated rows", distinct);
        const ones = new Float32Array(UPDATES * WIDTH).fill(1);
        const random = Float32Array.from(ones, () => draw.normal());
        const ids = Int32Array.from({ length: UPDATES }, (_, n) => n % distinct);
        let lost = 0;
        let differing = 0;
        let first: Values | undefined;
        for (let repeat = 0; repeat < REPEATS; repeat++) {
          const { sums } = await program.run({ rows: ids, updates: ones });
          lost += missing(sums, distinct);
          const { sums: again } = await program.run({ rows: ids, updates: random });
          first ??= again?.slice();
          differing += again?.every((value, i) => value === first![i]) === true ? 0 : 1;
        }
        const repeatable =
          device.determinism === "tolerance" ? "" : `; ${differing} of ${REPEATS} runs differ`;
        found.push(
          within(
            SCATTER_CHECKS.checks[index]!,
            lost + (device.determinism === "tolerance" ? 0 : differing),
            0,
            `${lost} updates lost in ${REPEATS} runs with ${threads} threads${repeatable}`,
          ),
        );
      } finally {
        await program.dispose();
      }
    }
    return found;
  },
};

function missing(sums: Values | undefined, distinct: number): number {
  if (sums?.length !== (distinct + 1) * WIDTH) return UPDATES;
  let lost = 0;
  sums.forEach((sum, i) => {
    const expected = i < distinct * WIDTH ? UPDATES / distinct : 0;
    lost += sum === expected ? 0 : Math.abs(expected - sum) || UPDATES;
  });
  return lost;
}

const STATE_CHECKED = [
  "carried state: each run continues from the last",
  "carried state: what is given is copied, what is returned stays",
  "carried state: loaded anew in the middle",
] as const;

/** x' = 2 x + k with k loaded once: four values that are carried, four that stay. */
export const STATE_CHECKS: CheckGroup = {
  checks: STATE_CHECKED,
  run: async (device, { threads }) => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [4]);
    const k = graph.input("k", "float32", [4]);
    graph.carry("x", add(multiply(x, graph.scalar(2)), k));
    graph.output("seen", multiply(x, graph.scalar(1)));
    const program = await device.compile(graph, { threads });
    try {
      const start = Float32Array.of(0, 1, 2, 3);
      program.load({ x: start, k: Float32Array.of(1, 1, 1, 1) });
      start.fill(-1);
      const firstSeen = await seen(program);
      const kept = firstSeen.slice();
      const firstState = await program.state();
      const keptState = Float32Array.from(firstState["x"]!);
      const trail = [firstSeen[1]];
      for (let run = 0; run < 3; run++) trail.push((await seen(program))[1]);
      const after = await program.state();
      program.load({ x: Float32Array.of(10, 20, 30, 40) });
      const anew = [...(await seen(program)), ...(await program.state())["x"]!];
      const rest = [kept, firstSeen, keptState, firstState["x"]!].map((values) => [...values]);
      return [
        equal(STATE_CHECKED[0], [...trail, ...after["x"]!], [1, 3, 7, 15, 15, 31, 47, 63]),
        equal(STATE_CHECKED[1], rest.flat(), [0, 1, 2, 3, 0, 1, 2, 3, 1, 3, 5, 7, 1, 3, 5, 7]),
        equal(STATE_CHECKED[2], anew, [10, 20, 30, 40, 21, 41, 61, 81]),
      ];
    } finally {
      await program.dispose();
    }
  },
};

async function seen(program: Program): Promise<Values> {
  return (await program.run({}))["seen"]!;
}

function equal(name: string, got: readonly (number | undefined)[], expected: readonly number[]): CheckResult {
  const wrong = expected.filter((value, index) => got[index] !== value).length;
  return within(
    name,
    wrong,
    0,
    wrong === 0
      ? `all ${expected.length} values as counted`
      : `got ${got.join(" ")}, expected ${expected.join(" ")}`,
  );
}
