/** One socket as a stream of frames: what the two ends of a connection between a member and a hub have in common. */
import { codeOf } from "../../errors.js";
import { FrameLengthError, FrameSplitter } from "../../log/frame.js";
import { MalformedError } from "../../log/malformed.js";
import type { Socket, SocketEvents } from "../machine/machine.js";

/** Thrown by `receive` when the other side breaks the protocol; the connection is closed. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/**
 * Each end extends this class with what it does with a frame. The connection is what its socket calls.
 *
 * Invariants:
 *
 * 1. `disconnected` is called exactly once, also when this side closed the connection.
 * 2. After that call no frame is received, and none is sent.
 */
export abstract class FrameConnection implements SocketEvents {
  readonly #splitter: FrameSplitter;
  readonly #socket: Socket;
  #sentBytes = 0;
  #isClosed = false;

  /**
   * @param maxFrameBytes Longest frame that is accepted.
   * @param open Returns the socket that will call the given events, the first one after this constructor has returned.
   */
  protected constructor(maxFrameBytes: number, open: (events: SocketEvents) => Socket) {
    this.#splitter = new FrameSplitter(maxFrameBytes);
    this.#socket = open(this);
  }

  /**
   * Takes one frame of a valid length; its checksum is not checked.
   * @throws ProtocolError, MalformedError when the other side broke the protocol.
   */
  protected abstract receive(buffer: Buffer, start: number, end: number): void;

  /** The connection is closed; `reason` is null when neither side reported an error. */
  protected abstract disconnected(reason: Error | null): void;

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Bytes that were sent and not yet taken by the operating system. */
  get queuedBytes(): number {
    return this.#socket.queuedBytes;
  }

  /** Bytes that were sent and taken by the operating system. */
  get takenBytes(): number {
    return this.#sentBytes - this.#socket.queuedBytes;
  }

  /** Longest frame that is accepted from now on. */
  set maxFrameBytes(bytes: number) {
    this.#splitter.maxBytes = bytes;
  }

  /** Sends frames in order; sends nothing once the connection is closed. */
  send(frames: readonly Buffer[]): void {
    if (this.#isClosed || frames.length === 0) return;
    for (const { length } of frames) this.#sentBytes += length;
    this.#socket.write(frames);
  }

  /** Receives no more frames until `resume`, beyond those of the chunk at hand. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes the connection once the operating system has taken what was sent. */
  end(): void {
    this.#socket.end();
  }

  /** Closes the connection at once; `disconnected` has been called with the reason when this returns. */
  drop(reason: Error | null = null): void {
    this.#socket.destroy();
    this.closed(reason);
  }

  /** Called by the socket. */
  data(chunk: Buffer): void {
    if (this.#isClosed) return;
    try {
      this.#splitter.push(chunk, (buffer, start, end) => {
        this.receive(buffer, start, end);
        return !this.#isClosed;
      });
    } catch (error) {
      if (!isProtocolBreach(error)) throw error;
      this.drop(error);
    }
  }

  /** Called by the socket. */
  closed(reason: Error | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.disconnected(reason);
  }
}

/** Whether an error shows that the other side broke the protocol, or sends what this version does not speak. */
export function isProtocolBreach(error: unknown): error is Error {
  if (codeOf(error) === "ERR_STORAGE_PROTOCOL") return true;
  return error instanceof ProtocolError || error instanceof MalformedError || error instanceof FrameLengthError;
}
