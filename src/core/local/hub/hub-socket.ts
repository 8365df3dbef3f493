/** The socket of a hub: that others reach it is checked from outside, as they would, and mended when it is not so. */
import { codeOf, StorageError } from "../../errors.js";
import { socketPath } from "../disk/file-names.js";
import type { Listener, Machine, Place, Socket, SocketEvents } from "../machine/machine.js";

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
  #acceptedCount = 0;
  /** The connection of the check under way. */
  #check: Socket | null = null;
  #failedSince: number | null = null;

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
    const path = socketPath(this.#place, this.name);
    return new StorageError(
      "ERR_STORAGE_UNREACHABLE",
      `expected other processes to reach this manager by ${path}, got no connection to it for ${mostMs} ms, so it gives up its seat`,
    );
  }

  /** Listens under the name, also when it did before. Calls back once, later, unless it is closed before. */
  listen(done: (error: Error | null) => void): void {
    if (this.#isListening || this.#isClosed) return;
    this.#isListening = true;
    this.#machine.sockets.listen(this.#directory, this.name, this.#accept, (error, listener) => {
      this.#isListening = false;
      if (this.#isClosed) {
        listener.close();
        return;
      }
      if (error === null) {
        this.#listener?.close();
        this.#listener = listener;
      }
      done(error);
    });
  }

  /** Connects to itself by the path that others use. When that fails it listens once more. */
  check(): void {
    if (this.#isClosed) return;
    if (this.#check !== null) {
      // Connected, and not accepted since the last heartbeat.
      this.#check.destroy();
      return;
    }
    const before = this.#acceptedCount;
    let isConnected = false;
    const socket = this.#machine.sockets.connect(this.#place.directory, this.name, {
      connected: () => {
        isConnected = true;
        socket.end();
      },
      data: () => {},
      closed: (error) => {
        this.#check = null;
        if (this.#isClosed || codeOf(error) === "EAGAIN") return;
        if (isConnected && this.#acceptedCount > before) this.#failedSince = null;
        else this.#unreached();
      },
    });
    this.#check = socket;
  }

  close(): void {
    this.#isClosed = true;
    this.#check?.destroy();
    this.#listener?.close();
    this.#listener = null;
  }

  #unreached(): void {
    this.#failedSince ??= this.#machine.clock.elapsed();
    this.listen(() => {});
  }
}
