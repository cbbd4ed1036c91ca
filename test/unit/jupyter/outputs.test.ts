import { describe, expect, it } from "vitest";

import { type Displays, OutputCollector } from "../../../src/jupyter/outputs.js";
import { createMessage, type Fields } from "../../../src/jupyter/wire.js";

function collect(
  messages: readonly (readonly [string, Fields])[],
  displays: Displays = new Map(),
): OutputCollector {
  const collector = new OutputCollector(displays);
  for (const [type, content] of messages) collector.add(createMessage("s", type, content));
  return collector;
}

const text = (plain: string, id?: string): Fields => ({
  data: { "text/plain": plain },
  metadata: {},
  transient: id === undefined ? {} : { display_id: id },
});

describe("OutputCollector", () => {
  it("joins neighbouring texts of one stream and keeps the order of streams", () => {
    const { outputs } = collect([
      ["stream", { name: "stdout", text: "a" }],
      ["stream", { name: "stdout", text: "b\n" }],
      ["stream", { name: "stderr", text: "c" }],
      ["stream", { name: "stdout", text: "d" }],
    ]);
    expect(outputs).toEqual([
      { output_type: "stream", name: "stdout", text: "ab\n" },
      { output_type: "stream", name: "stderr", text: "c" },
      { output_type: "stream", name: "stdout", text: "d" },
    ]);
  });

  it("updates every display of an id, also one of an earlier cell", () => {
    const displays: Displays = new Map();
    const first = collect([["display_data", text("old", "x")]], displays);
    const second = collect(
      [
        ["display_data", text("again", "x")],
        ["display_data", text("other", "y")],
        ["update_display_data", text("new", "x")],
      ],
      displays,
    );
    expect(first.outputs).toMatchObject([{ data: { "text/plain": "new" } }]);
    expect(second.outputs).toMatchObject([
      { data: { "text/plain": "new" } },
      { data: { "text/plain": "other" } },
    ]);
  });

  it("does not keep the display id", () => {
    expect(collect([["display_data", text("a", "x")]]).outputs).toEqual([
      { output_type: "display_data", data: { "text/plain": "a" }, metadata: {} },
    ]);
  });

  it("clears at once, or with the next output", () => {
    const a = ["stream", { name: "stdout", text: "a" }] as const;
    const b = ["stream", { name: "stdout", text: "b" }] as const;
    expect(collect([a, ["clear_output", { wait: false }]]).outputs).toEqual([]);
    expect(collect([a, ["clear_output", { wait: true }]]).outputs).toHaveLength(1);
    expect(collect([a, ["clear_output", { wait: true }], b]).outputs).toMatchObject([{ text: "b" }]);
  });

  it("keeps results and errors", () => {
    const { outputs } = collect([
      ["execute_result", { ...text("2"), execution_count: 7 }],
      ["error", { ename: "E", evalue: "v", traceback: ["t"] }],
    ]);
    expect(outputs).toEqual([
      { output_type: "execute_result", execution_count: 7, data: { "text/plain": "2" }, metadata: {} },
      { output_type: "error", ename: "E", evalue: "v", traceback: ["t"] },
    ]);
  });
});
