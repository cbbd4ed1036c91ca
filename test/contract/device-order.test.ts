import { expect, it } from "vitest";

import { cpu } from "../../src/compute/devices/cpu.js";
import { reference } from "../../src/compute/devices/reference.js";
import { Graph } from "../../src/compute/graph.js";
import { add, multiply } from "../../src/compute/ops/elementwise.js";

/** x' = 2 x + 1, carried from run to run. */
function counter(): Graph {
  const graph = new Graph();
  const x = graph.input("x", "float32", [4]);
  graph.carry("x", add(multiply(x, graph.scalar(2)), graph.scalar(1)));
  graph.output("y", x);
  return graph;
}

it("native code runs natively, also where the reference device came first, and both carry state", async () => {
  for (const device of [reference, cpu, reference]) {
    const program = await device.compile(counter());
    program.load({ x: Float32Array.of(0, 1, 2, 3) });
    const seen: number[] = [];
    for (let run = 0; run < 4; run++) seen.push((await program.run({}))["y"]![1]!);
    expect(seen, device.name).toEqual([1, 3, 7, 15]);
    expect([...(await program.state())["x"]!], device.name).toEqual([15, 31, 47, 63]);
    await program.dispose();
  }
  expect(counter().outputs.size).toBe(2);
});
