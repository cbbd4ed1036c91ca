import { LawbookError } from "../core/errors.js";
import { parseYaml, type YamlText } from "../core/yaml.js";
import type { TrainInput } from "../runs/schema.js";

/** Reads a request from YAML, whatever its value is. */
export function parseRequestText(text: string, name: string): YamlText {
  return parseYaml(text, name, "request");
}

/** Reads a request of a verb from YAML; what is no mapping at all is refused here, all else by its schema. */
export function parseRequestMapping(
  text: string,
  name: string,
  { verb, keys }: { readonly verb: string; readonly keys: string },
): YamlText & { readonly value: object } {
  const { value, lineOf } = parseRequestText(text, name);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new LawbookError("request", `The request is empty or no mapping: expected keys such as ${keys}.`, {
      hint: `\`lawbook ${verb} --help\` shows a complete request.`,
    });
  }
  return { value, lineOf };
}

/** Reads a train request from YAML. */
export function parseTrainText(text: string, name: string): YamlText & { readonly value: TrainInput } {
  const { value, lineOf } = parseRequestMapping(text, name, { verb: "train", keys: "model and data" });
  return { value: value as TrainInput, lineOf };
}
