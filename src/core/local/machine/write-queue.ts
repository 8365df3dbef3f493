/**
 * What was written to a stream and waits for it. A stream of node:net hands all that it has gathered to the operating system as
 * one write, and counts its bytes as queued until the last one is taken: for megabytes, nobody could tell a reader that takes
 * them from one that takes nothing. So it is given little at a time.
 */

/** A stream of Node.js that bytes are written to. */
export interface ByteStream {
  readonly writableLength: number;
  readonly writableEnded: boolean;
  readonly destroyed: boolean;
  cork(): void;
  uncork(): void;
  /** @param written Called when the operating system has taken the bytes, or cannot. */
  write(bytes: Buffer, written?: () => void): boolean;
  end(): void;
}

/** Most bytes that the stream has at a time: about what the kernel takes at once from a socket whose reader keeps up. */
const STEP_BYTES = 256 * 1024;

/**
 * Invariants:
 *
 * 1. All that was written comes to the stream in order, then its end, if that was asked for.
 * 2. While anything waits, the stream has a write whose end lets more of it follow. What is written past the queue takes half
 *    of a step at most, so there is room for such a write.
 */
export class WriteQueue {
  readonly #stream: ByteStream;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #hasEnded = false;
  readonly #written = (): void => this.#feed();

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** Bytes that were written and not yet taken by the operating system, to within a step. */
  get queuedBytes(): number {
    return this.#waitingBytes + this.#stream.writableLength;
  }

  write(buffers: readonly Buffer[]): void {
    let bytes = 0;
    for (const { length } of buffers) bytes += length;
    if (this.#waitingBytes === 0 && this.#stream.writableLength + bytes <= STEP_BYTES / 2) {
      this.#pass(buffers);
      return;
    }
    for (const buffer of buffers) this.#waiting.push(buffer);
    this.#waitingBytes += bytes;
    this.#feed();
  }

  /** Ends the stream after all that was written. */
  end(): void {
    this.#hasEnded = true;
    this.#feed();
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #feed(): void {
    if (this.#stream.destroyed) {
      this.clear();
      return;
    }
    if (this.#waitingBytes > 0) {
      const step = this.#take(STEP_BYTES - this.#stream.writableLength);
      if (step.length > 0) this.#pass(step, this.#written);
    }
    if (this.#hasEnded && this.#waitingBytes === 0 && !this.#stream.writableEnded) this.#stream.end();
  }

  /** Takes the first bytes of what waits, `most` of them or all. */
  #take(most: number): Buffer[] {
    let room = most;
    let count = 0;
    for (const { length } of this.#waiting) {
      if (length > room) break;
      room -= length;
      count++;
    }
    const taken = this.#waiting.splice(0, count);
    const [next] = this.#waiting;
    if (next !== undefined && room > 0) {
      taken.push(next.subarray(0, room));
      this.#waiting[0] = next.subarray(room);
      room = 0;
    }
    for (const { length } of taken) this.#waitingBytes -= length;
    return taken;
  }

  /** @param written Called when the last buffer is taken, or cannot be. */
  #pass(buffers: readonly Buffer[], written?: () => void): void {
    const stream = this.#stream;
    if (buffers.length > 1) stream.cork();
    for (const [index, buffer] of buffers.entries()) {
      if (written !== undefined && index === buffers.length - 1) stream.write(buffer, written);
      else stream.write(buffer);
    }
    if (buffers.length > 1) stream.uncork();
  }
}
