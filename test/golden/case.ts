import { join } from "node:path";

import { exists, isFolder, listFolder, readJson } from "../../src/core/files.js";
import { readTensors, type Weights } from "../../src/model/safetensors.js";

/** One reference case: what goes in and what an established Python package answers. */
export interface GoldenCase {
  readonly topic: string;
  readonly name: string;
  readonly folder: string;
  readonly kind: string;
  // Cases of every kind have inputs of their own; each runner knows its kind's.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly inputs: any;
  readonly expected: Readonly<Record<string, unknown>>;
  readonly tolerance: { readonly rtol: number; readonly atol: number };
}

/** Computes what a case expects: a tree with the leaves of `expected`, tensor files as weights by name. */
export interface Runner {
  /** Leaves of `expected` that are not compared, by path, each with its reason. */
  readonly ignored: Readonly<Record<string, string>>;
  run(golden: GoldenCase): Promise<Readonly<Record<string, unknown>>>;
}

/** All cases below a folder, `<topic>/<case>/case.json`; folders that only hold inputs are left out. */
export function listCases(root: string): GoldenCase[] {
  return listFolder(root)
    .filter((topic) => isFolder(join(root, topic)))
    .flatMap((topic) =>
      listFolder(join(root, topic)).flatMap((name): GoldenCase[] => {
        const folder = join(root, topic, name);
        if (!exists(join(folder, "case.json"))) return [];
        const { kind, inputs, expected, tolerance } = readJson(join(folder, "case.json")) as GoldenCase;
        return kind === "shared_inputs" ? [] : [{ topic, name, folder, kind, inputs, expected, tolerance }];
      }),
    );
}

/** Differences between a case and what was computed: one line a leaf. Empty where all leaves agree. */
export function differences(
  golden: GoldenCase,
  computed: Readonly<Record<string, unknown>>,
  ignored: Runner["ignored"],
): string[] {
  const found: string[] = [];
  const { rtol, atol } = golden.tolerance;
  const close = (got: number, expected: number): boolean =>
    Object.is(got, expected) || Math.abs(got - expected) <= atol + rtol * Math.abs(expected);
  const visit = (path: string, expected: unknown, got: unknown): void => {
    if (ignored[path] !== undefined) return;
    if (Array.isArray(expected)) {
      const list = got as unknown[] | undefined;
      if (list?.length !== expected.length) {
        found.push(`${path}: got ${list?.length ?? "nothing"} elements, expected ${expected.length}`);
      } else expected.forEach((item, index) => visit(`${path}[${index}]`, item, list[index]));
    } else if (typeof expected === "object" && expected !== null) {
      for (const [key, item] of Object.entries(expected)) {
        visit(
          path === "" ? key : `${path}.${key}`,
          item,
          (got as Record<string, unknown> | undefined)?.[key],
        );
      }
    } else if (path.startsWith("tensor_files.")) {
      compareTensors(path, readTensors(join(golden.folder, expected as string)), got as Weights | undefined);
    } else if (typeof expected === "number" && typeof got === "number") {
      const integers = Number.isInteger(expected) && Number.isInteger(got);
      if (integers ? got !== expected && !close(got, expected) : !close(got, expected)) {
        found.push(`${path}: got ${got}, expected ${expected}`);
      }
    } else if (typeof got === "number" && typeof expected === "string") {
      if (String(got) !== expected) found.push(`${path}: got ${got}, expected ${expected}`);
    } else if (got !== expected)
      found.push(`${path}: got ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`);
  };
  const compareTensors = (path: string, expected: Weights, got: Weights | undefined): void => {
    for (const [name, { shape, data }] of expected) {
      const tensor = got?.get(name);
      if (tensor === undefined || `${tensor.shape}` !== `${shape}`) {
        found.push(`${path}, ${name}: got shape [${tensor?.shape ?? "none"}], expected [${shape}]`);
        continue;
      }
      const at = data.findIndex((value, index) => !close(tensor.data[index]!, value));
      if (at >= 0) found.push(`${path}, ${name} at ${at}: got ${tensor.data[at]}, expected ${data[at]}`);
    }
  };
  visit("", golden.expected, computed);
  return found;
}
