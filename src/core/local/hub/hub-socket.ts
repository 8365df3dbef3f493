/** The socket of a hub: that others reach it is checked from outside, as they would, and mended when it is not so. */
import { codeOf, StorageError } from "../../errors.js";
import { bestEffort } from "../disk/file-access.js";
import { hubSocketsIn, socketPath } from "../disk/file-names.js";
import type { Listener, Machine, Place, Socket, SocketEvents } from "../machine/machine.js";
import { named } from "../machine/pinned-files.js";

/**
 * Removes the sockets of contenders that ended before they had a seat, and of managers long ago: each that refuses. Should one of
 * them be alive, as where another file system refuses, it listens again when it checks itself.
 * @param own The name of the hub that serves.
 */
export function removeEndedSockets(machine: Machine, place: Place, own: string): void {
  const { files, sockets } = machine;
  for (const name of hubSocketsIn(bestEffort(() => files.list(place.directory)) ?? [])) {
    if (name === own) continue;
    const socket = sockets.connect(place.directory, name, {
      connected: () => socket.destroy(),
      data: () => {},
      closed: (error) => {
        if (codeOf(error) === "ECONNREFUSED") bestEffort(() => files.unlink(socketPath(place, name)));
      },
    });
  }
}

/** Looks from one connection of a hub to itself to the next, if all is well: a look at its name costs a tenth of one. */
const CONNECTION_LOOKS = 4;

/**
 * Invariants:
 *
 * 1. The name is a new random one for each hub, so what refuses under it has ended.
 * 2. An older listener of the name is closed only when a newer one listens.
 */
export class HubSocket {
  /** The file name of the socket. */
  readonly name: string;
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #directory: string;
  readonly #accept: (socket: Socket) => SocketEvents;
  #listener: Listener | null = null;
  #isListening = false;
  #isClosed = false;
  /** Whether a seat may name it. */
  #isPublished = true;
  #acceptedCount = 0;
  /** The connection of the check under way. */
  #check: Socket | null = null;
  #failedSince: number | null = null;
  /** Looks since it was last reached, and the time of the file by which it was. */
  #looksSinceReached = 0;
  #reachedBoundAt: number | undefined;

  /**
   * @param directory The path by which the socket is bound: of the directory that this process holds.
   * @param accept Gives the events for each new connection.
   */
  constructor(machine: Machine, place: Place, directory: string, accept: (socket: Socket) => SocketEvents) {
    this.#machine = machine;
    this.#place = place;
    this.#directory = directory;
    this.name = `hub.${machine.random(8).toString("hex")}`;
    this.#accept = (socket) => {
      this.#acceptedCount++;
      return accept(socket);
    };
  }

  /**
   * What is reported when the hub gives up its seat, since nobody has reached it for a time; else null.
   * @param mostMs How long, in ms, nobody may reach it.
   */
  failure(mostMs: number): StorageError | null {
    if (this.#failedSince === null || this.#machine.clock.elapsed() - this.#failedSince <= mostMs) return null;
    return this.#error(null);
  }

  #error(cause: Error | null): StorageError {
    const path = socketPath(this.#place, this.name);
    const message = `expected other processes to reach a manager in this one by ${path}, got ${cause?.message ?? "no connection"} from this process itself, so it is none: let nothing remove files from that directory, and give it the right to connect, and enough open files`;
    return new StorageError("ERR_STORAGE_UNREACHABLE", message, cause ? { cause } : undefined);
  }

  /** Listens, and connects to itself. Calls back once, later, unless it is closed before, with why it cannot be reached. */
  open(done: (error: Error | null) => void): void {
    this.#listen((error) => {
      if (error) done(error);
      else this.#reach((isReached, cause) => done(isReached ? null : this.#error(cause)));
    });
  }

  #listen(done: (error: Error | null) => void): void {
    if (this.#isListening || this.#isClosed) return;
    this.#isListening = true;
    this.#machine.sockets.listen(this.#directory, this.name, this.#accept, (error, listener) => {
      this.#isListening = false;
      if (this.#isClosed) {
        listener.close();
        this.#forget();
        return;
      }
      if (error === null) {
        this.#listener?.close();
        this.#listener = listener;
      }
      done(named(error, this.#directory, this.#place.directory));
    });
  }

  /** Looks whether others reach it, at each heartbeat: mostly at its name, sometimes by a connection. When that fails it listens once more. */
  check(): void {
    if (this.#isClosed) return;
    // It was connected, and not accepted since the last check.
    if (this.#check !== null) this.#check.destroy();
    else if (!this.#isAsReached)
      this.#reach((isReached, error) => {
        if (isReached) this.#failedSince = null;
        // Where too many connections wait, others reach it.
        else if (codeOf(error) !== "EAGAIN") this.#unreached();
      });
  }

  /** Connects by the path that others use. Calls back once, later, unless it is closed before. */
  #reach(done: (isReached: boolean, error: Error | null) => void): void {
    const before = this.#acceptedCount;
    const socket = this.#machine.sockets.connect(this.#place.directory, this.name, {
      connected: () => socket.end(),
      data: () => {},
      closed: (error) => {
        this.#check = null;
        if (this.#isClosed) return;
        const isReached = error === null && this.#acceptedCount > before;
        this.#looksSinceReached = isReached ? 0 : CONNECTION_LOOKS;
        this.#reachedBoundAt = this.#boundAt();
        done(isReached, error);
      },
    });
    this.#check = socket;
  }

  /** Whether it was reached not long ago, by the file that is at its path now. */
  get #isAsReached(): boolean {
    const boundAt = this.#boundAt();
    return ++this.#looksSinceReached < CONNECTION_LOOKS && boundAt !== undefined && boundAt === this.#reachedBoundAt;
  }

  /** The time of the file at its path, by which another one shows; undefined: none is there, or that is not known. */
  #boundAt(): number | undefined {
    return bestEffort(() => this.#machine.files.modifiedAt(socketPath(this.#place, this.name)));
  }

  /**
   * Stops listening.
   * @param isPublished Whether a seat names it: then the name stays and refuses, which proves that its manager has ended.
   */
  close(isPublished: boolean): void {
    this.#isClosed = true;
    this.#isPublished = isPublished;
    this.#check?.destroy();
    this.#listener?.close();
    this.#listener = null;
    this.#forget();
  }

  #forget(): void {
    if (!this.#isPublished) bestEffort(() => this.#machine.files.unlink(socketPath(this.#place, this.name)));
  }

  #unreached(): void {
    this.#failedSince ??= this.#machine.clock.elapsed();
    this.#listen(() => {});
  }
}
