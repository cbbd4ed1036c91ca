import type { CommandContext, CommandSpec, Progress } from "lawbook";
import { LawbookError, mismatch, nearest, unknownName } from "lawbook/dist/jupyter/index.js";

import type { ChildInfo, MagicSpec } from "../cell/api.js";
import type { MagicNames } from "../cell/rewrite.js";
import { bundlesOf, type Show } from "../display.js";
import type { SettingsTarget } from "../settings.js";
import { type MagicForm, parseMagic, signed } from "./arguments.js";
import { findBodyPlace } from "./body-place.js";
import { BODIES, wordsAt } from "./body-words.js";
import { completeArguments, completeName, type MagicCompletion } from "./completion.js";
import { helpText } from "./help.js";
import { kernelMagics } from "./kernel-magics.js";
import { LiveDisplay } from "./live.js";
import { toCommand } from "./own-magic.js";
import { settingsMagic } from "./settings-magic.js";

/** Where a magic runs. */
export interface MagicScene {
  readonly signal: AbortSignal;
  readonly show: Show;
  /** Processes that the magic has started and that are alive. */
  readonly children?: () => readonly ChildInfo[];
  /** Told that an interrupt stopped the magic and that it gives what it had by then. */
  readonly stopped?: () => void;
}

/** Makes the context of a verb. */
export type ContextOf = (signal: AbortSignal, progress: (step: Progress) => void) => CommandContext;

/** All magics: those of the verbs, and those that only a kernel has. */
export class MagicRegistry {
  readonly #specs = new Map<string, CommandSpec>();

  constructor(
    commands: readonly CommandSpec[],
    private readonly contextOf: ContextOf,
  ) {
    for (const spec of [...kernelMagics(this), ...commands]) this.register(spec);
  }

  /** Adds a magic; one of the same name is replaced. Specs without `magics` are verbs of the command line only. */
  register(spec: CommandSpec): void {
    if ((spec.magics ?? []).length > 0) this.#specs.set(spec.name, spec);
  }

  /** Adds the magic that a person has written. */
  registerOwn(spec: MagicSpec): void {
    this.register(toCommand(spec));
  }

  /** Adds `%settings`. */
  registerSettings(target: SettingsTarget): void {
    this.register(settingsMagic(target) as CommandSpec);
  }

  /** Specs by name, sorted. */
  list(): CommandSpec[] {
    return [...this.#specs.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** What the rewriter asks. */
  names(isVariable: (name: string) => boolean): MagicNames {
    return {
      kinds: (name) => this.#specs.get(name)?.magics,
      resultType: (name) => this.#specs.get(name)?.resultType,
      unknown: (name, form, line) => this.#unknown(name, form, line),
      isVariable,
    };
  }

  /** Help on a magic, undefined where there is none of this name. */
  help(name: string): string | undefined {
    const spec = this.#specs.get(name.replace(/^%+/, ""));
    return spec === undefined ? undefined : helpText(spec);
  }

  /** Runs a magic, draws its progress, shows its result and returns it. */
  async run(name: string, text: string, body: string | undefined, scene: MagicScene): Promise<unknown> {
    const spec = this.find(name);
    const form: MagicForm = body === undefined ? "line" : "cell";
    const args = parseMagic(spec, form, text, body);
    if (args.flags["help"] === true) {
      scene.show({ "text/plain": helpText(spec) });
      return undefined;
    }
    const live = new LiveDisplay(scene.show, scene.children);
    try {
      const result = await spec.run(
        args,
        this.contextOf(scene.signal, (step) => live.step(step)),
      );
      const shown = await spec.show(result);
      live.finish(
        args.flags["json"] === true
          ? [{ "application/json": shown.json, "text/plain": JSON.stringify(shown.json, null, 2) }]
          : await bundlesOf(shown),
      );
      return result;
    } catch (error) {
      const partial = scene.signal.aborted && isInterrupted(error) ? live.partial(error) : undefined;
      if (partial === undefined) {
        live.fail();
        throw error;
      }
      scene.stopped?.();
      return partial;
    }
  }

  /** Completes the line up to the cursor; undefined where it is no magic. */
  complete(line: string, isFirst: boolean): MagicCompletion | undefined {
    const lead = /^\s*(?:(?:const|let|var)\s+[^=]+=\s*|[\w$.]+\s*=\s*)?/.exec(line)?.[0] ?? "";
    const match = /^(%%?)(\w*)(.*)$/s.exec(line.slice(lead.length));
    if (match === null) return undefined;
    const [, percent, name = "", rest = ""] = match;
    const form: MagicForm = percent === "%%" ? "cell" : "line";
    if (form === "cell" && (!isFirst || lead.trim() !== "")) return undefined;
    if (rest === "") return completeName(this.list(), form, name);
    const spec = this.#specs.get(name);
    if (spec === undefined) return undefined;
    return completeArguments(
      spec,
      form,
      rest,
      this.contextOf(new AbortController().signal, () => {}),
    );
  }

  /** Completes in the YAML under a cell magic; `text` is the body up to the cursor. */
  completeBody(name: string, text: string): MagicCompletion {
    const body = BODIES[name];
    const place = body && findBodyPlace(text);
    if (body === undefined || place === undefined) return { matches: [], replaces: 0, kind: "value" };
    const names = { models: this.#suggested("MODEL"), devices: this.#suggested("NAME", "device") };
    return {
      matches: wordsAt(body, place, names),
      replaces: place.typed.length,
      kind: place.key === undefined && !place.item ? "keyword" : "value",
    };
  }

  /** What the positional of this name, of any verb or of one, offers. */
  #suggested(positional: string, verb?: string): readonly string[] {
    const context = this.contextOf(new AbortController().signal, () => {});
    const found = this.list()
      .filter(({ name }) => verb === undefined || name === verb)
      .flatMap(({ positionals }) => positionals)
      .find(({ name, suggest }) => name === positional && suggest !== undefined);
    return (found?.suggest?.(context) ?? []).filter((value) => value !== "setup");
  }

  /** The spec of a magic; an unknown name is one clear error. */
  find(name: string): CommandSpec {
    const spec = this.#specs.get(name);
    if (spec === undefined)
      throw unknownName(
        "magic",
        `%${name}`,
        this.list().map((known) => `%${known.name}`),
      );
    return spec;
  }

  #unknown(name: string, form: MagicForm, line: number): LawbookError {
    const spec = this.#specs.get(name);
    if (spec !== undefined) {
      const other = form === "cell" ? "line" : "cell";
      return new LawbookError(
        "usage",
        mismatch(`Line ${line}: form of a magic`, signed(name, form), signed(name, other)),
        {
          data: { line },
        },
      );
    }
    const known = this.list().filter(({ magics }) => magics?.includes(form) === true);
    const near = nearest(
      name,
      known.map((candidate) => candidate.name),
    );
    return new LawbookError(
      "usage",
      mismatch(
        `Line ${line}: unknown magic`,
        signed(name, form),
        `one of ${known.map((candidate) => signed(candidate.name, form)).join(", ")}`,
      ),
      {
        data: { line },
        hint: near === undefined ? "%lsmagic lists them." : `Did you mean "${signed(near, form)}"?`,
      },
    );
  }
}

function isInterrupted(error: unknown): error is LawbookError {
  return error instanceof LawbookError && error.code === "interrupted";
}
