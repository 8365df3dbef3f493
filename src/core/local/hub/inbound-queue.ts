/** What a hub has received and not yet appended: whole batch frames, in the order in which they came. */
import { checkAndStamp, lengthOf } from "../../log/frame.js";

/** Frames of one member that lie side by side in one buffer, so that they cost one buffer and no copy. */
export class FrameRun<Member> {
  /** The member that sent them. */
  readonly member: Member;
  readonly #buffer: Buffer;
  readonly #start: number;
  #end: number;
  #count: number;
  #seq = 0;
  #time = 0;

  constructor(member: Member, buffer: Buffer, start: number, end: number, count = 1) {
    this.member = member;
    this.#buffer = buffer;
    this.#start = start;
    this.#end = end;
    this.#count = count;
  }

  /** How many frames. */
  get count(): number {
    return this.#count;
  }

  /** The seq of the first frame, once stamped. */
  get seq(): number {
    return this.#seq;
  }

  /** The log time of all of them, once stamped. */
  get time(): number {
    return this.#time;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Takes a further frame in; returns false when it does not lie at the end of this run. */
  extend(member: Member, buffer: Buffer, start: number, end: number): boolean {
    if (member !== this.member || buffer !== this.#buffer || start !== this.#end) return false;
    this.#end = end;
    this.#count++;
    return true;
  }

  /**
   * Stamps the frames with `seq` and the seqs that follow it. Stops before the first frame with a wrong checksum, and cuts
   * the run there.
   * @returns whether all frames were intact.
   */
  stamp(epoch: number, seq: number, time: number): boolean {
    this.#seq = seq;
    this.#time = time;
    let at = this.#start;
    for (let index = 0; index < this.#count; index++) {
      const end = at + lengthOf(this.#buffer, at);
      if (!checkAndStamp(this.#buffer, at, end, epoch, seq + index, time)) {
        this.#count = index;
        this.#end = at;
        return false;
      }
      at = end;
    }
    return true;
  }

  /** Cuts a stamped run in two after its first `bytes` bytes, which end with a whole frame. */
  split(bytes: number): [head: FrameRun<Member>, rest: FrameRun<Member>] {
    const middle = this.#start + bytes;
    let count = 0;
    for (let at = this.#start; at < middle; at += lengthOf(this.#buffer, at)) count++;
    const head = new FrameRun(this.member, this.#buffer, this.#start, middle, count);
    const rest = new FrameRun(this.member, this.#buffer, middle, this.#end, this.#count - count);
    head.#seq = this.#seq;
    rest.#seq = this.#seq + count;
    head.#time = rest.#time = this.#time;
    return [head, rest];
  }
}

/**
 * Frames go through it in two steps: first they are received, then stamped with their place in the log.
 *
 * Invariants:
 *
 * 1. The stamped frames have the seqs that follow the end of the log, without a gap.
 * 2. Of a member's frames, none is stamped after one that is corrupt: were a later batch taken, the corrupt one would count
 *    as taken too when the member sends it again.
 */
export class InboundQueue<Member> {
  #received: FrameRun<Member>[] = [];
  readonly #stamped: FrameRun<Member>[] = [];
  /** The seq of the last stamped frame. */
  #seq: number;

  /** @param seq The last seq of the log. */
  constructor(seq: number) {
    this.#seq = seq;
  }

  get isEmpty(): boolean {
    return this.#received.length + this.#stamped.length === 0;
  }

  /** Whether frames wait to be stamped. */
  get hasReceived(): boolean {
    return this.#received.length > 0;
  }

  /** What is ready to be appended. */
  get stamped(): readonly FrameRun<Member>[] {
    return this.#stamped;
  }

  /** Receives a frame. */
  add(member: Member, buffer: Buffer, start: number, end: number): void {
    if (this.#received.at(-1)?.extend(member, buffer, start, end)) return;
    this.#received.push(new FrameRun(member, buffer, start, end));
  }

  /**
   * Stamps what was received.
   * @returns the members of which a frame is corrupt: that frame and what they sent after it is dropped.
   */
  stamp(epoch: number, time: number): ReadonlySet<Member> {
    const corrupt = new Set<Member>();
    for (const run of this.#received) {
      if (corrupt.has(run.member)) continue;
      if (!run.stamp(epoch, this.#seq + 1, time)) corrupt.add(run.member);
      this.#seq += run.count;
      if (run.count > 0) this.#stamped.push(run);
    }
    this.#received = [];
    return corrupt;
  }

  /**
   * Removes the first `bytes` bytes of what is stamped, which end with a whole frame.
   * @returns what was removed; a run that lies only partly within them is cut in two.
   */
  take(bytes: number): FrameRun<Member>[] {
    let left = bytes;
    let index = 0;
    for (const run of this.#stamped) {
      if (run.length > left) break;
      left -= run.length;
      index++;
    }
    const taken = this.#stamped.splice(0, index);
    const [partial] = this.#stamped;
    if (left > 0 && partial !== undefined) {
      const [head, rest] = partial.split(left);
      taken.push(head);
      this.#stamped[0] = rest;
    }
    return taken;
  }

  /** Drops what members sent that are not kept; all that is left is stamped again, with the seqs that follow `seq`. */
  retain(isKept: (member: Member) => boolean, seq: number): void {
    const waiting = [...this.#stamped.splice(0), ...this.#received];
    this.#received = waiting.filter(({ member }) => isKept(member));
    this.#seq = seq;
  }
}
