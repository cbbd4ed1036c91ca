import { beforeEach, expect, it, vi } from "vitest";

import { deviceStates, findDevice } from "../../../src/compute/devices/list.js";
import type { Finding } from "../../../src/compute/devices/probe.js";

const probe = vi.hoisted(() => vi.fn<(name: string) => Finding>());
vi.mock("../../../src/compute/devices/probe.js", () => ({ probe }));

const absent: Finding = { usable: false, automatic: false, reason: "not here" };

beforeEach(() => probe.mockReset());

it("auto takes a GPU that computes right, the first in order, and looks no further", () => {
  probe.mockImplementation((name) =>
    name === "tfjs-gpu" ? { usable: true, automatic: true, reason: "NVIDIA H100" } : absent,
  );
  expect(findDevice("auto").name).toBe("tfjs-gpu");
  expect(probe.mock.calls.map(([name]) => name)).toEqual(["cuda", "tfjs-gpu"]);
});

it("auto passes over a software adapter, which can still be named", () => {
  probe.mockImplementation((name) =>
    name === "webgpu" ? { usable: true, automatic: false, reason: "only software drivers (lvp)" } : absent,
  );
  expect(findDevice("auto").name).toBe("cpu");
  expect(findDevice("webgpu").name).toBe("webgpu");
  expect(deviceStates().map(({ name, usable, reason }) => [name, usable, reason])).toEqual([
    ["cuda", false, "not here"],
    ["tfjs-gpu", false, "not here"],
    ["webgpu", true, "only software drivers (lvp)"],
    ["cpu", true, expect.stringContaining("native code")],
    ["reference", true, expect.stringContaining("same bytes on every machine")],
  ]);
});

it("a named device is not looked at", () => {
  expect(findDevice("cuda").name).toBe("cuda");
  expect(() => findDevice("gpu")).toThrow("one of cuda, tfjs-gpu, webgpu, cpu, reference, auto");
  expect(probe).not.toHaveBeenCalled();
});
