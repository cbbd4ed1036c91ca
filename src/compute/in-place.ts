import type { Call, Graph, Tensor } from "./graph.js";
import { liveCalls } from "./onnx.js";

/** Operations that read each element only where they write it. */
const ELEMENTWISE: ReadonlySet<string> = new Set(["add", "subtract", "multiply", "divide"]);

/**
 * Carried inputs whose next value may be written over them: every call that reads the input comes before the call that
 * makes the next value in any order of execution, or is that call and works element by element.
 */
export function overwritable(graph: Graph): ReadonlySet<string> {
  const calls = liveCalls(graph);
  const makers = new Map<Tensor, Call>(calls.flatMap((call) => call.outputs.map((output) => [output, call])));
  const found = new Set<string>();
  for (const [name, output] of graph.carried) {
    const input = graph.inputs.get(name)!;
    const maker = makers.get(graph.outputs.get(output)!);
    if (maker === undefined) continue;
    const before = ancestors(maker, makers);
    const safe = calls
      .filter(({ inputs }) => inputs.includes(input))
      .every((call) => before.has(call) || (call === maker && ELEMENTWISE.has(call.operation.name)));
    if (safe) found.add(name);
  }
  return found;
}

function ancestors(call: Call, makers: ReadonlyMap<Tensor, Call>): ReadonlySet<Call> {
  const found = new Set<Call>();
  const open = [call];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const input of next.inputs) {
      const maker = makers.get(input);
      if (maker === undefined || found.has(maker)) continue;
      found.add(maker);
      open.push(maker);
    }
  }
  return found;
}
