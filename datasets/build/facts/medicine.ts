import type { Term } from "../parse/obo.js";
import { below, only, type Synset, type WordNet } from "../parse/wordnet.js";
import { ORIGINS } from "../sources.js";
import { Candidates, type Offer } from "./candidate.js";
import { chemicalClass, countMembers, isPlainName, pharmaceuticalRoles } from "./chemistry.js";

/** Topics of WordNet: name, the nouns whose sub-trees they are, and the lexicographer files that count (all where empty). */
const TREES: readonly (readonly [topic: string, roots: readonly string[], lexicons: readonly number[]])[] = [
  ["diseases", ["disease", "disorder", "pathology", "illness"], []],
  ["symptoms", ["symptom"], []],
  ["medicines", ["drug", "medicine"], [6, 27]],
  ["procedures", ["medical procedure", "diagnostic procedure", "surgery"], [4]],
];

const BODY_LEXICON = 8;

/** Roles that say too little to ask for. */
const EMPTY_ROLES = new Set([
  "drug",
  "metabolite",
  "drug metabolite",
  "prodrug",
  "xenobiotic",
  "pharmaceutical",
]);

/** Facts about drugs of ChEBI, and about diseases, symptoms, medicines, procedures and the body of WordNet. */
export function medicine(wordnet: WordNet, chebi: ReadonlyMap<string, Term>): Offer {
  const offer = new Candidates("medicine");
  addDrugs(offer, chebi);
  for (const [topic, roots, lexicons] of TREES) {
    const tree = new Map(
      roots.flatMap((root) => below(wordnet, root)).map((synset) => [synset.offset, synset]),
    );
    for (const synset of tree.values()) {
      if (lexicons.length > 0 && !lexicons.includes(synset.lexicon)) continue;
      addKinds(
        offer,
        wordnet,
        synset,
        topic,
        (kind) => tree.has(kind.offset) && !roots.includes(kind.words[0]!),
      );
    }
  }
  for (const synset of wordnet.nouns.values()) {
    if (synset.lexicon !== BODY_LEXICON) continue;
    addKinds(offer, wordnet, synset, "anatomy", (kind) => kind.words[0] !== "entity");
    const whole = only(wordnet, synset, "#p");
    if (whole !== undefined) {
      offer.add(
        ORIGINS.wordnet,
        "anatomy",
        "body-whole",
        synset.words[0]!,
        whole.words[0]!,
        whole.words.slice(1),
      );
    }
  }
  return {
    quotas: { drugs: 1300, diseases: 900, symptoms: 300, medicines: 700, procedures: 400, anatomy: 1400 },
    candidates: offer.list,
  };
}

/** The direct and the next wider kind of a noun, where they say something. */
function addKinds(
  offer: Candidates,
  wordnet: WordNet,
  synset: Synset,
  topic: string,
  counts: (kind: Synset) => boolean,
): void {
  const relation = topic === "anatomy" ? "body" : topic.replace(/s$/, "");
  const kind = only(wordnet, synset, "@");
  if (kind === undefined) return;
  const wider = only(wordnet, kind, "@");
  const add = (name: string, [answer, ...aliases]: readonly string[]): void =>
    offer.add(ORIGINS.wordnet, topic, `${relation}-${name}`, synset.words[0]!, answer!, aliases);
  if (counts(kind)) add("kind", kind.words);
  if (wider !== undefined && counts(wider)) add("wider-kind", wider.words);
}

function addDrugs(offer: Candidates, chebi: ReadonlyMap<string, Term>): void {
  const roles = pharmaceuticalRoles(chebi);
  const members = countMembers(chebi);
  for (const term of chebi.values()) {
    if (!isPlainName(term.name) || !term.tagged.has("FORMULA")) continue;
    const own = (term.relationships.get("has_role") ?? [])
      .filter((role) => roles.has(role))
      .map((role) => chebi.get(role)!)
      .filter((role) => !EMPTY_ROLES.has(role.name));
    if (own.length !== 1) continue;
    const [role] = own;
    offer.add(ORIGINS.chebi, "drugs", "drug-role", term.name, role!.name);
    const wider = role!.parents.length === 1 ? chebi.get(role!.parents[0]!) : undefined;
    if (wider !== undefined && !EMPTY_ROLES.has(wider.name)) {
      offer.add(ORIGINS.chebi, "drugs", "drug-role-group", term.name, wider.name);
    }
    const parent = chemicalClass(chebi, term, members);
    if (parent !== undefined) offer.add(ORIGINS.chebi, "drugs", "drug-class", term.name, parent);
  }
}
