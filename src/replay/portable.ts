import type { Notebook } from "./notebook.js";
import { notebookJson } from "./notebook-json.js";

/** An output that would be another one on the next machine. */
export interface MachinePath {
  /** 1-based number of the cell. */
  readonly cell: number;
  readonly cellId: string;
  readonly folder: string;
}

/**
 * Cells whose outputs show one of these folders of this machine. A name counts only as a whole path:
 * `/app` is not found in `/application` or `https://host/app`.
 */
export function machinePaths(notebook: Notebook, folders: readonly string[]): MachinePath[] {
  return notebook.cells.flatMap((cell, index) => {
    if (cell.cell_type !== "code") return [];
    const shown = cell.outputs.map((output) => notebookJson(output)).join("\n");
    return folders
      .filter((folder) => wholePath(folder).test(shown))
      .map((folder) => ({ cell: index + 1, cellId: cell.id, folder }));
  });
}

/** A folder in the text of JSON, where a backslash is written twice. */
function wholePath(folder: string): RegExp {
  const escaped = JSON.stringify(folder)
    .slice(1, -1)
    .replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(?<![\\w./-])${escaped}(?![\\w-])`);
}
