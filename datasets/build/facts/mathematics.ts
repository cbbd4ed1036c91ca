import { stream } from "../../../src/core/random.js";
import type { SetMm, Theorem } from "../parse/set-mm.js";
import { ORIGINS } from "../sources.js";
import { Candidates, type Offer } from "./candidate.js";

/** Part headings of set.mm in a short form; parts that are not here (deprecated, mathboxes, guides) give no facts. */
const PARTS: Readonly<Record<string, string>> = {
  "CLASSICAL FIRST-ORDER LOGIC WITH EQUALITY": "first-order logic",
  "ZF (ZERMELO-FRAENKEL) SET THEORY": "ZF set theory",
  "ZFC (ZERMELO-FRAENKEL WITH CHOICE) SET THEORY": "ZFC set theory",
  "TG (TARSKI-GROTHENDIECK) SET THEORY": "TG set theory",
  "REAL AND COMPLEX NUMBERS": "real and complex numbers",
  "ELEMENTARY NUMBER THEORY": "elementary number theory",
  "BASIC STRUCTURES": "basic structures",
  "BASIC CATEGORY THEORY": "category theory",
  "BASIC ORDER THEORY": "order theory",
  "BASIC ALGEBRAIC STRUCTURES": "algebraic structures",
  "BASIC LINEAR ALGEBRA": "linear algebra",
  "BASIC TOPOLOGY": "topology",
  "BASIC REAL AND COMPLEX ANALYSIS": "analysis",
  "BASIC REAL AND COMPLEX FUNCTIONS": "functions",
  "ELEMENTARY GEOMETRY": "elementary geometry",
  "GRAPH THEORY": "graph theory",
};

const ROMAN: readonly (readonly [number, string])[] = [
  [100, "C"], [90, "XC"], [50, "L"], [40, "XL"], [10, "X"], [9, "IX"], [5, "V"], [4, "IV"], [1, "I"],
]; // prettier-ignore

/** Facts about theorems of set.mm, and about small numbers, powers and pairs that are computed here. */
export function mathematics(setMm: SetMm): Offer {
  const offer = new Candidates("mathematics");
  for (const theorem of setMm.theorems) addTheorem(offer, theorem, setMm.contributors);
  for (let n = 11; n < 300; n++) addNumber(offer, n);
  for (let a = 2; a < 20; a++) for (let k = 3; k < 12; k++) addPower(offer, a, k);
  addPairs(offer);
  return { quotas: { theorems: 3000, numbers: 1200, powers: 400, pairs: 600 }, candidates: offer.list };
}

function addTheorem(
  offer: Candidates,
  { label, part, section, subsection, contributor, year }: Theorem,
  names: ReadonlyMap<string, string>,
): void {
  const short = PARTS[part];
  if (short === undefined || !/^[a-z][A-Za-z0-9]{3,11}$/.test(label)) return;
  const add = (relation: string, answer: string, aliases: readonly string[] = []): void =>
    offer.add(ORIGINS.setMm, "theorems", relation, label, answer, aliases);
  add("theorem-part", short);
  if (section !== "") add("theorem-section", section);
  if (subsection !== "") add("theorem-subsection", subsection);
  if (contributor !== "") {
    const name = names.get(contributor);
    add("theorem-contributor", name ?? contributor, name === undefined ? [] : [contributor]);
  }
  if (year > 0) add("theorem-year", String(year));
}

function addNumber(offer: Candidates, n: number): void {
  const add = (relation: string, answer: string | number): void =>
    offer.add(ORIGINS.computed, "numbers", relation, String(n), String(answer));
  add("roman-numeral", roman(n));
  add(
    "digit-sum",
    Array.from(String(n)).reduce((total, digit) => total + Number(digit), 0),
  );
  add("divisor-count", divisors(n).length);
  add("modulo-nine", n % 9);
  if (n % 2 === 1) add("least-prime-factor", divisors(n)[1]!);
  add("binary-form", n.toString(2));
}

function addPower(offer: Candidates, a: number, k: number): void {
  const power = (factor: number, exponent: number): string =>
    `${factor === 1 ? "" : factor}x${exponent === 1 ? "" : `^${exponent}`}`;
  const add = (relation: string, answer: string): void =>
    offer.add(ORIGINS.computed, "powers", relation, power(a, k), answer);
  add("derivative", power(a * k, k - 1));
  add("second-derivative", power(a * k * (k - 1), k - 2));
  if (a % (k + 1) === 0) add("antiderivative", power(a / (k + 1), k + 1));
}

/** Pairs whose greatest common divisor is drawn first, so that it is not 1 most of the time. */
function addPairs(offer: Candidates): void {
  const draws = stream("datasets", "pairs");
  const seen = new Set<string>();
  while (seen.size < 420) {
    const divisor = 1 + draws.integer(14);
    const [a, b] = [divisor * (2 + draws.integer(12)), divisor * (1 + draws.integer(11))];
    const pair = `${a} and ${b}`;
    if (b < 4 || a <= b || a > 99 || seen.has(pair)) continue;
    seen.add(pair);
    const add = (relation: string, answer: number): void =>
      offer.add(ORIGINS.computed, "pairs", relation, pair, String(answer));
    add("greatest-common-divisor", gcd(a, b));
    add("difference", a - b);
    add("least-common-multiple", (a * b) / gcd(a, b));
  }
}

function roman(n: number): string {
  let [rest, text] = [n, ""];
  for (const [value, letters] of ROMAN) {
    for (; rest >= value; rest -= value) text += letters;
  }
  return text;
}

function divisors(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
