/**
 * One socket as a stream of frames, between a member and a hub.
 *
 * Invariant: after `closed` was called, nothing more is delivered and nothing is sent.
 */
import { MalformedError } from "../../log/codec.js";
import { FrameLengthError, FrameSplitter } from "../../log/frame.js";
import type { Socket, SocketEvents, Sockets } from "../machine/machine.js";

/** The version of the protocol between members and hub, and of the files. */
export const PROTOCOL = 2;

/** Most bytes that a hub takes before a member has proved itself. */
export const GREETING_BYTES = 1024;

/** Thrown by a receiver of frames when the other side broke the protocol; the connection is closed. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** What a connection calls. */
export interface FrameConnectionEvents {
  connected?(): void;
  /** One frame of a sound length; its checksum is not checked. May throw `ProtocolError` and `MalformedError`. */
  frame(buffer: Buffer, start: number, end: number): void;
  /** Exactly once, also when this side closed it. */
  closed(reason: Error | null): void;
}

export class FrameConnection {
  readonly #events: FrameConnectionEvents;
  readonly #splitter: FrameSplitter;
  readonly #socket: Socket;
  #isClosed = false;

  private constructor(maxFrameBytes: number, events: FrameConnectionEvents, open: (events: SocketEvents) => Socket) {
    this.#events = events;
    this.#splitter = new FrameSplitter(maxFrameBytes);
    this.#socket = open({
      connected: () => this.#events.connected?.(),
      data: (chunk) => this.#receive(chunk),
      closed: (error) => this.#close(error),
    });
  }

  /** Connects to an address. */
  static to(sockets: Sockets, address: string, maxFrameBytes: number, events: FrameConnectionEvents): FrameConnection {
    return new FrameConnection(maxFrameBytes, events, (socketEvents) => sockets.connect(address, socketEvents));
  }

  /** Takes over an accepted socket; the caller hands on the socket's events. */
  static from(socket: Socket, maxFrameBytes: number, events: FrameConnectionEvents): [FrameConnection, SocketEvents] {
    let socketEvents: SocketEvents | undefined;
    const connection = new FrameConnection(maxFrameBytes, events, (given) => {
      socketEvents = given;
      return socket;
    });
    return [connection, socketEvents as SocketEvents];
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Bytes that were sent and not yet taken by the operating system. */
  get queuedBytes(): number {
    return this.#socket.queuedBytes;
  }

  /** Longest frame that is accepted from now on. */
  set maxFrameBytes(bytes: number) {
    this.#splitter.maxBytes = bytes;
  }

  /** Sends frames in order; nothing once it is closed. */
  send(frames: readonly Buffer[]): void {
    if (!this.#isClosed && frames.length > 0) this.#socket.write(frames);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes once what was sent has been taken. */
  end(): void {
    this.#socket.end();
  }

  /** Closes at once; `closed` is called with the reason before this returns. */
  drop(reason: Error | null): void {
    this.#socket.destroy();
    this.#close(reason);
  }

  #receive(chunk: Buffer): void {
    if (this.#isClosed) return;
    try {
      this.#splitter.push(chunk, (buffer, start, end) => {
        this.#events.frame(buffer, start, end);
        return !this.#isClosed;
      });
    } catch (error) {
      if (!isProtocolBreach(error)) throw error;
      this.drop(error);
    }
  }

  #close(reason: Error | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events.closed(reason);
  }
}

function isProtocolBreach(error: unknown): error is Error {
  return error instanceof ProtocolError || error instanceof MalformedError || error instanceof FrameLengthError;
}
