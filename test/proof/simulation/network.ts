/**
 * The sockets of a simulated machine. What is written arrives after a while, in order, in chunks that are cut anywhere; a
 * connection that is closed delivers what its kernel had taken, or a part of it when it breaks.
 */
import type { Listener, Socket, SocketEvents, Sockets } from "../../../dist/core/local/machine/machine.js";
import { failure } from "./disk.js";
import type { Inode } from "./inode.js";
import type { Process } from "./process.js";
import type { Thread } from "./scheduler.js";
import type { World } from "./world.js";

/** Connections that wait to be accepted before further ones are refused. */
const BACKLOG = 4;

/** One end of a connection. */
class End implements Socket {
  readonly thread: Thread;
  readonly #world: World;
  readonly #capacity: number;
  events: SocketEvents | null = null;
  other: End | null = null;
  /** Written here and not yet arrived. */
  sent: Buffer[] = [];
  sentBytes = 0;
  /** Nothing follows what was sent. */
  hasEnded = false;
  isDestroyed = false;
  isBroken = false;
  #isPaused = false;
  #isDue = false;
  #isOver = false;

  constructor(world: World, thread: Thread, capacity: number) {
    this.#world = world;
    this.thread = thread;
    this.#capacity = capacity;
    thread.onEnd(() => this.sever());
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get queuedBytes(): number {
    return Math.max(0, this.sentBytes - this.#capacity);
  }

  write(buffers: readonly Buffer[]): void {
    if (this.hasEnded || this.isDestroyed || !this.thread.isAlive) return;
    for (const buffer of buffers) {
      this.sent.push(Buffer.from(buffer));
      this.sentBytes += buffer.length;
    }
    this.other?.arriveSoon();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.arriveSoon();
  }

  end(): void {
    if (this.hasEnded || !this.thread.isAlive) return;
    this.hasEnded = true;
    this.other?.arriveSoon();
  }

  destroy(): void {
    if (this.isDestroyed || !this.thread.isAlive) return;
    this.sever();
    this.#closeSoon(null);
  }

  /** Nothing more is sent or taken; what the kernel has taken still arrives. */
  sever(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.hasEnded = true;
    this.#cutTo(this.#capacity);
    const { other } = this;
    if (other === null) return;
    other.#cutTo(0);
    other.arriveSoon();
  }

  /** The connection breaks: a part of what was sent arrives at each side. */
  break(): void {
    if (this.#isOver) return;
    for (const end of [this, this.other]) {
      if (end === null) continue;
      end.isBroken = true;
      end.hasEnded = true;
      end.#cutTo(this.#world.dice.below(end.sentBytes + 1));
      end.arriveSoon();
    }
  }

  /** Nothing listens at the address. */
  fail(error: Error | null): void {
    this.isDestroyed = true;
    this.#closeSoon(error);
  }

  /** Lets what the other side has sent arrive after a while. */
  arriveSoon(): void {
    if (this.#isDue || this.#isPaused || this.events === null || this.#isOver) return;
    this.#isDue = true;
    const { dice, weather } = this.#world;
    const delay = dice.chance(weather.calls.slow) ? dice.between(0, 40) : dice.delay(0.3, 3);
    this.thread.in(delay, () => {
      this.#isDue = false;
      this.#arrive();
    });
  }

  #arrive(): void {
    const { other } = this;
    if (other === null || this.isDestroyed || this.#isPaused || this.#isOver) return;
    const chunk = other.#take();
    if (chunk !== null) this.events?.data(chunk);
    if (this.isDestroyed || this.#isOver) return;
    if (other.sentBytes > 0 || (chunk !== null && other.hasEnded)) this.arriveSoon();
    else if (other.hasEnded) this.#finish();
  }

  /** The other side sends nothing more. */
  #finish(): void {
    this.hasEnded = true;
    this.#isOver = true;
    this.other?.arriveSoon();
    this.events?.closed(this.isBroken ? failure("ECONNRESET", "read") : null);
  }

  #closeSoon(error: Error | null): void {
    this.thread.in(this.#world.dice.delay(0.1, 1), () => {
      if (this.#isOver) return;
      this.#isOver = true;
      this.events?.closed(error);
    });
  }

  /** Takes some of what was sent, at most what the kernel holds. */
  #take(): Buffer | null {
    if (this.sentBytes === 0) return null;
    const { dice } = this.#world;
    const most = Math.min(this.sentBytes, this.#capacity);
    const count = dice.chance(0.7) ? most : 1 + dice.below(most);
    const all = this.sent.length === 1 ? (this.sent[0] as Buffer) : Buffer.concat(this.sent);
    this.sentBytes -= count;
    this.sent = this.sentBytes > 0 ? [Buffer.from(all.subarray(count))] : [];
    return all.subarray(0, count);
  }

  #cutTo(bytes: number): void {
    if (bytes >= this.sentBytes) return;
    this.sent = bytes > 0 ? [Buffer.concat(this.sent).subarray(0, bytes)] : [];
    this.sentBytes = bytes;
  }
}

interface Listening {
  readonly thread: Thread;
  readonly accept: (socket: Socket) => SocketEvents;
  readonly waiting: End[];
}

export class Network {
  readonly #world: World;
  readonly #listeners = new Map<Inode, Listening>();
  readonly #ends = new Set<End>();
  #socketCount = 0;

  constructor(world: World) {
    this.#world = world;
  }

  socketsOf(thread: Thread, process: Process): Sockets {
    return {
      listen: (directory, name, accept, done) => this.#listen(thread, directory, name, accept, done),
      connect: (directory, name, events) => this.#connect(thread, process, `${directory}/${name}`, events),
    };
  }

  /** The sockets where a hub listens: the directory and the name of each. */
  get hubs(): Array<readonly [directory: string, name: string]> {
    const { disk } = this.#world;
    const hubs: Array<readonly [string, string]> = [];
    for (const directory of disk.directories) {
      for (const name of disk.list(directory)) {
        const inode = disk.find(`${directory}/${name}`) as Inode;
        if (name.startsWith("hub.") && this.#listeners.has(inode)) hubs.push([directory, name]);
      }
    }
    return hubs;
  }

  /** Breaks a connection, if there is any. */
  breakOne(): boolean {
    for (const end of this.#ends) if (end.isOver || !end.thread.isAlive) this.#ends.delete(end);
    const ends = [...this.#ends];
    if (ends.length === 0) return false;
    this.#world.dice.pick(ends).break();
    return true;
  }

  /** A socket is what its name leads to: a name that is removed is out of reach, and one that is left refuses. */
  #listen(thread: Thread, directory: string, name: string, accept: Listening["accept"], done: ListenDone): void {
    const { disk, dice } = this.#world;
    thread.in(dice.delay(0.3, 3), () => {
      const temporary = `${directory}/tmp.0.${++this.#socketCount}`;
      let inode: Inode;
      try {
        if (this.#world.fails("handles")) throw failure("EMFILE", "listen", directory);
        inode = disk.create(temporary);
        disk.rename(temporary, `${directory}/${name}`);
      } catch (error) {
        done(error as Error, { close: () => {} });
        return;
      }
      const listening: Listening = { thread, accept, waiting: [] };
      this.#listeners.set(inode, listening);
      const stop = () => {
        this.#listeners.delete(inode);
        for (const end of listening.waiting.splice(0)) end.sever();
      };
      thread.onEnd(stop);
      done(null, { close: () => thread.isAlive && stop() });
    });
  }

  #connect(thread: Thread, process: Process, address: string, events: SocketEvents): Socket {
    const world = this.#world;
    const capacity = world.dice.pick([512, 4096, 65536, 65536]);
    const client = new End(world, thread, capacity);
    client.events = events;
    const inode = world.disk.find(address);
    const listening = inode && this.#listeners.get(inode);
    if (process.isBlind || listening === undefined || world.fails("refuse")) {
      const code = process.isBlind
        ? "EACCES"
        : inode === undefined
          ? "ENOENT"
          : listening === undefined
            ? "ECONNREFUSED"
            : "EAGAIN";
      client.fail(failure(code, "connect", address));
      return client;
    }
    if (listening.waiting.length >= BACKLOG) {
      client.fail(failure("EAGAIN", "connect", address));
      return client;
    }
    const server = new End(world, listening.thread, capacity);
    client.other = server;
    server.other = client;
    this.#ends.add(client);
    thread.in(world.dice.delay(0.1, 1), () => {
      if (!client.isDestroyed && !client.isOver) events.connected?.();
    });
    listening.waiting.push(server);
    listening.thread.in(world.dice.delay(0.1, 1), () => {
      const at = listening.waiting.indexOf(server);
      if (at < 0) return;
      listening.waiting.splice(at, 1);
      server.events = listening.accept(server);
      server.arriveSoon();
    });
    return client;
  }
}

type ListenDone = (error: Error | null, listener: Listener) => void;
