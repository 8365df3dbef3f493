/** What a hub does about members that take less than it sends. */
import { MOST_BACKLOGS } from "../../log/limits.js";
import type { Clock, Timer } from "../machine/machine.js";
import type { HubMember } from "./member.js";

/**
 * Looks at the members that are behind, in the time between two heartbeats. What follows is counted in looks: time for which
 * this process stood still, or only waited for its disk, is one look, since nothing could be sent in it.
 */
const HEARTBEAT_LOOKS = 50;

/**
 * Looks for which the hub waits for a member that is behind: one heartbeat, one second by default. A hub can read more in one
 * round of the event loop than it can send, so a burst of large values makes every member fall behind. Those that read catch up
 * within milliseconds while the hub takes nothing more in. For one that does not, the others are not kept waiting any longer.
 */
const WAIT_LOOKS = HEARTBEAT_LOOKS;

/** Looks within which a member that is behind must have taken `LEAST_TAKEN_BYTES`: three heartbeats, as long as a hub may be silent. */
const PATIENCE_LOOKS = 3 * HEARTBEAT_LOOKS;

/** A process that gets the processor now and then reads so much at a time; one that reads byte by byte does not. */
const LEAST_TAKEN_BYTES = 1024 * 1024;

/** What it needs to know of a member, and to do to it. */
export type Taker = Pick<HubMember, "queuedBytes" | "takenBytes" | "isClosed" | "drop">;

/** A member that is behind. */
interface Behind {
  /** Looks since it fell behind. */
  looks: number;
  /** Looks since it had taken `takenBytes`. */
  idleLooks: number;
  takenBytes: number;
}

/**
 * A queue by itself says nothing about a member: every burst makes one. A member is behind from the moment when more than
 * `maxBytes` wait for it until half of that wait. A member that is behind is dropped
 *
 * 1. when it has taken almost nothing for three heartbeats;
 * 2. when the hub waits for it no longer and more than `MOST_BACKLOGS` times `maxBytes` wait for it. It catches up from the
 *    files, which costs this process nothing.
 *
 * Invariant: before the frames of a turn are sent, at most `MOST_BACKLOGS * maxBytes` wait for any member, or `maxBytes` and
 * what one turn has added, whichever is more. The queues of all members share the buffers of the frames, so this bounds the
 * memory that all of them take together, but for the replies.
 */
export class BacklogLimiter {
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #lookMs: number;
  readonly #changed: () => void;
  readonly #behind = new Map<Taker, Behind>();
  #timer: Timer | null = null;
  #isWaiting = false;

  /**
   * @param heartbeatMs Time between two heartbeats of the hub.
   * @param changed Called when `isWaiting` has changed.
   */
  constructor(clock: Clock, maxBytes: number, heartbeatMs: number, changed: () => void) {
    this.#clock = clock;
    this.#maxBytes = maxBytes;
    this.#lookMs = heartbeatMs / HEARTBEAT_LOOKS;
    this.#changed = changed;
  }

  /** Whether nothing more should be taken in until a member has caught up. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Drops a member for which too much waits, before more is sent to it. */
  beforeSending(member: Taker): void {
    const behind = this.#behind.get(member);
    if (behind === undefined || behind.looks < WAIT_LOOKS) return;
    if (member.queuedBytes > MOST_BACKLOGS * this.#maxBytes) member.drop();
  }

  /** Notes a member that falls behind by what was just sent to it. */
  sent(member: Taker): void {
    if (member.queuedBytes <= this.#maxBytes || this.#behind.has(member)) return;
    this.#behind.set(member, { looks: 0, idleLooks: 0, takenBytes: member.takenBytes });
    this.#timer ??= this.#lookLater();
    this.#decide();
  }

  /** Forgets all members; they are about to be closed. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#behind.clear();
    this.#decide();
  }

  #lookLater(): Timer {
    return this.#clock.after(this.#lookMs, () => this.#look());
  }

  #look(): void {
    this.#timer = null;
    for (const [member, behind] of this.#behind) {
      if (member.isClosed || member.queuedBytes <= this.#maxBytes / 2) this.#behind.delete(member);
      else if (this.#isIdleFor(PATIENCE_LOOKS, member, behind)) {
        this.#behind.delete(member);
        member.drop();
      }
    }
    if (this.#behind.size > 0) this.#timer ??= this.#lookLater();
    this.#decide();
  }

  /** Counts a look; returns whether the member has taken too little in so many looks. */
  #isIdleFor(looks: number, { takenBytes }: Taker, behind: Behind): boolean {
    behind.looks++;
    behind.idleLooks++;
    if (takenBytes - behind.takenBytes >= Math.min(LEAST_TAKEN_BYTES, this.#maxBytes)) {
      behind.takenBytes = takenBytes;
      behind.idleLooks = 0;
    }
    return behind.idleLooks >= looks;
  }

  #decide(): void {
    let isWaiting = false;
    for (const { looks } of this.#behind.values()) isWaiting ||= looks < WAIT_LOOKS;
    if (isWaiting === this.#isWaiting) return;
    this.#isWaiting = isWaiting;
    this.#changed();
  }
}
