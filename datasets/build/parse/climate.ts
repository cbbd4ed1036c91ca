import { join } from "node:path";

import { listFolder, readJson } from "../../../src/core/files.js";

/** A variable that climate models report. */
export interface ClimateVariable {
  /** Long name, for example "Surface Air Pressure". */
  readonly name: string;
  /** Short name in files, for example "ps". */
  readonly code: string;
  readonly units: string;
  /** Realms, for example ["atmos"]. */
  readonly realms: readonly string[];
}

interface Table {
  variable_entry?: Record<
    string,
    Partial<Record<"long_name" | "out_name" | "units" | "modeling_realm", string>>
  >;
}

/** Reads the variable tables in file order; a variable stands in several. */
export function parseClimate(folder: string): ClimateVariable[] {
  const root = join(folder, "usr/share/cmor/CMIP6");
  return listFolder(root)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => Object.values((readJson(join(root, name)) as Table).variable_entry ?? {}))
    .map((entry) => ({
      name: entry.long_name ?? "",
      code: entry.out_name ?? "",
      units: entry.units ?? "",
      realms: (entry.modeling_realm ?? "").split(" ").filter((realm) => realm !== ""),
    }))
    .filter(({ name, realms }) => name !== "" && realms.length > 0);
}
