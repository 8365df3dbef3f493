/** Puts what a hub sends into the order of the log, and knows the position in the files that corresponds to it. */
import { epochOf, isCount, isIntact, numberOf, seqOf, timeOf } from "../../log/frame.js";
import type { LogSink } from "../../log/log.js";
import type { LogPosition } from "../machine/machine.js";
import { ProtocolError } from "../wire/frame-connection.js";
import { isTime } from "../wire/messages.js";

interface Held {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

/**
 * In each turn a hub sends the frames of other members first and the confirms after them. A member whose own batches lie
 * between those of others therefore gets a gap first, and then the confirm that fills it.
 *
 * Invariants:
 *
 * 1. `#held` are the frames after the gap, in order of seq and time, `#heldBytes` in all. They are dropped with the
 *    connection, since the files have them.
 * 2. A frame that does not fit is a `ProtocolError`, and has no effect.
 */
export class Delivery {
  readonly #sink: LogSink;
  readonly #maxHeldBytes: number;
  readonly #held: Held[] = [];
  #heldBytes = 0;
  /** Batches that were sent on this connection and not confirmed yet. */
  #sentCount = 0;
  #epoch: number;
  #segment: number;
  #offset: number;
  #seq: number;
  #time: number;
  /** Bytes of the last frame before the position. */
  #bytes: number;

  /**
   * Begins after what was read from the files.
   * @param maxHeldBytes Most bytes of frames after the gap.
   */
  constructor(sink: LogSink, position: LogPosition, maxHeldBytes: number) {
    this.#sink = sink;
    this.#maxHeldBytes = maxHeldBytes;
    this.#epoch = position.epoch;
    this.#segment = position.segment;
    this.#offset = position.offset;
    this.#seq = position.seq;
    this.#time = position.time;
    this.#bytes = position.bytes ?? 0;
  }

  /** The position in the files after the last batch that was delivered. */
  get position(): LogPosition {
    const place = { epoch: this.#epoch, segment: this.#segment, offset: this.#offset };
    return { ...place, seq: this.#seq, time: this.#time, bytes: this.#bytes };
  }

  /** A batch of this member was sent. */
  sent(): void {
    this.#sentCount++;
  }

  /** Takes a batch of another member. */
  batch(buffer: Buffer, start: number, end: number): void {
    const seq = seqOf(buffer, start);
    const last = this.#held.at(-1);
    const previous = last === undefined ? this.#seq : seqOf(last.buffer, last.start);
    if (!isCount(seq) || seq <= previous || !isIntact(buffer, start, end)) {
      throw new ProtocolError(`expected an intact batch after seq ${previous}, got seq ${seq}`);
    }
    this.#expectTime(timeOf(buffer, start), last === undefined ? this.#time : timeOf(last.buffer, last.start));
    if (seq === this.#seq + 1) this.#deliver(buffer, start, end);
    else this.#hold({ buffer, start, end });
  }

  /** Takes a confirm: `count` batches of this member have the seqs from `seq` on. */
  confirm(seq: number, count: number, time: number): void {
    this.#release();
    if (seq !== this.#seq + 1) throw new ProtocolError(`expected a confirm of seq ${this.#seq + 1}, got ${seq}`);
    if (!isCount(count) || count > this.#sentCount) {
      throw new ProtocolError(`expected a confirm of at most ${this.#sentCount} batches, got ${count}`);
    }
    this.#expectTime(time, this.#time);
    this.#expectGap(seq + count, time);
    this.#sentCount -= count;
    for (let index = 0; index < count; index++) {
      const bytes = this.#sink.confirmed(seq + index, time);
      if (bytes === 0) throw new ProtocolError(`expected a batch that waits, got a confirm of seq ${seq + index}`);
      this.#bytes = bytes;
      this.#offset += bytes;
      this.#seq++;
    }
    this.#time = time;
    this.#release();
  }

  /** A new segment begins. */
  segment(buffer: Buffer, start: number, end: number): void {
    if (seqOf(buffer, start) !== this.#seq) {
      throw new ProtocolError(`expected a segment after seq ${this.#seq}, got ${seqOf(buffer, start)}`);
    }
    const number = numberOf(buffer, start);
    if (!isCount(number)) throw new ProtocolError(`expected a segment with a number, got ${number}`);
    this.#expectTime(timeOf(buffer, start), this.#time);
    this.#epoch = epochOf(buffer, start);
    this.#segment = number;
    this.#offset = end - start;
    this.#time = timeOf(buffer, start);
    this.#bytes = 0;
  }

  #expectTime(time: number, least: number): void {
    if (!isTime(time) || time < least) throw new ProtocolError(`expected a time from ${least} ms on, got ${time}`);
  }

  /** What is held begins at `seq` or later, and at `time` or later. */
  #expectGap(seq: number, time: number): void {
    const next = this.#held[0];
    if (next === undefined) return;
    const end = seqOf(next.buffer, next.start);
    if (end < seq) throw new ProtocolError(`expected confirms up to seq ${end}, got one up to ${seq}`);
    this.#expectTime(timeOf(next.buffer, next.start), time);
  }

  #hold(frame: Held): void {
    this.#held.push(frame);
    this.#heldBytes += frame.end - frame.start;
    if (this.#heldBytes > this.#maxHeldBytes) {
      throw new ProtocolError(`expected at most ${this.#maxHeldBytes} bytes before a confirm, got ${this.#heldBytes}`);
    }
  }

  /** Delivers what is held, up to the next gap. */
  #release(): void {
    let index = 0;
    for (; index < this.#held.length; index++) {
      const { buffer, start, end } = this.#held[index] as Held;
      if (seqOf(buffer, start) !== this.#seq + 1) break;
      this.#heldBytes -= end - start;
      this.#deliver(buffer, start, end);
    }
    if (index > 0) this.#held.splice(0, index);
  }

  #deliver(buffer: Buffer, start: number, end: number): void {
    this.#sink.batch(buffer, start, end);
    this.#seq++;
    this.#time = timeOf(buffer, start);
    this.#bytes = end - start;
    this.#offset += this.#bytes;
  }
}
