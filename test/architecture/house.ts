import { dirname, normalize } from "node:path/posix";

import ts from "typescript";

/**
 * What each folder of src may import of our own modules: folders, or single modules written with a slash.
 * A folder may always import itself.
 */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  compute: ["core"],
  data: ["core"],
  jupyter: ["core"],
  figures: ["core"],
  model: ["core", "compute"],
  train: ["core", "compute", "data", "model"],
  merge: ["core", "compute", "model"],
  partition: ["core", "compute", "data", "model"],
  evaluate: ["core", "compute", "data", "model"],
  runs: ["core", "compute", "data", "model", "train", "merge", "partition", "evaluate"],
  laws: ["core", "runs/request", "runs/record", "runs/schema", "figures/chart"],
  sweep: ["core", "runs"],
  study: ["core", "runs", "sweep", "laws", "figures"],
  replay: ["core", "runs", "jupyter", "figures", "study"],
};
const ALL_FOLDERS = Object.keys(LAYERS);

/** Folders whose results are compared or stored: they never see a clock or entropy. */
const PURE = ["data", "model", "train", "merge", "partition", "evaluate", "laws", "figures"];

/** Modules with an effect, and the one file that may import each. */
const EFFECT_MODULES: Readonly<Record<string, string>> = {
  fs: "src/core/files.ts",
  "fs/promises": "src/core/files.ts",
  child_process: "src/core/process.ts",
  cluster: "src/core/process.ts",
  perf_hooks: "src/core/clock.ts",
};
const CLOCK = "src/core/clock.ts";
const ENTROPY = "src/core/entropy.ts";
/** What anyone may take from node:crypto; the rest is entropy or secrets. */
const PLAIN_CRYPTO = ["createHash", "createHmac", "timingSafeEqual"];

const MOST_LINES = 500;
const FILE_NAME = /^[a-z0-9]+(-[a-z0-9]+)*(\.rule)?(\.d)?\.ts$/;
const NAMES_WITHOUT_MEANING = ["utils", "util", "helpers", "helper", "lib", "common", "misc", "shared"];

/** The parts of `lawbook` that the kernel may enter by. */
const DOOR = /^lawbook$|^lawbook\/(dist\/)?jupyter(\/|$)/;

/** One source file: its path from the root of the repository, with `/`, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** All that a file does against the rules of the house, each as "path:line what". */
export function violations(file: SourceFile): string[] {
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2022, true);
  const found: string[] = [];
  const report = (what: string, node?: ts.Node): void => {
    const line =
      node === undefined ? 1 : source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
    found.push(`${file.path}:${line} ${what}`);
  };
  checkName(file, report);
  const visit = (node: ts.Node): void => {
    const imported = importOf(node);
    if (imported !== undefined) {
      if (imported.specifier === undefined) report("imports a name that is computed", node);
      else checkImport(file.path, imported.specifier, (what) => report(what, node));
      checkCrypto(file.path, node, report);
    }
    checkAmbient(file.path, node, report);
    if (isTopLevelAwait(node) && file.path !== "src/cli.ts") report("awaits at the top level", node);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

type Report = (what: string, node?: ts.Node) => void;

function checkName(file: SourceFile, report: Report): void {
  const parts = file.path.split("/");
  const name = parts[parts.length - 1] ?? "";
  if (!FILE_NAME.test(name)) report(`has a name that is not kebab-case: ${name}`);
  for (const part of parts) {
    if (NAMES_WITHOUT_MEANING.includes(part.replace(/\..*$/, "")))
      report(`has a name without meaning: ${part}`);
  }
  const lines = file.text.split("\n").length - (file.text.endsWith("\n") ? 1 : 0);
  if (lines > MOST_LINES) report(`has ${lines} lines, at most ${MOST_LINES}`);
}

/** The module that a node imports; `specifier` is undefined where it is computed. */
function importOf(node: ts.Node): { readonly specifier: string | undefined } | undefined {
  const literal = (expression: ts.Node | undefined): { specifier: string | undefined } => ({
    specifier: expression !== undefined && ts.isStringLiteralLike(expression) ? expression.text : undefined,
  });
  if (ts.isImportDeclaration(node)) return literal(node.moduleSpecifier);
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined)
    return literal(node.moduleSpecifier);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return literal(node.argument.literal);
  if (ts.isExternalModuleReference(node)) return literal(node.expression);
  if (ts.isCallExpression(node)) {
    const { expression } = node;
    if (expression.kind === ts.SyntaxKind.ImportKeyword) return literal(node.arguments[0]);
    const called = expression.getText();
    if (called === "require" || called === "process.getBuiltinModule") return literal(node.arguments[0]);
  }
  return undefined;
}

function checkImport(path: string, specifier: string, report: (what: string) => void): void {
  const builtin = specifier.replace(/^node:/, "");
  const home = EFFECT_MODULES[builtin];
  if (home !== undefined && path !== home) report(`imports ${specifier}, which lives in ${home}`);
  if (path.startsWith("kernel-ext/")) checkKernelImport(path, specifier, report);
  else checkLayer(path, specifier, report);
}

function checkKernelImport(path: string, specifier: string, report: (what: string) => void): void {
  if (specifier.startsWith(".")) {
    const target = normalize(`${dirname(path)}/${specifier}`);
    if (!target.startsWith("kernel-ext/src/")) report(`imports ${specifier}, which is outside the kernel`);
  } else if (/^lawbook(\/|$)/.test(specifier) && !DOOR.test(specifier)) {
    report(`imports ${specifier}, past the door`);
  }
}

function checkLayer(path: string, specifier: string, report: (what: string) => void): void {
  if (/^lawbook(-kernel)?(\/|$)/.test(specifier) || specifier === "tslab") {
    report(`imports ${specifier}, which is above it`);
    return;
  }
  if (!specifier.startsWith(".")) return;
  if (!/\.(js|json)$/.test(specifier)) report(`imports ${specifier} without .js`);
  const target = normalize(`${dirname(path)}/${specifier}`).replace(/\.js$/, "");
  if (!target.startsWith("src/")) {
    report(`imports ${specifier}, which is outside src`);
    return;
  }
  const module = target.slice("src/".length);
  const from = folderOf(path.slice("src/".length));
  const to = folderOf(module);
  if (PURE.includes(from) && (module === "core/clock" || module === "core/entropy")) {
    report(`imports ${module} from ${from}, which must not see it`);
  }
  if (from === to) return;
  const allowed =
    from === "commands" ? ALL_FOLDERS : from === "" ? [...ALL_FOLDERS, "commands"] : LAYERS[from];
  if (allowed === undefined) report(`lies in ${from}, a folder that is not in the table`);
  else if (!allowed.includes(to) && !allowed.includes(module)) report(`imports ${module} from ${from}`);
}

function folderOf(module: string): string {
  return module.includes("/") ? module.slice(0, module.indexOf("/")) : "";
}

function checkCrypto(path: string, node: ts.Node, report: Report): void {
  if (path === ENTROPY) return;
  if (!ts.isImportDeclaration(node)) {
    const specifier = importOf(node)?.specifier;
    if (specifier !== undefined && /^(node:)?crypto$/.test(specifier))
      report("takes all of node:crypto", node);
    return;
  }
  if (!ts.isStringLiteral(node.moduleSpecifier) || !/^(node:)?crypto$/.test(node.moduleSpecifier.text))
    return;
  const bindings = node.importClause?.namedBindings;
  if (node.importClause?.name !== undefined || bindings === undefined || !ts.isNamedImports(bindings)) {
    report("takes all of node:crypto", node);
    return;
  }
  for (const { name, propertyName } of bindings.elements) {
    const taken = (propertyName ?? name).text;
    if (!PLAIN_CRYPTO.includes(taken))
      report(`takes ${taken} from node:crypto, which lives in ${ENTROPY}`, node);
  }
}

/** Clock and entropy that need no import. */
function checkAmbient(path: string, node: ts.Node, report: Report): void {
  const clock = (what: string): void => {
    if (path !== CLOCK) report(`reads the clock by ${what}, which lives in ${CLOCK}`, node);
  };
  const entropy = (what: string): void => {
    if (path !== ENTROPY) report(`takes entropy by ${what}, which lives in ${ENTROPY}`, node);
  };
  if (ts.isPropertyAccessExpression(node)) {
    const text = node.getText().replace(/^globalThis\./, "");
    if (/^(Date\.now|performance\.(now|timeOrigin)|process\.(hrtime|uptime))$/.test(text)) clock(text);
    if (/^(Math\.random|crypto\.(randomUUID|getRandomValues|subtle))$/.test(text)) entropy(text);
  }
  if (
    ts.isNewExpression(node) &&
    node.expression.getText() === "Date" &&
    (node.arguments?.length ?? 0) === 0
  ) {
    clock("new Date()");
  }
  if (ts.isCallExpression(node) && node.expression.getText() === "Date") clock("Date()");
}

function isTopLevelAwait(node: ts.Node): boolean {
  const awaits =
    ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined);
  if (!awaits) return false;
  for (let parent = node.parent; !ts.isSourceFile(parent); parent = parent.parent) {
    if (ts.isFunctionLike(parent) || ts.isClassStaticBlockDeclaration(parent)) return false;
  }
  return true;
}
