import type { ClimateVariable } from "../parse/climate.js";
import type { Country } from "../parse/countries.js";
import type { Mineral } from "../parse/minerals.js";
import { only, type WordNet } from "../parse/wordnet.js";
import { ORIGINS } from "../sources.js";
import { Candidates, type Offer } from "./candidate.js";

/** First space group number of each crystal system (International Tables for Crystallography A). */
const CRYSTAL_SYSTEMS: readonly (readonly [first: number, name: string])[] = [
  [195, "cubic"], [168, "hexagonal"], [143, "trigonal"], [75, "tetragonal"], [16, "orthorhombic"], [3, "monoclinic"], [1, "triclinic"],
]; // prettier-ignore

const REALMS: Readonly<Record<string, string>> = {
  atmos: "atmosphere",
  land: "land",
  ocean: "ocean",
  ocnBgchem: "ocean biogeochemistry",
  aerosol: "aerosol",
  landIce: "land ice",
  seaIce: "sea ice",
};

const PLACE_LEXICONS = [15, 17];

/** Facts about countries, places of WordNet, minerals and climate variables. */
export function geography(
  countries: readonly Country[],
  wordnet: WordNet,
  minerals: readonly Mineral[],
  climate: readonly ClimateVariable[],
): Offer {
  const offer = new Candidates("geography");
  for (const country of countries) addCountry(offer, country);
  addPlaces(offer, wordnet);
  for (const mineral of minerals) addMineral(offer, mineral);
  for (const variable of climate) addVariable(offer, variable);
  return { quotas: { countries: 1600, places: 2600, minerals: 500, climate: 900 }, candidates: offer.list };
}

function addCountry(offer: Candidates, country: Country): void {
  const add = (relation: string, answers: readonly (string | number)[]): void => {
    if (answers.length === 1)
      offer.add(ORIGINS.countries, "countries", relation, country.name, String(answers[0]));
  };
  add("capital", [country.capital]);
  add("continent", [country.continent]);
  add("currency", country.currencies);
  add("language", country.languages);
  add("country-code", [country.code]);
  add("calling-code", country.callingCodes);
}

function addPlaces(offer: Candidates, wordnet: WordNet): void {
  for (const synset of wordnet.nouns.values()) {
    const kind = only(wordnet, synset, "@i");
    if (kind === undefined || !PLACE_LEXICONS.includes(synset.lexicon)) continue;
    const add = (relation: string, [answer, ...aliases]: readonly string[]): void =>
      offer.add(ORIGINS.wordnet, "places", relation, synset.words[0]!, answer!, aliases);
    add("place-kind", kind.words);
    const region = only(wordnet, synset, "#p");
    if (region === undefined) continue;
    add("place-region", region.words);
    const wider = only(wordnet, region, "#p");
    if (wider !== undefined) add("place-wider-region", wider.words);
  }
}

function addMineral(offer: Candidates, { name, group, spaceGroup, formula }: Mineral): void {
  if (!/^[A-Z][a-z]{3,}$/.test(name) || group === "elements" || group === "other") return;
  const add = (relation: string, answer: string): void =>
    offer.add(ORIGINS.minerals, "minerals", relation, name.toLowerCase(), answer);
  add("mineral-group", group === "telurides" ? "tellurides" : group);
  const system = CRYSTAL_SYSTEMS.find(([first]) => spaceGroup >= first);
  if (system !== undefined) add("crystal-system", system[1]);
  const symbols = [...new Set(formula.match(/[A-Z][a-z]?/g))];
  if (symbols.length > 1) add("mineral-elements", symbols.join(" "));
}

function addVariable(offer: Candidates, { name, code, units, realms }: ClimateVariable): void {
  const add = (relation: string, answer: string): void =>
    offer.add(ORIGINS.climate, "climate", relation, name, answer);
  if (/[a-z]/i.test(units) && !/^\d/.test(units)) add("climate-unit", units);
  if (realms.length === 1) add("climate-realm", REALMS[realms[0]!] ?? "");
  if (/^[a-z][a-z0-9]*$/i.test(code)) add("climate-code", code);
}
