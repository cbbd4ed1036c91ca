import { type DeviceState, deviceStates, findDevice } from "../compute/devices/list.js";
import { command, type CommandSpec } from "./command.js";
import { textTable } from "./table.js";

/** The devices of this machine. */
export interface DeviceList {
  readonly devices: readonly DeviceState[];
  /** What `device: auto` means here. */
  readonly auto: string;
}

/** `lawbook device` and `%device`. */
export const deviceCommand: CommandSpec<DeviceList> = command({
  name: "device",
  summary: "Show the devices of this machine and why each can or cannot be used",
  positionals: [
    {
      name: "NAME",
      description: "one device only",
      required: false,
      suggest: () => deviceStates().map(({ name }) => name),
    },
  ],
  flags: [],
  examples: ["lawbook device", "lawbook device reference --json"],
  magics: ["line"],
  resultType: 'import("lawbook").DeviceList',
  run: (args) => {
    const name = args.positionals[0];
    const wanted = name === undefined ? undefined : findDevice(name).name;
    return Promise.resolve({
      devices: deviceStates().filter((state) => wanted === undefined || state.name === wanted),
      auto: findDevice("auto").name,
    });
  },
  show: ({ devices, auto }) => ({
    text: `${textTable(
      ["device", "bytes repeat", "usable", "why"],
      devices.map(({ name, determinism, usable, reason }) => [
        name,
        determinism,
        usable ? "yes" : "no",
        reason,
      ]),
    )}\n\nauto: ${auto}`,
    json: { devices: devices, auto },
    table: devices,
  }),
});
