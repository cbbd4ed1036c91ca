// Writes the reference of magics into the kernel's page, as the running kernel tells it.
// Usage: npm run docs:magics
import { join, resolve } from "node:path";

import { startKernel } from "../kernel/start.js";
import { readSection, writeSection } from "../../support/page-section.js";
import type { KernelClient } from "../../../src/jupyter/index.js";

/** The page that holds the reference. */
export const PAGE: string = join(import.meta.dirname, "../../../kernel-ext/README.md");

interface Listed {
  readonly name: string;
  readonly summary: string;
  readonly forms: readonly ("line" | "cell")[];
}

/** Reference of all magics of a kernel: a heading, the summary and the help text of each. */
export async function magicsReference(client: KernelClient): Promise<string> {
  const sections = [];
  for (const { name, summary, forms } of await listMagics(client)) {
    const signs = forms.map((form) => `\`${form === "cell" ? "%%" : "%"}${name}\``);
    const help = (await plainText(client, `%help ${name}`)).replace(/ +$/gm, "");
    sections.push(`### ${signs.join(", ")}\n\n${summary}.\n\n\`\`\`\n${help}\n\`\`\`\n`);
  }
  return sections.join("\n").trimEnd();
}

/** What `%lsmagic --json` gives. */
export async function listMagics(client: KernelClient): Promise<readonly Listed[]> {
  const { outputs } = await client.execute("%lsmagic --json");
  const [output] = outputs;
  if (output?.output_type !== "display_data") throw new Error(JSON.stringify(outputs));
  return output.data["application/json"] as readonly Listed[];
}

/** The reference that stands on the page. */
export function writtenReference(): string {
  return readSection(PAGE, "magics");
}

async function plainText(client: KernelClient, code: string): Promise<string> {
  const { outputs } = await client.execute(code);
  const [output] = outputs;
  if (output?.output_type !== "display_data") throw new Error(`${code}: ${JSON.stringify(outputs)}`);
  return String(output.data["text/plain"]);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === import.meta.filename) {
  const kernel = await startKernel();
  writeSection(PAGE, "magics", await magicsReference(kernel.client));
  await kernel.stop();
}
