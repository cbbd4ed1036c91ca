import { join } from "node:path";

import { listFiles, readText } from "../../../src/core/files.js";

/** A mineral with a measured crystal. */
export interface Mineral {
  readonly name: string;
  /** Folder of the source, for example "carbonates". */
  readonly group: string;
  /** International Tables number of the space group, 1 to 230. */
  readonly spaceGroup: number;
  /** Sum formula as the file writes it, for example "C Ca O3". */
  readonly formula: string;
}

/** Reads the crystallographic files that name a mineral, by path. */
export function parseMinerals(folder: string): Mineral[] {
  const root = join(folder, "usr/share/avogadro2/crystals");
  return listFiles(root)
    .filter((path) => path.endsWith(".cif"))
    .map((path) => {
      const text = readText(join(root, path));
      const field = (key: string): string =>
        new RegExp(`^${key}\\s+'?([^'\\n]*?)'?\\s*$`, "m").exec(text)?.[1]?.trim() ?? "";
      return {
        name: field("_chemical_name_mineral"),
        group: path.split("/")[0]!,
        spaceGroup: Number(field("_space_group_IT_number") || field("_symmetry_Int_Tables_number")),
        formula: field("_chemical_formula_sum"),
      };
    })
    .filter(({ name }) => name !== "");
}
