import type { Shown } from "lawbook";

import type { Bundle, DisplayOptions } from "./cell/api.js";

const VEGA_LITE = "application/vnd.vegalite.v5+json";

/** Sends a bundle to the notebook. */
export type Show = (bundle: Bundle, options?: DisplayOptions) => void;

/**
 * The bundles of what a verb shows: the chart or other display, or else the table, with the text; a chart and a table
 * give two. A chart never travels with `text/html`, which front ends would prefer to it.
 */
export async function bundlesOf(shown: Shown): Promise<Bundle[]> {
  const bundles: Bundle[] = [];
  if (shown.display !== undefined)
    bundles.push(withoutHtmlBesideChart({ "text/plain": shown.text, ...shown.display }));
  if (shown.table !== undefined && shown.table.length > 0) {
    const { tableBundle } = await import("./table.js");
    bundles.push(await tableBundle(shown.table, bundles.length === 0 ? shown.text : undefined));
  }
  return bundles.length > 0 ? bundles : [{ "text/plain": shown.text }];
}

function withoutHtmlBesideChart(bundle: Bundle): Bundle {
  if (!(VEGA_LITE in bundle)) return bundle;
  return Object.fromEntries(Object.entries(bundle).filter(([type]) => type !== "text/html"));
}
