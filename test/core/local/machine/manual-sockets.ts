/**
 * Sockets in memory, for tests: one process beside the other, on a clock that the test moves.
 *
 * As on a real machine, a name in a directory leads to a socket as long as it is there; the socket of a process that has ended
 * refuses; a name that is given to another socket, or removed, does not lead to the first one any more.
 */
import type { Clock, Listener, Socket, SocketEvents, Sockets } from "../../../../dist/core/local/machine/machine.js";
import type { MemoryFiles } from "./memory-files.js";

type Accept = (socket: Socket) => SocketEvents;

const failure = (code: string, path: string) => Object.assign(new Error(`${code}: connect ${path}`), { code });

/** One end of a connection. */
class End implements Socket {
  readonly #clock: Clock;
  readonly queuedBytes = 0;
  events: SocketEvents | null = null;
  other: End | null = null;
  hasEnded = false;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  write(buffers: readonly Buffer[]): void {
    const bytes = Buffer.concat(buffers);
    if (!this.#isClosed) this.#clock.soon(() => this.other?.take(bytes));
  }

  pause(): void {}

  resume(): void {}

  /** As on a real machine, what was written arrives first; the connection is closed once the other side, which must be there, has closed it too. */
  end(): void {
    this.hasEnded = true;
    if (this.other !== null) this.#clock.soon(() => this.destroy());
  }

  destroy(): void {
    this.close(null);
    this.other?.close(null);
  }

  take(bytes: Buffer): void {
    if (!this.#isClosed) this.events?.data(bytes);
  }

  /** Calls `closed` once, later. */
  close(error: Error | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#clock.soon(() => this.events?.closed(error));
  }
}

export class ManualSockets implements Sockets {
  readonly #files: MemoryFiles;
  readonly #clock: Clock;
  /** What a file in memory is to a real machine: the thing behind a name. */
  readonly #listening = new Map<object, Accept>();
  /** Returns the code with which a connection to a path fails; none: it depends on what is there. */
  fault: ((path: string) => string | undefined) | null = null;
  /** Whether processes accept: when they do not, connections are made and wait. */
  isAccepting = true;
  /** Returns the code with which a socket cannot be bound at a path. */
  bindFault: ((path: string) => string | undefined) | null = null;
  /** The paths that were bound, and those that were connected to, in order. */
  readonly bound: string[] = [];
  readonly asked: string[] = [];

  constructor(files: MemoryFiles, clock: Clock) {
    this.#files = files;
    this.#clock = clock;
  }

  listen(
    directory: string,
    name: string,
    accept: Accept,
    done: (error: Error | null, listener: Listener) => void,
  ): void {
    const path = `${directory}/${name}`;
    this.#clock.soon(() => {
      const code = this.bindFault?.(path);
      if (code !== undefined) {
        done(failure(code, path), { close: () => {} });
        return;
      }
      this.bound.push(path);
      this.#files.put(path, Buffer.alloc(0));
      const thing = this.#files.names.get(path) as object;
      this.#listening.set(thing, accept);
      done(null, { close: () => void this.#listening.delete(thing) });
    });
  }

  connect(directory: string, name: string, events: SocketEvents): Socket {
    const path = `${directory}/${name}`;
    this.asked.push(path);
    const end = new End(this.#clock);
    end.events = events;
    const thing = this.#files.names.get(path);
    const accept = thing && this.#listening.get(thing);
    const code = this.fault?.(path) ?? (thing === undefined ? "ENOENT" : accept ? undefined : "ECONNREFUSED");
    if (code !== undefined) {
      end.close(failure(code, path));
      return end;
    }
    this.#clock.soon(() => {
      events.connected?.();
      if (!this.isAccepting) return;
      const other = new End(this.#clock);
      [other.other, end.other] = [end, other];
      other.events = (accept as Accept)(other);
      if (end.hasEnded) end.destroy();
    });
    return end;
  }

  /** The process behind a path has ended: its socket refuses, and the name stays. */
  kill(path: string): void {
    this.#listening.delete(this.#files.names.get(path) ?? {});
  }

  /** A process beside that takes connections at a path; by default it ends each one. */
  serve(path: string, accept: Accept = endAtOnce): void {
    this.#files.put(path, Buffer.alloc(0));
    this.#listening.set(this.#files.names.get(path) as object, accept);
  }
}

const endAtOnce: Accept = (socket) => {
  socket.destroy();
  return { data: () => {}, closed: () => {} };
};
