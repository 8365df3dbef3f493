/**
 * What members sent to a hub and wait for: whole batch frames, in the order in which they came.
 */
import { checkAndStamp, lengthOf } from "../../log/frame.js";

/** Frames of one member that lie side by side in one buffer. */
export interface Arrival<Member> {
  /** Who sent them; null for the hub's own empty batches. */
  readonly member: Member;
  readonly buffer: Buffer;
  readonly start: number;
  end: number;
  /** How many frames. */
  count: number;
  /** The seq of the first frame, once stamped. */
  seq: number;
  /** The log time of all of them, once stamped. */
  time: number;
}

/** Adds a frame to a queue; frames that lie side by side become one arrival, so that they cost one buffer and no copy. */
export function enqueue<Member>(
  queue: Arrival<Member>[],
  member: Member,
  buffer: Buffer,
  start: number,
  end: number,
): void {
  const last = queue[queue.length - 1];
  if (last !== undefined && last.member === member && last.buffer === buffer && last.end === start) {
    last.end = end;
    last.count++;
  } else {
    queue.push({ member, buffer, start, end, count: 1, seq: 0, time: 0 });
  }
}

/**
 * Stamps the frames of an arrival with the seqs that follow `seq`. Stops before the first frame with a wrong checksum, and
 * cuts the arrival there.
 * @returns whether all frames were sound.
 */
export function stamp<Member>(arrival: Arrival<Member>, epoch: number, seq: number, time: number): boolean {
  arrival.seq = seq + 1;
  arrival.time = time;
  let at = arrival.start;
  for (let index = 0; index < arrival.count; index++) {
    const end = at + lengthOf(arrival.buffer, at);
    if (!checkAndStamp(arrival.buffer, at, end, epoch, seq + 1 + index, time)) {
      arrival.count = index;
      arrival.end = at;
      return false;
    }
    at = end;
  }
  return true;
}

/** The bytes of an arrival. */
export function bytesOf<Member>(arrival: Arrival<Member>): Buffer {
  return arrival.buffer.subarray(arrival.start, arrival.end);
}

/**
 * Removes from the head of a queue what lies within its first `bytes` bytes, which end with a whole frame.
 * @returns what was removed; an arrival that is only partly within is cut in two.
 */
export function takeBytes<Member>(queue: Arrival<Member>[], bytes: number): Arrival<Member>[] {
  let left = bytes;
  let index = 0;
  for (; index < queue.length; index++) {
    const arrival = queue[index] as Arrival<Member>;
    if (arrival.end - arrival.start > left) break;
    left -= arrival.end - arrival.start;
  }
  const taken = queue.splice(0, index);
  const partial = queue[0];
  if (left > 0 && partial !== undefined) {
    let count = 0;
    for (let at = partial.start; at < partial.start + left; at += lengthOf(partial.buffer, at)) count++;
    taken.push({ ...partial, end: partial.start + left, count });
    queue[0] = { ...partial, start: partial.start + left, count: partial.count - count, seq: partial.seq + count };
  }
  return taken;
}
