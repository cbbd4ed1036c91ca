import { join, resolve } from "node:path";

import { describe, expect, it } from "vitest";
import { parse } from "yaml";

import { readText } from "../../../src/core/files.js";
import { parseTrainRequest, REQUEST_KEYS } from "../../../src/runs/schema.js";

const readme = readText(join(resolve(import.meta.dirname, "../../.."), "README.md"));
const requests = [...readme.matchAll(/^```yaml\n(.*?)^```/gms)]
  .map(([, text]) => parse(text!) as Record<string, unknown>)
  .filter((block) => "model" in block && "data" in block);

/** Names of all objects, by path. */
function keysByPath(
  value: unknown,
  path = "",
  found = new Map<string, Set<string>>(),
): Map<string, Set<string>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return found;
  const names = found.get(path) ?? new Set();
  found.set(path, names);
  for (const [name, inner] of Object.entries(value)) {
    names.add(name);
    keysByPath(inner, path === "" ? name : `${path}.${name}`, found);
  }
  return found;
}

describe("requests of the README", () => {
  it.each(requests)("are accepted: %o", (request) => {
    expect(() => parseTrainRequest(request)).not.toThrow();
  });

  it("name every key, in YAML or in the comment beside it", () => {
    const shown = new Map<string, Set<string>>();
    requests.forEach((request) => keysByPath(request, "", shown));
    const section = readme.slice(readme.indexOf("## A request in full"), readme.indexOf("## The laws"));
    const missing = Object.entries(REQUEST_KEYS).flatMap(([path, names]) =>
      names
        .filter((name) => shown.get(path)?.has(name) !== true && !new RegExp(`\\b${name}: `).test(section))
        .map((name) => `${path}.${name}`),
    );
    expect(missing.filter((name) => !/\.(mathematics|medicine|biology|kind)$/.test(name))).toEqual([]);
  });
});
