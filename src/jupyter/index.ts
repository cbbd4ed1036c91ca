// The kernel's door: the wire, and the few parts of core that a kernel needs before the rest of Lawbook is loaded.
export { sha256 } from "../core/canonical.js";
export { uniqueId } from "../core/entropy.js";
export { LawbookError, mismatch, nearest, unknownName } from "../core/errors.js";
export { cacheFolder, readBytes, readText, writeAtomic } from "../core/files.js";
export { KernelClient, type ExecuteOptions, type Execution } from "./client.js";
export {
  address,
  CHANNELS,
  type Channel,
  type Connection,
  createConnection,
  readConnection,
  writeConnection,
} from "./connection.js";
export {
  type KernelSpec,
  type KernelSpecFiles,
  kernelsFolder,
  kernelsFolders,
  type Machine,
  type Place,
  readKernelSpec,
  removeKernelSpec,
  userDataFolder,
  writeKernelSpec,
} from "./kernelspec.js";
export { launchKernel, type LaunchOptions, type RunningKernel } from "./launch.js";
export {
  type DisplayOutput,
  type Displays,
  type ErrorOutput,
  type Output,
  OutputCollector,
  type ResultOutput,
  type StreamOutput,
} from "./outputs.js";
export {
  createMessage,
  decode,
  type Decoded,
  encode,
  type Fields,
  type Header,
  type Message,
  PROTOCOL_VERSION,
} from "./wire.js";
