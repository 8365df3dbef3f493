/**
 * Puts what a hub sends into the order of the log, and knows the place in the files that corresponds to it.
 *
 * A hub sends a turn's frames of others first and confirms after them, so that nobody learns of a write before it is on its
 * way to everybody. A member whose own batches stand between those of others therefore sees a gap first, and the confirm
 * that fills it next.
 *
 * Invariant: `#held` are frames behind the gap, in order of seq; they are dropped with the connection, since the files have them.
 */
import { epochOf, isSound, lengthOf, numberOf, seqOf, timeOf } from "../log/frame.js";
import type { LogSink } from "../log/log.js";
import { ProtocolError } from "./connection.js";
import type { Mark } from "./machine.js";

interface Held {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

export class Delivery {
  readonly #sink: LogSink;
  readonly #held: Held[] = [];
  #epoch: number;
  #segment: number;
  #offset: number;
  #seq: number;
  #time: number;
  /** Bytes of the last frame before the place. */
  #bytes: number;

  /** Begins behind what was read from the files. */
  constructor(sink: LogSink, mark: Mark & { readonly bytes?: number }) {
    this.#sink = sink;
    this.#epoch = mark.epoch;
    this.#segment = mark.segment;
    this.#offset = mark.offset;
    this.#seq = mark.seq;
    this.#time = mark.time;
    this.#bytes = mark.bytes ?? 0;
  }

  /** The place in the files behind the last batch that was delivered. */
  get mark(): Mark & { readonly bytes: number } {
    const place = { epoch: this.#epoch, segment: this.#segment, offset: this.#offset };
    return { ...place, seq: this.#seq, time: this.#time, bytes: this.#bytes };
  }

  /** Takes a batch of another member. */
  batch(buffer: Buffer, start: number, end: number): void {
    const seq = seqOf(buffer, start);
    if (seq <= this.#seq || !isSound(buffer, start, end)) {
      throw new ProtocolError(`expected a sound batch behind seq ${this.#seq}, got seq ${seq}`);
    }
    if (seq === this.#seq + 1) this.#deliver(buffer, start, end);
    else this.#held.push({ buffer, start, end });
  }

  /** Takes the news that `count` batches of this member got the seqs from `seq` on. */
  confirm(seq: number, count: number, time: number): void {
    this.#release();
    if (seq !== this.#seq + 1) throw new ProtocolError(`expected a confirm of seq ${this.#seq + 1}, got ${seq}`);
    for (let index = 0; index < count; index++) {
      this.#bytes = this.#sink.confirmed(seq + index, time);
      this.#offset += this.#bytes;
      this.#seq++;
    }
    this.#time = time;
    this.#release();
  }

  /** A new segment begins. */
  segment(buffer: Buffer, start: number): void {
    if (seqOf(buffer, start) !== this.#seq) {
      throw new ProtocolError(`expected a segment behind seq ${this.#seq}, got ${seqOf(buffer, start)}`);
    }
    this.#epoch = epochOf(buffer, start);
    this.#segment = numberOf(buffer, start);
    this.#offset = lengthOf(buffer, start);
    this.#time = timeOf(buffer, start);
    this.#bytes = 0;
  }

  /** Delivers what is held, as far as there is no gap. */
  #release(): void {
    let index = 0;
    for (; index < this.#held.length; index++) {
      const { buffer, start, end } = this.#held[index] as Held;
      if (seqOf(buffer, start) !== this.#seq + 1) break;
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
