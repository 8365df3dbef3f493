import { encodeEntries } from "../log/codec.js";
import { address, BATCH } from "../log/frame.js";
import { GATHER_BYTES, ORIGIN_RETENTION_MS, SPLIT_BATCH_BYTES } from "../log/limits.js";
import type { PendingBatch } from "./op.js";
import type { PendingQueue } from "./pending-queue.js";

/** After so many ms without a batch an origin is not used again, long before the log forgets it. */
const ORIGIN_IDLE_MS = ORIGIN_RETENTION_MS / 2;

/**
 * Seals pending batches, numbers them and sends them in order.
 *
 * Invariants:
 * 1. While connected every sealed batch has been sent. A batch that has a number was sent, on this connection or before.
 * 2. The open batch waits for the end of the running job, and then until fewer than `maxInFlight` are sealed or it is long.
 * 3. An origin begins when its first batch is sent, at storage time, and numbers its batches without gaps.
 */
export class Outbox {
  readonly #pending: PendingQueue;
  readonly #append: (frame: Buffer) => void;
  readonly #makeOrigin: () => number;
  readonly #maxInFlight: number;
  /** All that were ever used: one in `ORIGIN_IDLE_MS` or more. */
  readonly #origins = new Set<number>();
  #isConnected = false;
  #origin = 0;
  #born = 0;
  #number = 0;
  #usedAt = 0;

  /** @param maxInFlight Most batches on their way; a long batch is sent all the same. */
  constructor(pending: PendingQueue, append: (frame: Buffer) => void, makeOrigin: () => number, maxInFlight: number) {
    this.#pending = pending;
    this.#append = append;
    this.#makeOrigin = makeOrigin;
    this.#maxInFlight = maxInFlight;
  }

  /** Seals the open batch if it is long enough for a frame of its own, or has more than `maxCount` entries. */
  split(now: number, maxCount = Infinity): void {
    const batch = this.#pending.open;
    if (batch === undefined) return;
    if (batch.bytes >= SPLIT_BATCH_BYTES || batch.ops.length > maxCount) this.#seal(batch, now);
  }

  /** Seals the open batch, unless it is short and many are on their way: then it gathers more until one of them leaves. */
  sealIfDue(now: number): void {
    const batch = this.#pending.open;
    if (batch === undefined) return;
    if (this.#pending.batches.length <= this.#maxInFlight || batch.bytes >= GATHER_BYTES) this.#seal(batch, now);
  }

  /** Makes the open batch a frame, and sends it when connected. */
  #seal(batch: PendingBatch, now: number): void {
    const entries = batch.ops.map((op, index) => {
      op.index = index;
      return op.sent;
    });
    if (this.#isConnected) {
      this.#assign(batch, now);
      batch.frame = encodeEntries(entries, BATCH, batch);
      this.#append(batch.frame);
    } else {
      batch.frame = encodeEntries(entries);
    }
  }

  /** Sends all that is sealed, and what was sent before again. */
  connected(now: number): void {
    this.#isConnected = true;
    for (const batch of this.#pending.batches) {
      if (batch.frame === null) break;
      if (batch.number === 0) {
        this.#assign(batch, now);
        address(batch.frame, batch.origin, batch.born, batch.number);
      }
      this.#append(batch.frame);
    }
  }

  /** What was never sent says other times now. */
  shifted(): void {
    for (const batch of this.#pending.batches)
      if (batch.frame !== null && batch.number === 0) batch.frame = encodeEntries(batch.ops.map(({ sent }) => sent));
  }

  disconnected(): void {
    this.#isConnected = false;
  }

  /** The oldest batch that was sent and not found yet. */
  get expected(): PendingBatch | undefined {
    for (const batch of this.#pending.batches) if (!batch.isFound) return batch.number === 0 ? undefined : batch;
    return undefined;
  }

  /** The batch with this origin and number, if it was sent and not found yet. */
  own(origin: number, number: number): PendingBatch | undefined {
    if (!this.#origins.has(origin)) return undefined;
    return this.#pending.batches.find((batch) => !batch.isFound && batch.origin === origin && batch.number === number);
  }

  /** Notes that a batch left the pending ones at `now`, since it is known what became of it. */
  release(batch: PendingBatch, now: number): void {
    if (batch.origin !== this.#origin) return;
    this.#usedAt = now;
    // The log does not know this origin any more, and would refuse whatever it sends.
    if (batch.isForgotten) this.#origin = 0;
  }

  #assign(batch: PendingBatch, now: number): void {
    if (this.#origin === 0 || now - this.#usedAt > ORIGIN_IDLE_MS) {
      this.#origin = this.#makeOrigin();
      this.#origins.add(this.#origin);
      this.#born = now;
      this.#number = 0;
    }
    this.#usedAt = now;
    batch.origin = this.#origin;
    batch.born = this.#born;
    batch.number = ++this.#number;
  }
}

/** 1 to 2^52, of seven random bytes. */
export function originFrom(bytes: Buffer): number {
  return bytes.readUIntLE(0, 6) * 16 + ((bytes[6] as number) & 15) + 1;
}
