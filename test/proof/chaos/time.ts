/**
 * Storage time in a round, and what must hold of it: it advances by elapsed time while any member that knows it has the storage
 * open, however the wall clock is set; it never falls; and what has a ttl ends when that has elapsed.
 *
 * The monotonic clock, which all processes of a machine share, is the true time here. The first frame of each segment notes how far storage time
 * is ahead of it.
 */
import type { History, Write } from "./records.js";

/** What the first frame of a segment says of the time. */
export interface Noted {
  readonly epoch: number;
  /** By how many ms storage time was ahead of the monotonic clock, and what that showed. */
  readonly leadMs: number;
  readonly at: number;
  /** By how many ms it was ahead of the wall clock. */
  readonly offsetMs: number;
}

/** Times are whole ms, read one after the other by several processes; and a clock that is set is off by seconds at least. */
const SLACK_MS = 10;

const US = 1000;

export class StorageTimes {
  readonly #notes: readonly Noted[];

  /** @param notes In the order of the log. */
  constructor(notes: readonly Noted[]) {
    this.#notes = notes;
  }

  /** Storage time in ms when the monotonic clock shows `at` microseconds; null before there is any. */
  timeAt(at: number): number | null {
    const note = this.#notes.findLast((one) => one.at <= at / US);
    return note === undefined ? null : at / US + note.leadMs;
  }

  /** How many ms too late a write says that something expires; below 0: too early; 0: right, or not known. */
  endError({ ttl, invokedAt, madeAt }: Write, epoch: number, expiresAt: number): number {
    const note = this.#notes.find((one) => one.epoch === epoch);
    if (note === undefined || ttl === 0) return 0;
    const writtenAt = expiresAt - ttl - note.leadMs;
    if (writtenAt < invokedAt / US - SLACK_MS) return writtenAt - invokedAt / US;
    return writtenAt > madeAt / US + SLACK_MS ? writtenAt - madeAt / US : 0;
  }

  /** Whether something was over when it was still seen by a look that began at `at`. */
  hasEnded(expiresAt: number, at: number): boolean {
    const time = this.timeAt(at);
    return time !== null && time >= expiresAt + SLACK_MS;
  }

  /** Whether something may be over for a look that ended at `at`. */
  mayHaveEnded(expiresAt: number, at: number): boolean {
    const time = this.timeAt(at);
    return time === null || time >= expiresAt - SLACK_MS;
  }

  /** Where storage time did not go on as the true time did. */
  problems(histories: readonly History[]): string[] {
    return this.#notes.flatMap((note, index) => {
      const before = this.#notes[index - 1];
      if (before === undefined) return [];
      const gain = note.leadMs - before.leadMs;
      if (Math.abs(gain) <= SLACK_MS) return [];
      const what = `storage time was set by ${gain} ms between epochs ${before.epoch} and ${note.epoch}`;
      if (gain < 0) return [what];
      const at = note.at * US;
      const knower = histories.find(({ servedAt, lastAt }) => servedAt < at && lastAt > at);
      if (knower !== undefined) return [`${what}, while ${knower.label} had the storage open`];
      return note.offsetMs < -SLACK_MS ? [`${what}, and is ${-note.offsetMs} ms behind the wall clock`] : [];
    });
  }
}
