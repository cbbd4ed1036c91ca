import type { Fields, Message } from "./wire.js";

/** Text that a cell wrote. */
export interface StreamOutput {
  readonly output_type: "stream";
  readonly name: "stdout" | "stderr";
  text: string;
}

/** Something that a cell displayed. */
export interface DisplayOutput {
  readonly output_type: "display_data";
  data: Fields;
  metadata: Fields;
}

/** Value of the last expression of a cell. */
export interface ResultOutput {
  readonly output_type: "execute_result";
  readonly execution_count: number;
  data: Fields;
  metadata: Fields;
}

/** What a failed cell says. */
export interface ErrorOutput {
  readonly output_type: "error";
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

/** One output of a cell in the form of nbformat 4. */
export type Output = StreamOutput | DisplayOutput | ResultOutput | ErrorOutput;

/** Displays by `display_id`, over all cells of one client. */
export type Displays = Map<string, (DisplayOutput | ResultOutput)[]>;

/**
 * Folds the iopub messages of one cell into nbformat outputs: neighbouring texts of one stream are joined,
 * `update_display_data` changes every display of that id, also in earlier cells, and `clear_output` is obeyed.
 */
export class OutputCollector {
  readonly outputs: Output[] = [];
  #clearNext = false;

  constructor(private readonly displays: Displays) {}

  /** Takes one message; kinds that are no output are passed over. */
  add({ header, content }: Pick<Message, "header" | "content">): void {
    switch (header.msg_type) {
      case "stream": {
        const name = content["name"] === "stderr" ? "stderr" : "stdout";
        const text = String(content["text"]);
        this.#clear();
        const last = this.outputs.at(-1);
        if (last?.output_type === "stream" && last.name === name) last.text += text;
        else this.outputs.push({ output_type: "stream", name, text });
        return;
      }
      case "display_data":
        this.#display({ output_type: "display_data", ...bundle(content) }, content);
        return;
      case "execute_result":
        this.#display(
          {
            output_type: "execute_result",
            execution_count: Number(content["execution_count"]),
            ...bundle(content),
          },
          content,
        );
        return;
      case "update_display_data":
        for (const output of this.displays.get(displayId(content) ?? "") ?? []) {
          Object.assign(output, bundle(content));
        }
        return;
      case "error":
        this.#clear();
        this.outputs.push({
          output_type: "error",
          ename: String(content["ename"]),
          evalue: String(content["evalue"]),
          traceback: Array.isArray(content["traceback"]) ? content["traceback"].map(String) : [],
        });
        return;
      case "clear_output":
        this.#clearNext = true;
        if (content["wait"] !== true) this.#clear();
    }
  }

  #display(output: DisplayOutput | ResultOutput, content: Fields): void {
    this.#clear();
    this.outputs.push(output);
    const id = displayId(content);
    if (id === undefined) return;
    this.displays.set(id, [...(this.displays.get(id) ?? []), output]);
  }

  #clear(): void {
    if (!this.#clearNext) return;
    this.#clearNext = false;
    this.outputs.length = 0;
  }
}

function bundle(content: Fields): { data: Fields; metadata: Fields } {
  return {
    data: (content["data"] ?? {}) as Fields,
    metadata: (content["metadata"] ?? {}) as Fields,
  };
}

function displayId(content: Fields): string | undefined {
  const id = (content["transient"] as Fields | undefined)?.["display_id"];
  return typeof id === "string" ? id : undefined;
}
