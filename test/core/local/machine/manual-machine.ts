/** A machine that a test controls: files in memory, a clock that moves only by the test, sockets without a network. */

import { dirname } from "node:path";
import { placeOf, seatPath } from "../../../../dist/core/local/disk/file-names.js";
import { Seat } from "../../../../dist/core/local/election/seat.js";
import { Hub } from "../../../../dist/core/local/hub/hub.js";
import { noteNow } from "../../../../dist/core/local/machine/clock.js";
import type {
  FileView,
  HubOptions,
  Machine,
  Socket,
  SocketEvents,
} from "../../../../dist/core/local/machine/machine.js";
import { PROTOCOL } from "../../../../dist/core/local/wire/messages.js";
import { encodeEntries } from "../../../../dist/core/log/codec.js";
import { setEntry } from "../../../../dist/core/log/entry.js";
import {
  BATCH,
  encodeJson,
  epochOf,
  HELLO,
  kindOf,
  lengthOf,
  numberOf,
  seqOf,
  timeOf,
} from "../../../../dist/core/log/frame.js";
import { spokenLevels } from "../../../../dist/core/log/levels.js";
import { HISTORY } from "../disk/stored.js";
import { ManualClock, START_MS } from "./manual-clock.js";
import { ManualSockets } from "./manual-sockets.js";
import { MemoryFiles } from "./memory-files.js";

export { ManualClock };

export const place = placeOf("/data", "app");
export const TOKEN = "5a".repeat(32);
const ORIGIN = 815;

/** Shows the order of calls that `MemoryFiles` does not count as changes. */
class WatchedFiles extends MemoryFiles {
  override lookAt(file: number, path: string): FileView {
    this.calls.push(`lookAt ${path}`);
    return super.lookAt(file, path);
  }
}

/** What a peer got, by the header of a frame. */
export interface Received {
  readonly kind: number;
  readonly epoch: number;
  readonly seq: number;
  readonly time: number;
  readonly number: number;
  readonly frame: Buffer;
}

/** The other end of one connection of a hub. */
export class Peer implements Socket {
  readonly name: string;
  readonly received: Received[] = [];
  isClosed = false;
  isPaused = false;
  /** Bytes that it does not take. */
  queuedBytes = 0;
  events: SocketEvents | null = null;
  readonly #calls: string[];

  constructor(name: string, calls: string[]) {
    this.name = name;
    this.#calls = calls;
  }

  write(buffers: readonly Buffer[]): void {
    const bytes = Buffer.concat(buffers);
    for (let at = 0; at < bytes.length; at += lengthOf(bytes, at)) {
      const frame = Buffer.from(bytes.subarray(at, at + lengthOf(bytes, at)));
      this.#calls.push(`send ${this.name} ${kindOf(frame, 0)}`);
      this.received.push({
        kind: kindOf(frame, 0),
        epoch: epochOf(frame, 0),
        seq: seqOf(frame, 0),
        time: timeOf(frame, 0),
        number: numberOf(frame, 0),
        frame,
      });
    }
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  end(): void {
    this.destroy();
    this.events?.closed(null);
  }

  destroy(): void {
    this.isClosed = true;
  }

  /** Sends bytes to the hub, as one chunk. */
  say(...buffers: Buffer[]): void {
    this.events?.data(Buffer.concat(buffers));
  }

  kinds(): number[] {
    return this.received.map(({ kind }) => kind);
  }

  of(kind: number): Received[] {
    return this.received.filter((frame) => frame.kind === kind);
  }
}

/** A batch of one entry, as a member sends it. */
export function batchFrame(number: number, text = `value ${number}`): Buffer {
  const entries = [setEntry([`key${number}`], JSON.stringify(text))];
  return encodeEntries(entries, BATCH, { origin: ORIGIN, born: START_MS, number });
}

export function helloFrame(hello: Record<string, unknown> = {}): Buffer {
  return encodeJson(HELLO, {}, { protocol: PROTOCOL, token: TOKEN, member: "m", ...hello });
}

const OPTIONS: HubOptions = {
  fsync: "never",
  gcInterval: 1_000_000_000,
  recover: "strict",
  persist: true,
  maxMemberBacklogBytes: 1024 * 1024,
  stallTimeout: 5000,
  compactAfterBytes: 1024 * 1024,
  levels: spokenLevels(1),
};

/** A hub that has the seat of epoch 1, over a machine in the test's hands. */
export class ManualHub {
  readonly files = new WatchedFiles();
  readonly clock = new ManualClock();
  readonly machine: Machine;
  readonly hub: Hub;
  readonly happened: string[] = [];
  readonly seatPath = seatPath(place, 1);
  readonly logPath = `${place.directory}/log.1.1`;

  constructor(options: Partial<HubOptions> = {}, mayBlock = true) {
    this.machine = manualMachine(this.files, this.clock);
    const seat = claimSeat(this.machine, 1);
    const recovered = {
      snapshot: 0,
      snapshotBytes: 0,
      segments: [],
      seq: 0,
      time: 0,
      history: HISTORY,
      clock: null,
      clockOffsetMs: 0,
      level: 1,
      isTorn: false,
    };
    this.hub = new Hub(
      this.machine,
      place,
      { ...OPTIONS, ...options },
      seat,
      { token: TOKEN, member: "a" },
      recovered,
      noteNow(this.clock, this.clock.now()),
      {
        replaced: () => this.happened.push("replaced"),
        moved: () => this.happened.push("moved"),
        pulse: () => {},
        lost: (member) => this.happened.push(`lost ${member}`),
        leaves: (member, hasWritten, noted) => {
          this.happened.push(`leaves ${member} ${hasWritten}`);
          noted();
        },
        grown: () => {},
        refused: (_, mustCompact) => mustCompact && this.happened.push("mustCompact"),
      },
      mayBlock,
    );
    this.files.calls.length = 0;
  }

  /** All calls to files and sockets, in order. */
  get calls(): string[] {
    return this.files.calls;
  }

  /** Begins a segment; returns whether the hub did. */
  rotate(): boolean | undefined {
    let answer: boolean | undefined;
    this.hub.rotate((isRotated) => {
      answer = isRotated;
    });
    return answer;
  }

  /** A stranger that has connected. */
  connect(name = "stranger"): Peer {
    const peer = new Peer(name, this.calls);
    peer.events = this.hub.accept(peer);
    return peer;
  }

  /** A member that has been welcomed; what it received and what happened until then is forgotten. */
  join(name: string): Peer {
    const peer = this.connect(name);
    peer.say(helloFrame({ member: name }));
    this.clock.run();
    peer.received.length = 0;
    this.calls.length = 0;
    this.happened.length = 0;
    return peer;
  }
}

/** A machine without threads: its compactions never end. Its sockets are {@link ManualSockets}. */
export function manualMachine(files: MemoryFiles, clock = new ManualClock()): Machine {
  let random = 0;
  return {
    files,
    clock,
    identity: { pid: 42, uid: 1, host: "here", bootId: "boot", isAlive: () => true },
    sockets: new ManualSockets(files, clock),
    threads: { compact: () => () => {} },
    random: (bytes: number) => Buffer.alloc(bytes, `${++random}.`),
  } as unknown as Machine;
}

/** A manual machine, and what a test holds of it. */
export function manualParts() {
  const files = new MemoryFiles();
  const clock = new ManualClock();
  const sockets = new ManualSockets(files, clock);
  const machine: Machine = { ...manualMachine(files, clock), sockets };
  return { files, clock, sockets, machine };
}

export function seatContent(socket = "hub.1") {
  const { directory } = place;
  return {
    socket,
    token: TOKEN,
    pid: 42,
    uid: 1,
    host: "here",
    bootId: "boot",
    device: "memory",
    directory,
    protocol: PROTOCOL,
  };
}

export function claimSeat(machine: Machine, epoch: number): Seat {
  const seat = Seat.claim(machine, place, epoch, seatContent());
  if (seat === null) throw new Error(`expected the seat ${epoch}, got none`);
  return seat;
}

/** Renames a directory, with what is in it and is open; another one, empty, is at its path then. */
export function moveDirectory(files: MemoryFiles, from: string, to: string): void {
  const { names, directoryIds } = files;
  directoryIds.set(to, directoryIds.get(from) ?? from).set(from, `the one after ${to}`);
  for (const [path, inode] of [...names]) {
    if (dirname(path) !== from) continue;
    names.delete(path);
    names.set(to + path.slice(from.length), inode);
  }
}
