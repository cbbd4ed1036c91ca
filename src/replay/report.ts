import { type ErrorCode, LawbookError } from "../core/errors.js";

/** What a replay looks at, in the order of the table. */
const KINDS = ["data", "lock", "records", "figure", "notebook", "retrain"] as const;

/** One line of the verdict table. */
export interface ReplayRow {
  readonly kind: (typeof KINDS)[number];
  readonly name: string;
  /** `skipped` is a row that was not looked at, with the reason in `detail`; it is no failure of its own. */
  readonly state: "same" | "differs" | "failed" | "accepted" | "skipped";
  readonly detail: string;
}

/** One thing that is wrong. */
export interface ReplayFailure {
  readonly code: ErrorCode;
  readonly exitCode: number;
  /** Which row it belongs to. */
  readonly kind: ReplayRow["kind"];
  readonly name: string;
  /** What is wrong: place, what was got, what was expected, and the way out. */
  readonly message: string;
}

/** What a replay found. */
export interface ReplayReport {
  readonly rows: readonly ReplayRow[];
  /** All failures, lowest exit code first. */
  readonly failures: readonly ReplayFailure[];
  /** 0, or the lowest exit code of all failures. */
  readonly exitCode: number;
}

/** Collects rows and failures; nothing that is added can be lost. */
export class ReportBuilder {
  readonly #rows: ReplayRow[] = [];
  readonly #failures: ReplayFailure[] = [];

  row(kind: ReplayRow["kind"], name: string, state: ReplayRow["state"], detail: string): void {
    this.#rows.push({ kind, name, state, detail });
  }

  failure(kind: ReplayRow["kind"], name: string, error: unknown): void {
    const known =
      error instanceof LawbookError
        ? error
        : new LawbookError("internal", `${name}: ${error instanceof Error ? error.message : String(error)}`);
    const { code, exitCode, message } = known;
    this.#failures.push({ code, exitCode, kind, name, message });
  }

  /** Is there a failure of one of these codes? */
  has(...codes: readonly ErrorCode[]): boolean {
    return this.#failures.some(({ code }) => codes.includes(code));
  }

  get failed(): boolean {
    return this.#failures.length > 0;
  }

  build(): ReplayReport {
    const failures = this.#failures
      .map((failure, index) => ({ failure, index }))
      .sort((a, b) => a.failure.exitCode - b.failure.exitCode || a.index - b.index)
      .map(({ failure }) => failure);
    const rows = KINDS.flatMap((kind) => this.#rows.filter((row) => row.kind === kind));
    return { rows, failures, exitCode: failures[0]?.exitCode ?? 0 };
  }
}

/** The verdict table and all failures, as text without a newline at the end. */
export function reportText({ rows, failures, exitCode }: ReplayReport): string {
  const width = (column: (row: ReplayRow) => string): number =>
    Math.max(0, ...rows.map((row) => column(row).length));
  const kinds = width(({ kind }) => kind);
  const names = width(({ name }) => name);
  const states = width(({ state }) => state);
  const table = rows.map(({ kind, name, state, detail }) =>
    `${kind.padEnd(kinds)}  ${name.padEnd(names)}  ${state.padEnd(states)}  ${detail}`.trimEnd(),
  );
  if (failures.length === 0) {
    const accepted = rows.some(({ state }) => state === "accepted");
    return [
      ...table,
      "",
      accepted ? "Accepted: commit the changed files." : "Everything is as committed.",
    ].join("\n");
  }
  const all = failures.map(
    (failure) => `[${failure.exitCode} ${failure.code}] ${failure.message.split("\n").join("\n    ")}`,
  );
  const count = failures.length === 1 ? "1 problem" : `${failures.length} problems`;
  return [...table, "", `${count}, exit code ${exitCode}:`, "", ...all].join("\n");
}
