import type { CommandSpec, Shown } from "lawbook";

import type { MagicSpec } from "../cell/api.js";
import { presentText, presentValue } from "../present.js";
import { checkedBundle } from "../vega.js";

/** The spec of a person's magic in the form of a verb, so that it is parsed, helped and completed in the same way. */
export function toCommand(spec: MagicSpec): CommandSpec {
  const { name, summary, positionals = [], flags = [], magics = ["line"], resultType, examples, show } = spec;
  return {
    name,
    summary: String(summary ?? ""),
    positionals: positionals.map(({ suggest, ...positional }) => ({
      ...positional,
      ...(suggest === undefined ? {} : { suggest: () => suggest() }),
    })),
    flags,
    magics,
    ...(resultType === undefined ? {} : { resultType }),
    ...(examples === undefined ? {} : { examples }),
    run: async (args, { cwd, signal, progress }) => spec.run(args, { cwd, signal, progress }),
    show: async (result) => (show === undefined ? shownValue(result) : checked(show(result))),
  };
}

async function shownValue(result: unknown): Promise<Shown> {
  const { "text/plain": text, ...display } = await presentValue(result, () => {});
  return {
    text: String(text ?? presentText(result)),
    json: result,
    ...(Object.keys(display).length === 0 ? {} : { display: display as NonNullable<Shown["display"]> }),
  };
}

function checked({ text, display }: ReturnType<NonNullable<MagicSpec["show"]>>): Shown {
  return {
    text: String(text),
    json: text,
    ...(display === undefined
      ? {}
      : { display: checkedBundle(display, () => {}) as NonNullable<Shown["display"]> }),
  };
}
