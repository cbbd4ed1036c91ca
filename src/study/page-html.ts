/** Text that is HTML already. */
export class Markup {
  constructor(readonly text: string) {}
}

/** What a template may hold: text and numbers are escaped, markup is not, lists are joined. */
export type Part = string | number | Markup | readonly Part[];

/** HTML from a template; every value that is not markup is escaped, for content and for quoted attributes alike. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(
    texts.map((text, index) => (index === 0 ? text : markupOf(parts[index - 1]!) + text)).join(""),
  );
}

function markupOf(part: Part): string {
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(markupOf).join("");
  return escapeHtml(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text in which no character starts markup or ends a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => ENTITIES[letter]!);
}

/** One column of a table. */
export interface Column {
  readonly title: string;
  /** Right-aligned with digits of one width. */
  readonly number?: boolean;
}

/** A table with a caption; the first cell of every row is its header. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly Part[])[],
): Markup {
  const kind = (index: number): Markup =>
    html`${columns[index]?.number === true ? new Markup(' class="number"') : ""}`;
  const head = columns.map(({ title }, index) => html`<th scope="col" ${kind(index)}>${title}</th>`);
  const body = rows.map(
    (row) =>
      html`<tr>
        ${row.map((cell, index) =>
          index === 0 ? html`<th scope="row">${cell}</th>` : html`<td${kind(index)}>${cell}</td>`,
        )}
      </tr> `,
  );
  return html`<div class="wide" tabindex="0" role="region" aria-label="${caption}">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div>`;
}

/**
 * A drawing inside a page, once for light and once for dark screens. Ids are made unique by `name`, since all drawings
 * of a page share one document; readers of the screen get `alt` in place of single marks.
 */
export function figure(
  name: string,
  alt: string,
  svg: { readonly light: string; readonly dark: string },
): Markup {
  const drawing = (theme: "light" | "dark"): Markup =>
    html`<div class="${theme}" role="img" aria-label="${alt}">
      ${new Markup(uniqueIds(svg[theme], `${name}-${theme}-`))}
    </div>`;
  return html`<figure tabindex="0">${drawing("light")}${drawing("dark")}</figure>`;
}

function uniqueIds(svg: string, prefix: string): string {
  return svg
    .replace(/\bid="([^"]*)"/g, `id="${prefix}$1"`)
    .replace(/url\(#([^)]*)\)/g, `url(#${prefix}$1)`)
    .replace(/href="#([^"]*)"/g, `href="#${prefix}$1"`);
}
