import { join } from "node:path";

import { readText, writeAtomic } from "../../src/core/files.js";
import { loadFacts, type Fact } from "../../src/data/facts.js";
import { loadTemplates } from "../../src/data/templates.js";
import { loadBaseText } from "../../src/data/text.js";
import { loadTokenizer } from "../../src/data/tokenizer.js";
import { DISCIPLINES } from "../../src/runs/request.js";
import { ORIGINS } from "./sources.js";

/** Writes `datasets/README.md` below `out`: the text of `card.md` with the tables that are counted from the data there. */
export function writeCard(root: string, out: string): void {
  const facts = new Map(DISCIPLINES.map((discipline) => [discipline, loadAll(root, out, discipline)]));
  const tables: Readonly<Record<string, string>> = {
    disciplines: disciplineTable(facts, root, out),
    relations: relationTable(facts, root),
    sources: sourceTable([...facts.values()].flat()),
    overlap: String(overlap([...facts.values()])),
    text: textLine(out),
  };
  const card = readText(join(root, "datasets/build/card.md")).replace(
    /\{\{(\w+)\}\}/g,
    (_, name: string) => tables[name]!,
  );
  writeAtomic(join(out, "datasets/README.md"), card);
}

function loadAll(root: string, out: string, discipline: string): readonly Fact[] {
  return loadFacts(out, discipline, { extra: true, templates: loadTemplates(root) });
}

function disciplineTable(facts: ReadonlyMap<string, readonly Fact[]>, root: string, out: string): string {
  const templates = loadTemplates(root);
  const tokenizer = loadTokenizer(join(out, "datasets/tokenizer"));
  const rows = [...facts].map(([discipline, all]) => {
    const asked = all.filter(({ relation }) => !templates.get(relation)!.extra);
    const subjects = new Map<string, number>();
    for (const { subjectKey } of asked) subjects.set(subjectKey, (subjects.get(subjectKey) ?? 0) + 1);
    const split = (name: string): number => asked.filter((fact) => fact.split === name).length;
    const tokens = asked.reduce((total, fact) => total + tokenizer.encode(fact.answer).length, 0);
    return [
      discipline,
      asked.length,
      all.length - asked.length,
      subjects.size,
      [...subjects.values()].filter((count) => count > 1).length,
      `${split("train")} / ${split("validation")} / ${split("test")}`,
      (tokens / asked.length).toFixed(1),
    ];
  });
  return table(
    [
      "discipline",
      "facts",
      "extra",
      "subjects",
      "with 2 or more relations",
      "train / validation / test",
      "tokens an answer",
    ],
    rows,
  );
}

function relationTable(facts: ReadonlyMap<string, readonly Fact[]>, root: string): string {
  const templates = loadTemplates(root);
  const rows: (string | number)[][] = [];
  for (const [discipline, all] of facts) {
    for (const relation of [...new Set(all.map((fact) => fact.relation))].sort()) {
      const own = all.filter((fact) => fact.relation === relation);
      const counts = new Map<string, number>();
      for (const { answer } of own) counts.set(answer, (counts.get(answer) ?? 0) + 1);
      const [example] = own;
      rows.push([
        discipline,
        `${relation}${templates.get(relation)!.extra ? " (extra)" : ""}`,
        own.length,
        counts.size,
        (Math.max(...counts.values()) / own.length).toFixed(2),
        `${example!.subject} -> ${example!.answer}`,
        example!.source.package,
      ]);
    }
  }
  return table(
    ["discipline", "relation", "facts", "different answers", "majority share", "first fact", "package"],
    rows,
  );
}

function sourceTable(facts: readonly Fact[]): string {
  const rows = Object.values(ORIGINS).map(({ package: name, version, file, licence, snapshot }) => [
    `${name} ${version}`,
    file,
    licence,
    snapshot,
    facts.filter((fact) => fact.source.package === name && fact.source.file === file).length,
  ]);
  return table(["package", "file", "licence", "snapshot", "facts"], rows);
}

/** Entities that have facts in two disciplines or more. */
function overlap(disciplines: readonly (readonly Fact[])[]): number {
  const seen = new Map<string, number>();
  for (const facts of disciplines) {
    for (const key of new Set(facts.map(({ subjectKey }) => subjectKey)))
      seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  return [...seen.values()].filter((count) => count > 1).length;
}

function textLine(out: string): string {
  const tokenizer = loadTokenizer(join(out, "datasets/tokenizer"));
  const passages = loadBaseText(out);
  const tokens = passages.reduce((total, passage) => total + tokenizer.encode(passage).length, 0);
  const characters = passages.reduce((total, passage) => total + passage.length, 0);
  return `${passages.length} passages, ${(characters / 1e6).toFixed(1)} million characters, ${tokens} tokens`;
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
