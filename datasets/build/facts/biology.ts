import { RANKS, type Species } from "../parse/taxonomy.js";
import { ORIGINS } from "../sources.js";
import { Candidates, type Offer } from "./candidate.js";

const TOPIC_OF_CLASS: Readonly<Record<string, string>> = {
  Mammalia: "mammals",
  Aves: "birds",
  Actinopterygii: "fishes",
  Chondrichthyes: "fishes",
  Amphibia: "amphibians",
  Insecta: "insects",
};

/** Facts about species with an English name: the ranks above them. */
export function biology(species: readonly Species[]): Offer {
  const offer = new Candidates("biology");
  for (const { commonName, lineage } of species) {
    if (!/^[A-Za-z][A-Za-z' -]+$/.test(commonName)) continue;
    const topic = topicOf(lineage);
    for (const rank of RANKS) {
      const name = lineage[rank];
      if (name !== undefined && /^[A-Z][a-z]+$/.test(name))
        offer.add(ORIGINS.taxonomy, topic, `species-${rank}`, commonName, name);
    }
  }
  return {
    quotas: {
      mammals: 850,
      birds: 850,
      fishes: 850,
      amphibians: 700,
      insects: 850,
      plants: 850,
      others: 850,
    },
    candidates: offer.list,
  };
}

function topicOf(lineage: Species["lineage"]): string {
  if (lineage.kingdom === "Viridiplantae") return "plants";
  return TOPIC_OF_CLASS[lineage.class ?? ""] ?? "others";
}
