import {
  DEVICE_NAMES,
  type DeviceState,
  deviceState,
  deviceStates,
  findDevice,
} from "../compute/devices/list.js";
import { LawbookError } from "../core/errors.js";
import { command, type CommandContext, type CommandSpec, type Shown } from "./command.js";
import { type DeviceSetup, SETUPS, setUpDevice } from "./device-setup.js";
import { textTable } from "./table.js";

/** The devices of this machine. */
export interface DeviceList {
  readonly devices: readonly DeviceState[];
  /** What `device: auto` means here. */
  readonly auto: string;
  /** What was set up, where that was asked for. */
  readonly setup?: DeviceSetup;
}

const SETUP = "setup";

/** `lawbook device` and `%device`. */
export const deviceCommand: CommandSpec<DeviceList> = command({
  name: "device",
  summary: "Show the devices of this machine and why each can or cannot be used, or set one up",
  positionals: [
    {
      name: "NAME",
      description: `one device only, or \`${SETUP}\``,
      required: false,
      suggest: () => [...DEVICE_NAMES, "auto", SETUP],
    },
    {
      name: "DEVICE",
      description: `after \`${SETUP}\`: the device whose native part is fetched, ${SETUPS.join(" or ")}`,
      required: false,
      suggest: () => SETUPS,
    },
  ],
  flags: [
    {
      name: "dir",
      kind: "string",
      placeholder: "DIR",
      description: `after \`${SETUP}\`: folder for libraries of some gigabytes, default lawbook in the cache folder`,
    },
  ],
  examples: ["lawbook device", "lawbook device reference --json", "lawbook device setup tfjs-gpu"],
  magics: ["line"],
  resultType: 'import("lawbook").DeviceList',
  run: async ({ positionals: [name, part], flags }, context) => {
    if (name === SETUP) return setUp(part, flags["dir"] as string | undefined, context);
    if (part !== undefined)
      throw new LawbookError("usage", `lawbook device takes one name: got ${name} and ${part}.`);
    const devices = name === undefined ? deviceStates() : [deviceState(findDevice(name))];
    return { devices, auto: findDevice("auto").name };
  },
  show: showDevices,
});

async function setUp(
  device: string | undefined,
  dir: string | undefined,
  context: CommandContext,
): Promise<DeviceList> {
  if (device === undefined)
    throw new LawbookError("usage", `lawbook device ${SETUP} needs a device: ${SETUPS.join(" or ")}.`);
  const setup = await setUpDevice(device, dir, context);
  return { devices: [deviceState(findDevice(device))], auto: findDevice("auto").name, setup };
}

function showDevices({ devices, auto, setup }: DeviceList): Shown {
  const table = textTable(
    ["device", "bytes repeat", "usable", "why"],
    devices.map(({ name, determinism, usable, reason }) => [
      name,
      determinism,
      usable ? "yes" : "no",
      reason,
    ]),
  );
  const fetched = setup === undefined ? "" : `Fetched for ${setup.device}: ${setup.folder}\n\n`;
  return {
    text: `${fetched}${table}\n\nauto: ${auto}`,
    json: { devices, auto, ...(setup === undefined ? {} : { setup }) },
    table: devices,
    ...(setup !== undefined && !setup.finding.usable ? { exitCode: 32 } : {}),
  };
}
