import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { fetchSources } from "../../../datasets/build/fetch.js";
import { parseObo, ancestors } from "../../../datasets/build/parse/obo.js";
import { parseSetMm } from "../../../datasets/build/parse/set-mm.js";
import { parseTaxonomy } from "../../../datasets/build/parse/taxonomy.js";
import { below, only, parseWordNet } from "../../../datasets/build/parse/wordnet.js";
import { SOURCES } from "../../../datasets/build/sources.js";
import { temporaryProject, type TemporaryProject } from "../../support/project.js";

let project: TemporaryProject;
beforeEach(() => {
  project = temporaryProject();
});
afterEach(() => project.remove());

describe("WordNet", () => {
  it("gives words, pointers to nouns, gloss and the tree of kinds", () => {
    project.put(
      "package/dict/data.noun",
      [
        "  1 licence text",
        "00000001 03 n 01 disease 0 000 | an illness",
        '00000002 26 n 02 heart_attack 0 coronary 1 003 @ 00000001 n 0000 ~ 00000003 n 0000 + 00000009 v 0101 | it hurts; "x | y"',
        "00000003 26 n 01 angina 0 002 @ 00000002 n 0000 @ 00000001 n 0000 | pain",
        "",
      ].join("\n"),
    );
    for (const name of ["verb", "adj", "adv"]) project.put(`package/dict/data.${name}`, "");
    project.put("package/dict/data.adj", "00000005 00 a 01 big(p) 0 000 | large\n");
    const wordnet = parseWordNet(project.root);
    const attack = wordnet.nouns.get("00000002")!;
    expect(attack).toMatchObject({
      words: ["heart attack", "coronary"],
      lexicon: 26,
      gloss: 'it hurts; "x | y"',
    });
    expect(attack.pointers.map(({ symbol }) => symbol)).toEqual(["@", "~"]);
    expect(only(wordnet, attack, "@")?.words).toEqual(["disease"]);
    expect(only(wordnet, wordnet.nouns.get("00000003")!, "@")).toBeUndefined();
    expect(below(wordnet, "disease").map(({ words }) => words[0])).toEqual(["heart attack", "angina"]);
    expect(wordnet.synsets.at(-1)?.words).toEqual(["big"]);
    expect(wordnet.senses.get("coronary")).toBe(1);
  });
});

describe("OBO", () => {
  it("gives live terms with parents, relationships and tagged synonyms", () => {
    project.put(
      "x.obo",
      [
        "format-version: 1.2",
        "[Term]\nid: A:1\nname: acid",
        '[Term]\nid: A:2\nname: aspirin\ndef: "An \\"old\\" drug." [r:1]\nsynonym: "C9H8O4" RELATED FORMULA [K:]\nis_a: A:1 ! acid\nrelationship: has_role A:3',
        "[Term]\nid: A:4\nname: gone\nis_obsolete: true",
        "[Typedef]\nid: has_role\nname: has role",
      ].join("\n\n"),
    );
    const terms = parseObo(project.path("x.obo"));
    expect([...terms.keys()]).toEqual(["A:1", "A:2"]);
    const aspirin = terms.get("A:2")!;
    expect(aspirin.definition).toBe('An "old" drug.');
    expect(aspirin.tagged.get("FORMULA")).toEqual(["C9H8O4"]);
    expect(aspirin.relationships.get("has_role")).toEqual(["A:3"]);
    expect(ancestors(terms, "A:2")).toEqual(["A:1"]);
  });
});

describe("set.mm", () => {
  it("gives theorems under their headings and comments without formulas and labels", () => {
    project.put(
      "usr/share/metamath/databases/set.mm",
      [
        "$( Contributor list:\n\nNM  Norman Megill         AV  Alexander van der Vekens\nMC  Mario Carneiro\n\nHTML code $)",
        "$(\n#*#*#*#*\n  Old section\n#*#*#*#*\n$)",
        "$(\n###########\n  GRAPH THEORY\n###########\n$)",
        "$(\n=-=-=-=-=-=-\n  Walks\n=-=-=-=-=-=-\n$)",
        "$( The sum ` A + B ` of ~ walks . (Contributed by NM, 5-Aug-1993.) (Proof shortened by AV, 1-Jan-2020.) $)",
        "walk1 $p |- A $= x $.",
        "$( An axiom. $)",
        "ax-1 $a |- A $.",
      ].join("\n"),
    );
    const { theorems, comments, contributors } = parseSetMm(project.root);
    expect(theorems).toEqual([
      {
        label: "walk1",
        part: "GRAPH THEORY",
        section: "",
        subsection: "Walks",
        contributor: "NM",
        year: 1993,
      },
    ]);
    expect(comments).toEqual(["The sum it of another statement .", "An axiom."]);
    expect(contributors.get("AV")).toBe("Alexander van der Vekens");
    expect(contributors.get("MC")).toBe("Mario Carneiro");
  });
});

describe("taxonomy", () => {
  it("gives species with an English name and the ranks above them", () => {
    const row = (...fields: string[]): string => `${fields.join("\t|\t")}\t|\n`;
    const data = "usr/share/EMBOSS/data/TAXONOMY";
    project.put(
      `${data}/nodes.dmp`,
      row("1", "1", "no rank", "") +
        row("2", "1", "class", "") +
        row("3", "2", "no rank", "") +
        row("4", "3", "family", "") +
        row("5", "4", "species", ""),
    );
    project.put(
      `${data}/names.dmp`,
      row("2", "Mammalia", "", "scientific name") +
        row("4", "Felidae", "", "scientific name") +
        row("5", "Panthera leo", "", "scientific name") +
        row("5", "king of beasts", "", "common name") +
        row("5", "lion", "", "genbank common name"),
    );
    expect(parseTaxonomy(project.root)).toEqual([
      { id: 5, commonName: "lion", lineage: { family: "Felidae", class: "Mammalia" } },
    ]);
  });
});

describe("fetching", () => {
  it("refuses a file that is not the pinned one, and unpacks nothing", async () => {
    const [first] = SOURCES;
    project.put(first!.archive, "something else");
    await expect(fetchSources(project.root)).rejects.toMatchObject({ code: "data-differs" });
    await expect(fetchSources(project.root)).rejects.toThrow(first!.sha256);
    expect(Object.keys(project.snapshot())).toEqual([first!.archive]);
  });
});
