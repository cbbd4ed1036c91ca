import type { Element } from "../parse/elements.js";
import { ancestors, type Term } from "../parse/obo.js";
import { ORIGINS } from "../sources.js";
import { Candidates, type Offer } from "./candidate.js";

/** Atomic numbers of the noble gases: the last element of each period. */
const NOBLE_GASES = [0, 2, 10, 18, 36, 54, 86];

const COUNTRIES: Readonly<Record<string, string>> = {
  uk: "United Kingdom", se: "Sweden", fr: "France", de: "Germany", dk: "Denmark", ru: "Russia", us: "United States",
  fi: "Finland", it: "Italy", es: "Spain", ancient: "known since antiquity",
}; // prettier-ignore

/** Families of compounds that exclude each other well enough to ask for "the family": a compound counts only if it is in one. */
const FAMILIES = [
  "alkaloid", "steroid", "terpenoid", "flavonoids", "peptide", "carbohydrate", "amino acid", "fatty acid", "nucleoside",
  "nucleotide", "hydrocarbon", "phospholipid", "glycolipid", "quinone", "coumarins", "macrolide", "azo compound",
  "sulfonamide", "organic sulfide", "aldehyde", "nitrile", "carboxylic ester", "ketone", "alcohol", "ether", "amine",
]; // prettier-ignore

/** Ids of the roles that ChEBI counts as pharmaceutical: everything below "drug" and "pharmacological role". */
export function pharmaceuticalRoles(chebi: ReadonlyMap<string, Term>): ReadonlySet<string> {
  const tops = new Set(["drug", "pharmaceutical", "pharmacological role"]);
  const roles = new Set<string>();
  for (const { id } of chebi.values()) {
    if (ancestors(chebi, id).some((above) => tops.has(chebi.get(above)?.name ?? ""))) roles.add(id);
  }
  return roles;
}

/** Can this name stand in a question? Letters, blanks and hyphens, at most 24 of them. */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z][A-Za-z -]{2,23}$/.test(name);
}

/** The parent class of a compound where there is one only, and one with at least eight members. */
export function chemicalClass(
  chebi: ReadonlyMap<string, Term>,
  term: Term,
  members: ReadonlyMap<string, number>,
): string | undefined {
  const parent = term.parents[0];
  if (term.parents.length !== 1 || parent === undefined || (members.get(parent) ?? 0) < 8) return undefined;
  const name = chebi.get(parent)?.name;
  return name !== undefined && isPlainName(name) ? name : undefined;
}

/** Number of direct members of each class. */
export function countMembers(chebi: ReadonlyMap<string, Term>): ReadonlyMap<string, number> {
  const members = new Map<string, number>();
  for (const { parents } of chebi.values()) {
    for (const parent of parents) members.set(parent, (members.get(parent) ?? 0) + 1);
  }
  return members;
}

/** Facts about the elements and about compounds of ChEBI. */
export function chemistry(elements: readonly Element[], chebi: ReadonlyMap<string, Term>): Offer {
  const offer = new Candidates("chemistry");
  for (const element of elements) addElement(offer, element);
  const roles = pharmaceuticalRoles(chebi);
  const members = countMembers(chebi);
  for (const term of chebi.values()) addCompound(offer, chebi, term, roles, members);
  return { quotas: { elements: 1000, compounds: 2500, drugs: 1200 }, candidates: offer.list };
}

function addElement(offer: Candidates, element: Element): void {
  const add = (relation: string, answer: string | number): void =>
    offer.add(ORIGINS.elements, "elements", relation, element.name.toLowerCase(), String(answer));
  add("element-symbol", element.symbol);
  add("element-period", element.period);
  const group = groupOf(element.number, element.block);
  if (group !== undefined) add("element-group", group);
  // Four answers are too few, so selection drops it; without the line all draws, and with them the base text, would change.
  add("element-block", element.block);
  const outer = element.shells.at(-1);
  if (outer !== undefined) add("outer-shell", outer);
  const [country, second] = element.discoveredIn;
  if (country !== undefined && second === undefined) add("discovery-country", COUNTRIES[country] ?? "");
  if (element.discoveryYear > 1000) add("discovery-year", element.discoveryYear);
  add("atomic-number", element.number);
}

/** IUPAC group 1 to 18 from the place after the last noble gas; undefined for the f block. */
function groupOf(number: number, block: string): number | undefined {
  if (block === "f") return undefined;
  const core = NOBLE_GASES.filter((noble) => noble < number).at(-1)!;
  const place = number - core;
  const length = core === 0 ? 2 : core < 18 ? 8 : core < 54 ? 18 : 32;
  return place <= 2 && block === "s" && number !== 2 ? place : 18 - (length - place);
}

function addCompound(
  offer: Candidates,
  chebi: ReadonlyMap<string, Term>,
  term: Term,
  roles: ReadonlySet<string>,
  members: ReadonlyMap<string, number>,
): void {
  const formulas = [...new Set(term.tagged.get("FORMULA") ?? [])];
  if (!isPlainName(term.name) || formulas.length !== 1) return;
  const isDrug = (term.relationships.get("has_role") ?? []).some((role) => roles.has(role));
  const add = (relation: string, answer: string): void =>
    offer.add(ORIGINS.chebi, isDrug ? "drugs" : "compounds", relation, term.name, answer);
  const parent = chemicalClass(chebi, term, members);
  if (parent !== undefined) add("chemical-class", parent);
  const families = new Set(ancestors(chebi, term.id).map((id) => chebi.get(id)?.name ?? ""));
  const own = FAMILIES.filter((family) => families.has(family));
  if (own.length === 1) add("compound-family", own[0]!);
  const bases = term.relationships.get("has_functional_parent") ?? [];
  const base = bases.length === 1 ? chebi.get(bases[0]!)?.name : undefined;
  if (base !== undefined && isPlainName(base)) add("parent-compound", base);
  const formula = formulas[0]!;
  if (!/^([A-Z][a-z]?\d*)+$/.test(formula) || /R(?![a-z])|X(?![a-z])/.test(formula)) return;
  const symbols = [...new Set(formula.match(/[A-Z][a-z]?/g))];
  if (symbols.length > 1) add("compound-elements", symbols.join(" "));
  add("molecular-formula", formula);
  const carbons = /C(?![a-z])(\d*)/.exec(formula);
  if (carbons !== null) add("carbon-atoms", carbons[1] === "" ? "1" : carbons[1]!);
}
