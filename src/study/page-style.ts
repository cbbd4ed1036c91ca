import { DARK, FIGURE_FONT, LIGHT, type Palette } from "../figures/style.js";

function variables({ ink, tones }: Palette): string {
  const colors = { ...ink, accent: tones.accent };
  return Object.entries(colors)
    .map(([name, color]) => `--${name}: ${color};`)
    .join(" ");
}

/** Style of the page: the palettes of the figures, one column, and paper where it is printed. */
export const PAGE_STYLE: string = `
:root { color-scheme: light; ${variables(LIGHT)} }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--text); font: 16px/1.55 system-ui, sans-serif; }
main, header, footer { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
footer { padding-bottom: 3rem; color: var(--quiet); }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 0.5rem; }
h2 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 0.75rem; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 0.4rem; }
p, ul, dl, blockquote { margin: 0 0 0.8rem; max-width: 46rem; }
section { border-top: 1px solid var(--soft); margin-top: 2.5rem; padding-top: 1.5rem; }
blockquote { border-left: 3px solid var(--accent); padding-left: 1rem; font-size: 1.1rem; }
cite { display: block; font-size: 0.9rem; color: var(--quiet); font-style: normal; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 0.5rem; }
code { font: 0.9em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
dt { font-weight: 600; }
dd { margin: 0 0 0.4rem; }
figure { margin: 1rem 0 1.25rem; overflow-x: auto; }
figure svg { display: block; width: 100%; min-width: 42rem; max-width: max-content; height: auto; }
figure svg text { font-family: "${FIGURE_FONT}", Verdana, sans-serif; }
figure .dark { display: none; }
.wide { overflow-x: auto; margin: 0.5rem 0 1.25rem; }
table { border-collapse: collapse; font-size: 0.84rem; line-height: 1.4; }
caption { text-align: left; font-weight: 600; padding-bottom: 0.35rem; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.65rem 0.25rem 0; border-bottom: 1px solid var(--grid); }
thead th { border-bottom-color: var(--soft); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: normal; min-width: 9rem; }
td:not(.number) { min-width: 4.2rem; }
small { display: block; color: var(--quiet); }
.word { white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
thead .number { white-space: normal; }
@media screen and (prefers-color-scheme: dark) {
  :root { color-scheme: dark; ${variables(DARK)} }
  figure .light { display: none; }
  figure .dark { display: block; }
}
@media print {
  body { font-size: 10.5pt; }
  main, header, footer { max-width: none; padding: 0; }
  .skip, nav { display: none; }
  section { break-before: page; border-top: 0; }
  figure, tr, blockquote { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
  .wide, figure { overflow: visible; }
  figure svg { min-width: 0; }
  table { font-size: 8.5pt; }
}
`;
