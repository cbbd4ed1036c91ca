/** Aligns rows of cells under a header: text to the left, numbers to the right, two blanks between columns. */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const numeric = header.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^$|^[-+]?[\d.,]+%?$/.test(row[column] ?? "")),
  );
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        numeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join("  ")
      .trimEnd();
  return [line(header), ...rows.map(line)].join("\n");
}
