import { join } from "node:path";

import { readText } from "../../../src/core/files.js";

/** A chemical element. Empty text and 0 mean that the source is silent. */
export interface Element {
  readonly name: string;
  readonly symbol: string;
  readonly number: number;
  readonly period: number;
  readonly block: string;
  /** Subshells outside the noble-gas core, for example ["3d6", "4s2"]. */
  readonly shells: readonly string[];
  /** Country codes as the source writes them, for example ["uk"]. */
  readonly discoveredIn: readonly string[];
  readonly discoveryYear: number;
}

/** Reads the Blue Obelisk element list (CML), hydrogen to lawrencium: later names were provisional when it was written. */
export function parseElements(folder: string): Element[] {
  const text = readText(join(folder, "usr/share/bodr/elements.xml"));
  const elements = [...text.matchAll(/<atom id[\s\S]*?<\/atom>/g)].map(([atom]) => {
    const scalar = (key: string): string =>
      new RegExp(`dictRef="bo:${key}"[^>]*>([^<]*)<`).exec(atom)?.[1]?.trim() ?? "";
    const label = (key: string): string =>
      new RegExp(`dictRef="bo:${key}"[^>]*value="([^"]*)"`).exec(atom)?.[1] ?? "";
    return {
      name: label("name"),
      symbol: label("symbol"),
      number: Number(scalar("atomicNumber")),
      period: Number(scalar("period")),
      block: scalar("periodTableBlock"),
      shells: scalar("electronicConfiguration")
        .split(" ")
        .filter((shell) => /^\d[spdf]\d+$/.test(shell)),
      discoveredIn: scalar("discoveryCountry")
        .split(",")
        .filter((code) => code !== ""),
      discoveryYear: Number(scalar("discoveryDate")),
    };
  });
  return elements.filter(({ number }) => number >= 1 && number <= 103).sort((a, b) => a.number - b.number);
}
