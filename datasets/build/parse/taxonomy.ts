import { join } from "node:path";

import { readText } from "../../../src/core/files.js";

/** Ranks whose names make facts. */
export const RANKS = ["phylum", "class", "order", "family", "genus"] as const;

/** A species with an English name and the names of the ranks above it. */
export interface Species {
  readonly id: number;
  readonly commonName: string;
  readonly lineage: Readonly<Partial<Record<(typeof RANKS)[number] | "kingdom", string>>>;
}

/** Reads nodes.dmp and names.dmp: fields end with tab, bar, tab. Returns species with a common name, by id. */
export function parseTaxonomy(folder: string): Species[] {
  const data = join(folder, "usr/share/EMBOSS/data/TAXONOMY");
  const parent = new Map<number, number>();
  const rank = new Map<number, string>();
  for (const line of readText(join(data, "nodes.dmp")).split("\n")) {
    const [id, above, name] = line.split("\t|\t", 3);
    if (name === undefined) continue;
    parent.set(Number(id), Number(above));
    if (name !== "no rank") rank.set(Number(id), name);
  }
  const scientific = new Map<number, string>();
  const common = new Map<number, string>();
  for (const line of readText(join(data, "names.dmp")).split("\n")) {
    const [key, name, , kind] = line.replace(/\t\|$/, "").split("\t|\t");
    const id = Number(key);
    const own = rank.get(id);
    if (own === undefined) continue;
    if (kind === "scientific name" && own !== "species") scientific.set(id, name!);
    else if (
      own === "species" &&
      (kind === "genbank common name" || (kind === "common name" && !common.has(id)))
    ) {
      common.set(id, name!);
    }
  }
  const species: Species[] = [];
  for (const id of [...common.keys()].sort((a, b) => a - b)) {
    const lineage: Partial<Record<string, string>> = {};
    for (let node = parent.get(id); node !== undefined && node !== 1; node = parent.get(node)) {
      const own = rank.get(node);
      const name = scientific.get(node);
      if (own !== undefined && name !== undefined) lineage[own] = name;
    }
    species.push({ id, commonName: common.get(id)!, lineage: lineage });
  }
  return species;
}
