import { mean } from "../core/math.js";
import { stream } from "../core/random.js";
import { formattedFactTests } from "../data/formatted-facts.js";
import {
  drawInstructions,
  FORMAT_FAMILIES,
  hasContent,
  hasForm,
  inFormat,
  type Instruction,
  type InstructionWords,
} from "../data/instructions.js";
import { chatRow, type Source } from "../data/mixture.js";
import type { Asking } from "./answers.js";
import { scoreRows } from "./likelihood.js";
import { commonest, type DisciplineScore, macroMean } from "./score.js";

/** An instruction with a format that code can check, and the group that it counts in. */
export interface FormatItem extends Instruction {
  readonly group: string;
  /** Part of the group; parts count alike. */
  readonly topic: string;
  /** The discipline, for routers that go by labels. */
  readonly label?: string;
}

/** A text to go on from. */
export interface Prompt {
  readonly ids: readonly number[];
  /** What it is about, for routers that go by labels. */
  readonly label?: string | undefined;
}

/** Writes on from prompts, greedily, each up to and with the end token. -> the new tokens. */
export type Write = (prompts: readonly Prompt[]) => Promise<readonly (readonly number[])[]>;

/** Instructions per format in the set `instructions`. */
const ITEMS = 40;
/** Rows that are drawn until each format has its items; the rarest format is one in twenty. */
const DRAWN = 4000;

/**
 * The set `instructions`: 40 instructions for each format but the plain one, about words that training holds out, in pairs
 * of task and format that training holds out. The group is the format.
 */
export function instructionTests(words: InstructionWords, seed: number): FormatItem[] {
  const rows = drawInstructions(words, "unseen-pairs", DRAWN, stream(seed, "questions", "instructions"));
  return FORMAT_FAMILIES.flatMap((family) =>
    rows
      .filter((row) => row.family === family)
      .slice(0, ITEMS)
      .map((row) => ({ ...row, group: family, topic: family })),
  );
}

/** The set `formatted-facts`: see `formattedFactTests`. The group is the discipline. */
export function formattedQuestions(root: string, sources: readonly Source[], seed: number): FormatItem[] {
  return formattedFactTests(root, sources, seed).map((row) => ({
    ...row,
    group: row.discipline,
    label: row.discipline,
  }));
}

/**
 * What counts as right too when the answer is judged loosely: the text as it is, without its first line, without its last,
 * without both, each of these also without stars. Source: `test_instruction_following_loose` of IFEval (Zhou et al. 2023,
 * section 2.2).
 */
export function looseVariants(text: string): string[] {
  const lines = text.split("\n");
  const texts = [lines, lines.slice(1), lines.slice(0, -1), lines.slice(1, -1)].map((kept) =>
    kept.join("\n").trim(),
  );
  return [...texts, ...texts.map((kept) => kept.replaceAll("*", ""))];
}

const bareAnswers = ({ bare, aliases = [] }: FormatItem): string[] => [bare, ...aliases];
const rightAnswers = (item: FormatItem): string[] =>
  bareAnswers(item).map((answer) => inFormat(item.family, answer, item.key));

/**
 * Has a model carry out instructions; see `DisciplineScore`. All but the log-likelihood is read off what `write` gives, since
 * a right answer may be spelt in other tokens than its own; what does not end is no answer.
 */
export async function follow(
  asking: Asking,
  items: readonly FormatItem[],
  write: Write,
): Promise<Record<string, DisciplineScore>> {
  const { tokenizer } = asking;
  const rows = items.map(({ question, answer, label }) => ({
    ...chatRow(tokenizer, question, answer),
    label,
  }));
  const scores = await scoreRows(asking.device, asking, rows, asking);
  const written = await write(rows.map(({ ids, from, label }) => ({ ids: ids.slice(0, from), label })));
  const texts = written.map((ids) => {
    const end = ids.indexOf(tokenizer.end);
    return end < 0 ? undefined : tokenizer.decode(ids.slice(0, end)).trim();
  });
  const groups = [...new Set(items.map(({ group }) => group))];
  return Object.fromEntries(
    groups.map((group) => {
      const own = [...items.keys()].filter((index) => items[index]!.group === group);
      const macro = (value: (index: number) => boolean | number): number =>
        macroMean(
          own,
          (index) => items[index]!.topic,
          (index) => Number(value(index)),
        );
      const judged = (judge: (text: string, item: FormatItem) => boolean): number =>
        macro((index) => texts[index] !== undefined && judge(texts[index], items[index]!));
      const { majority, chance } = baselines(own.map((index) => items[index]!));
      return [
        group,
        {
          strict: judged((text, item) => rightAnswers(item).includes(text)),
          lenient: judged((text, item) => {
            const right = rightAnswers(item);
            return looseVariants(text).some((variant) => right.includes(variant));
          }),
          majority: macro((index) => majority[own.indexOf(index)]!),
          chance: macro((index) => chance[own.indexOf(index)]!),
          logLikelihood: mean(own.map((index) => scores[index]!.logLikelihood / scores[index]!.tokens)),
          questions: own.length,
          content: judged((text, item) => hasContent(bareAnswers(item), text)),
          form: judged((text, { family, key }) => hasForm(family, text, key)),
          bareForm: macro((index) => {
            const { family, bare, key } = items[index]!;
            return hasForm(family, bare, key);
          }),
        },
      ];
    }),
  );
}

/** What each question gives to the commonest answer of the group, and to the answer of another question of it. */
function baselines(items: readonly FormatItem[]): {
  readonly majority: boolean[];
  readonly chance: number[];
} {
  const counts = new Map<string, number>();
  for (const { answer } of items) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  const most = commonest(counts);
  const right = items.map((item) => [...new Set(rightAnswers(item))]);
  return {
    majority: right.map((answers) => answers.includes(most)),
    chance: items.map(({ answer }, index) => {
      if (items.length === 1) return 0;
      const hits = right[index]!.reduce((total, text) => total + (counts.get(text) ?? 0), 0);
      return (hits - Number(right[index]!.includes(answer))) / (items.length - 1);
    }),
  };
}
