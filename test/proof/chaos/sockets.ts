/** The sockets in a storage's directory: they are removed as a person or a program does that tidies up, and asked for life. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { seatPath, seatsIn } from "../../../dist/core/local/disk/file-names.js";

const KINDS = { hubs: /^hub\./, members: /^member\./, all: /^(hub|member)\./ };
export type SocketKind = keyof typeof KINDS;
export const SOCKET_KINDS = Object.keys(KINDS) as SocketKind[];

/** Returns how many were removed. */
export function removeSockets(directory: string, kind: SocketKind): number {
  const names = listed(directory).filter((name) => KINDS[kind].test(name));
  for (const name of names) rmSync(join(directory, name), { force: true });
  return names.length;
}

/** Whether the newest manager listens, and at least so many members. */
export async function areListening(directory: string, memberCount: number): Promise<boolean> {
  const names = listed(directory).filter((name) => KINDS.members.test(name));
  const hub = newestHub(directory);
  if (names.length < memberCount || hub === undefined || !(await answers(join(directory, hub)))) return false;
  const answered = await Promise.all(names.map((name) => answers(join(directory, name))));
  return answered.filter(Boolean).length >= memberCount;
}

function newestHub(directory: string): string | undefined {
  const [epoch] = seatsIn(listed(directory));
  if (epoch === undefined) return undefined;
  try {
    const path = seatPath({ filename: "", directory }, epoch);
    return (JSON.parse(readFileSync(path, "utf8")) as { socket: string }).socket;
  } catch {
    // Fenced between the two calls.
    return undefined;
  }
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

/** The names in a directory, which may not exist yet. */
export function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
