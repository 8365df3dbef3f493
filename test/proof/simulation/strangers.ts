/** Connections to a hub that are no members of it: a member of a newer version, and processes that do not know the token. */
import assert from "node:assert/strict";
import type { SocketEvents } from "../../../dist/core/local/machine/machine.js";
import { PROTOCOL } from "../../../dist/core/local/wire/messages.js";
import {
  decodeJson,
  encodeFrame,
  encodeJson,
  HELLO,
  kindOf,
  LEAVE,
  lengthOf,
  REFUSE,
} from "../../../dist/core/log/frame.js";
import type { World } from "./world.js";

const SEAT_NAME = /^seat\.(\d+)$/;

/** The newest seat that can be read. */
function seatOf(world: World, directory: string): { socket: string; token: string } | null {
  const epochs = world.disk.list(directory).flatMap((name) => SEAT_NAME.exec(name)?.slice(1).map(Number) ?? []);
  const inode = world.disk.find(`${directory}/seat.${Math.max(...epochs)}`);
  try {
    return JSON.parse(inode?.content.toString() ?? "");
  } catch {
    return null;
  }
}

/** A member of another version says hello: it is refused with a clear error, or the connection ends. */
export function greetAsNewer(world: World): boolean {
  const { directory } = world;
  const seat = directory === null ? null : seatOf(world, directory);
  if (directory === null || seat === null) return false;
  const process = world.startProcess();
  const answers: Buffer[] = [];
  const { sockets } = process.machine(process.main);
  const protocol = PROTOCOL + 1 + world.dice.below(3);
  const socket = sockets.connect(directory, seat.socket, {
    connected: () => socket.write([encodeJson(HELLO, {}, { protocol, token: seat.token, member: "newer", mood: {} })]),
    data: (chunk) => answers.push(chunk),
    closed: () => {
      world.expect(() => expectRefusal(Buffer.concat(answers), protocol));
      if (answers.length > 0) world.tally.add("newer refused");
      process.kill();
    },
  });
  return true;
}

function expectRefusal(answer: Buffer, protocol: number): void {
  if (answer.length < 4 || answer.length < lengthOf(answer, 0)) return;
  assert.equal(kindOf(answer, 0), REFUSE, "a newer member is refused");
  assert.equal(answer.length, lengthOf(answer, 0), "a newer member is sent nothing else");
  const { code, message } = decodeJson(answer, 0, answer.length) as { code: string; message: string };
  assert.equal(code, "ERR_STORAGE_PROTOCOL");
  assert.match(message, new RegExp(`speaks protocol ${PROTOCOL} and this process ${protocol}`));
}

/** A process without the token sends something, and gets no answer. */
export function comeAsStranger(world: World): boolean {
  const { hubs } = world.network;
  if (hubs.length === 0) return false;
  const { dice } = world;
  const process = world.startProcess();
  const { sockets } = process.machine(process.main);
  const words = [
    () => dice.bytes(dice.below(200)),
    () => encodeJson(HELLO, {}, { protocol: PROTOCOL, token: "00".repeat(32), member: "stranger" }),
    () => encodeFrame(LEAVE, {}),
    () => Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    () => Buffer.alloc(0),
  ];
  const events: SocketEvents = {
    connected: () => socket.write([dice.pick(words)()]),
    data: (chunk) => world.expect(() => assert.fail(`a stranger is sent ${chunk.length} bytes`)),
    closed: () => process.kill(),
  };
  const socket = sockets.connect(...dice.pick(hubs), events);
  return true;
}
