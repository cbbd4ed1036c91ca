import { join } from "node:path";

import { readJson } from "../../../src/core/files.js";

/** A country with names instead of codes. */
export interface Country {
  readonly code: string;
  readonly name: string;
  readonly alternatives: readonly string[];
  readonly continent: string;
  readonly capital: string;
  readonly currencies: readonly string[];
  readonly languages: readonly string[];
  readonly callingCodes: readonly number[];
}

interface Entry {
  name: string;
  alias?: string[];
  continent: string;
  capital: string;
  currency: string[];
  languages: string[];
  phone: number[];
}

/** Reads the country, currency, language and continent tables; parts of another country are left out. */
export function parseCountries(folder: string): Country[] {
  const table = <T>(name: string): Record<string, T> =>
    readJson(join(folder, "package", name)) as Record<string, T>;
  const currencies = table<{ name: string }>("currencies.all.min.json");
  const languages = table<{ name: string }>("languages.all.min.json");
  const continents = table<string>("continents.min.json");
  return Object.entries(table<Entry & { partOf?: string }>("countries.min.json"))
    .filter(([, entry]) => entry.partOf === undefined)
    .map(([code, entry]) => ({
      code,
      name: entry.name,
      alternatives: entry.alias ?? [],
      continent: continents[entry.continent] ?? "",
      capital: entry.capital,
      currencies: entry.currency.map((key) => currencies[key]?.name ?? ""),
      languages: entry.languages.map((key) => languages[key]?.name ?? ""),
      callingCodes: entry.phone,
    }))
    .sort((a, b) => (a.code < b.code ? -1 : 1));
}
