/** Sockets, as the engine needs them. */

/** One end of a connection. Never keeps the process alive. */
export interface Socket {
  /** Sends the buffers in order; never blocks, so what the other side does not take is queued. */
  write(buffers: readonly Buffer[]): void;
  /** Bytes that were written and not yet taken by the operating system. */
  readonly queuedBytes: number;
  /** Stops and restarts the calls of `data`. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** What a socket calls; `closed` exactly once and last. */
export interface SocketEvents {
  /** Connected (the side that connects only). */
  connected?(): void;
  data(chunk: Buffer): void;
  closed(error: Error | null): void;
}

export interface Listener {
  /** Takes no more connections. The name stays, and refuses. */
  close(): void;
}

/**
 * Sockets lie in the directory of their storage, and are named by their file names: processes that reach the same socket by the
 * same name in a directory have the same storage, wherever each of them has it mounted, and a copy of the directory has none.
 */
export interface Sockets {
  /**
   * Listens under a name in a directory; a socket that has the name before is replaced. It is bound under a temporary name and then
   * renamed, so that the name outlives the process, however that ends, and refuses from then on.
   * @param accept Gives the events for each new connection.
   * @param done Called once, later.
   */
  listen(
    directory: string,
    name: string,
    accept: (socket: Socket) => SocketEvents,
    done: (error: Error | null, listener: Listener) => void,
  ): void;
  /** Connects to the socket of that name in a directory; `closed` gets `ECONNREFUSED` when its process has ended, and only then. */
  connect(directory: string, name: string, events: SocketEvents): Socket;
}
