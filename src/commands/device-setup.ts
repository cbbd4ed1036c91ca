import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { packageFolder, TENSORFLOW_BINDING, TENSORFLOW_PACKAGE } from "../compute/devices/packages.js";
import { type Finding, probe } from "../compute/devices/probe.js";
import { LawbookError, mismatch, unknownName } from "../core/errors.js";
import {
  cacheFolder,
  exists,
  link,
  listFolder,
  makeFolder,
  readText,
  remove,
  writeAtomic,
} from "../core/files.js";
import { awaitProgram } from "../core/process.js";
import type { CommandContext } from "./command.js";

/** Devices whose native part can be fetched. */
export const SETUPS: readonly string[] = ["tfjs-gpu", "cuda"];

/** What a set-up left. */
export interface DeviceSetup {
  readonly device: string;
  /** Folder with what was fetched. */
  readonly folder: string;
  /** What the device says now. */
  readonly finding: Finding;
}

type Context = Pick<CommandContext, "env" | "signal" | "progress">;

/** Fetches what a GPU device needs beside its npm package, and looks whether it then works. */
export async function setUpDevice(
  device: string,
  folder: string | undefined,
  context: Context,
): Promise<DeviceSetup> {
  if (!SETUPS.includes(device)) throw unknownName("device with a set-up", device, SETUPS);
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw environment(
      mismatch(
        `The native part of ${device} is not made for this system`,
        `${process.platform} ${process.arch}`,
        "linux x64",
      ),
      "On Windows, use Linux under WSL 2.",
    );
  }
  const target =
    device === "cuda"
      ? await setUpCuda(context)
      : await setUpTensorflow(tensorflowPlaces(folder, context), context);
  context.progress({ phase: "checking the device", done: 0, total: 1 });
  return { device, folder: target, finding: probe(device, true) };
}

/** onnxruntime-node's own script, which npm does not run here, brings its CUDA part. */
async function setUpCuda(context: Context): Promise<string> {
  const folder = packageFolder("onnxruntime-node");
  if (folder === undefined) throw environment("onnxruntime-node is not installed.", "Run npm ci.");
  context.progress({ phase: "fetching the CUDA part of onnxruntime-node", done: 0, total: 1 });
  const script = join(folder, "script", "install.js");
  await run(process.execPath, [script, "--onnxruntime-node-install=cuda12"], context, folder);
  return folder;
}

/** Where TensorFlow comes from and goes to. */
export interface TensorflowPlaces {
  /** Python package that carries the library. */
  readonly carrier: "tensorflow" | "tensorflow-cpu";
  readonly version: string;
  /** Folder for the libraries; kept and shared between projects. */
  readonly library: string;
  /** Folder of the npm package, whose binding is compiled and whose `deps` becomes a link. */
  readonly package: string;
}

/** Its C interface is what the npm package was written for, and it is the newest that the binding was tried with. */
const TENSORFLOW_VERSION = "2.21.0";

function tensorflowPlaces(folder: string | undefined, { env }: Context): TensorflowPlaces {
  const own = packageFolder(TENSORFLOW_PACKAGE);
  if (own === undefined) {
    throw environment(`${TENSORFLOW_PACKAGE} is not installed.`, "Run npm ci --include=optional.");
  }
  const cache = folder ?? cacheFolder(env);
  return {
    carrier: "tensorflow",
    version: TENSORFLOW_VERSION,
    library: join(cache, `tensorflow-${TENSORFLOW_VERSION}`),
    package: own,
  };
}

/**
 * Puts the npm package on a current libtensorflow: the Python wheel carries the library and its C headers, with CUDA's
 * libraries beside it; the package's binding is compiled against them unchanged. No Python runs in the process later.
 * What is complete is not fetched again.
 */
export async function setUpTensorflow(places: TensorflowPlaces, context: Context): Promise<string> {
  checkProcessor();
  const complete = join(places.library, "complete.json");
  if (!exists(complete)) {
    await fetchTensorflow(places, context);
    writeAtomic(complete, `${JSON.stringify({ carrier: places.carrier, version: places.version })}\n`);
  }
  link(places.library, join(places.package, "deps"));
  context.progress({ phase: "compiling the binding", done: 0, total: 1 });
  await compileBinding(places, context);
  return places.library;
}

function checkProcessor(): void {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const glibc = report.header?.glibcVersionRuntime;
  const [major = 0, minor = 0] = (glibc ?? "0").split(".").map(Number);
  if (major < 2 || (major === 2 && minor < 27))
    throw environment(
      mismatch("TensorFlow needs another C library", glibc ?? "none of GNU", "glibc 2.27 or later"),
    );
  if (!/\bavx\b/.test(readText("/proc/cpuinfo"))) throw environment("TensorFlow needs a processor with AVX.");
}

/** Wheels of a CPython of this version carry the same library as any other. */
const WHEEL_TAGS = [
  ...["--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", "3.11"],
  ...["cp311", "abi3", "none"].flatMap((abi) => ["--abi", abi]),
  ...["2_28_x86_64", "2_27_x86_64", "2_17_x86_64", "2_12_x86_64", "2014_x86_64", "2010_x86_64"].flatMap(
    (tag) => ["--platform", tag.startsWith("20") ? `manylinux${tag}` : `manylinux_${tag}`],
  ),
];

const UNPACK = `
import os, re, shutil, sys, zipfile
wheel, target = sys.argv[1:3]
wanted = re.compile(r"tensorflow/(libtensorflow_(?:cc|framework)\\.so\\.2)$|tensorflow/(include/(?:tensorflow/c/|(?:tensorflow/core|tensorflow/tsl|tsl|xla/tsl)/platform/ctstring|(?:xla/)?tsl/c/).*\\.h)$|[^/]*\\.dist-info/(METADATA)$")
with zipfile.ZipFile(wheel) as archive:
    for member in archive.namelist():
        found = wanted.match(member)
        if not found: continue
        library, header, metadata = found.groups()
        path = os.path.join(target, "lib/" + library if library else header or metadata)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(member) as source, open(path, "wb") as sink: shutil.copyfileobj(source, sink, 1 << 20)
`;

/** Unpacks the libraries, C headers and metadata of a TensorFlow wheel, as the npm package's `deps` folder has them. */
export async function unpackWheel(
  wheel: string,
  folder: string,
  context: Pick<CommandContext, "signal">,
): Promise<void> {
  await run("python3", ["-c", UNPACK, wheel, folder], context);
}

async function fetchTensorflow(
  { carrier, version, library }: TensorflowPlaces,
  context: Context,
): Promise<void> {
  const total = carrier === "tensorflow" ? 3 : 2;
  const step = (phase: string, done: number): void => context.progress({ phase, done, total });
  remove(library);
  const downloads = join(library, "downloads");
  makeFolder(downloads);
  const pip = (...args: readonly string[]): Promise<string> =>
    run("python3", ["-m", "pip", "--disable-pip-version-check", ...args], context);
  step(`fetching ${carrier} ${version}, some hundred megabytes`, 0);
  await pip("download", "-q", "-d", downloads, ...WHEEL_TAGS, `${carrier}==${version}`);
  const wheel = listFolder(downloads).find((name) => name.startsWith("tensorflow"));
  if (wheel === undefined) throw environment(`pip left no wheel of ${carrier} ${version}.`);
  step("unpacking the library", 1);
  await unpackWheel(join(downloads, wheel), library, context);
  remove(downloads);
  if (carrier === "tensorflow-cpu") return;
  const required = cudaRequirements(readText(join(library, "METADATA")));
  step(`fetching ${required.length} CUDA libraries, about 3 GB`, 2);
  const site = join(library, "site");
  await pip("install", "-q", "--target", site, ...WHEEL_TAGS, ...required);
  link(join(site, "nvidia"), join(library, "nvidia"));
  // libtensorflow_framework opens the libraries, but its search path lacks cusolver's folder: without this link
  // TensorFlow 2.21.0 says "Cannot dlopen some GPU libraries" and computes on the processor.
  const solver = join(library, "nvidia", "cusolver", "lib");
  const name = listFolder(solver).find((file) => /^libcusolver\.so\.\d+$/.test(file));
  if (name !== undefined) link(join(solver, name), join(library, "nvidia", "cublas", "lib", name));
}

/** The wheels of CUDA that TensorFlow's metadata asks for, with their versions. */
export function cudaRequirements(metadata: string): string[] {
  return [...metadata.matchAll(/^Requires-Dist: (nvidia-[^;\n]+?)\s*; extra == ["']and-cuda["']/gm)].map(
    ([, requirement]) => requirement!.replace(/[ ()]/g, ""),
  );
}

async function compileBinding({ library, package: own }: TensorflowPlaces, context: Context): Promise<void> {
  const require = createRequire(import.meta.url);
  const beside = join(dirname(process.execPath), "..", "include", "node");
  const headers = [beside, ...nodeApiHeaders(require), "/usr/include/node"].find((folder) =>
    exists(join(folder, "node_api.h")),
  );
  if (headers === undefined) {
    throw environment(
      "There is no node_api.h beside Node.",
      "Install Node with its headers, or the package node-api-headers.",
    );
  }
  const binding = join(own, TENSORFLOW_BINDING);
  makeFolder(dirname(binding));
  const sources = ["tfjs_backend.cc", "tfjs_binding.cc"].map((file) => join(own, "binding", file));
  await run(
    "g++",
    [
      ...["-O2", "-s", "-fPIC", "-shared", "-std=c++17", "-DNAPI_VERSION=8"],
      ...[headers, join(library, "include"), join(own, "binding")].map((folder) => `-I${folder}`),
      ...sources,
      ...["-o", binding, `-L${join(library, "lib")}`],
      ...["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2", "-Wl,-rpath,$ORIGIN/../../deps/lib"],
    ],
    context,
  );
}

function nodeApiHeaders(require: NodeJS.Require): string[] {
  try {
    return [(require("node-api-headers") as { include_dir: string }).include_dir];
  } catch {
    return [];
  }
}

async function run(
  file: string,
  args: readonly string[],
  { signal }: Pick<Context, "signal">,
  cwd?: string,
): Promise<string> {
  const finished = await awaitProgram(file, args, { signal, ...(cwd === undefined ? {} : { cwd }) }).catch(
    (cause: unknown) => {
      throw environment(`${file} cannot be started: ${(cause as Error).message}.`, `Install ${file}.`);
    },
  );
  if (signal.aborted)
    throw new LawbookError("interrupted", "The set-up was interrupted.", {
      hint: "It starts again from its last finished part.",
    });
  if (finished.status !== 0) {
    const tail = `${finished.stderr}\n${finished.stdout}`.trim().slice(-1500);
    throw environment(`${file} ${args.slice(0, 3).join(" ")} failed:\n${tail}`);
  }
  return finished.stdout;
}

function environment(what: string, hint?: string): LawbookError {
  return new LawbookError("environment", what, hint === undefined ? {} : { hint });
}
