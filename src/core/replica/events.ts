/** What a replica reports, and when. */
import { ADD, CLEAR, DELETE, EXPIRE, LIMIT, PATCH, type Path, SET, SWAP } from "../log/entry.js";
import type { ReplicaClock } from "./tables.js";

/** What an entry that takes effect is reported as. */
export const CHANGE_TYPES = {
  [SET]: "set",
  [DELETE]: "delete",
  [EXPIRE]: "touch",
  [ADD]: "increment",
  [LIMIT]: "increment",
  [PATCH]: "patch",
  [SWAP]: "set",
  [CLEAR]: "clear",
} as const;

/** One confirmed entry that took effect. */
export interface Change {
  readonly type: "set" | "delete" | "touch" | "increment" | "patch" | "clear";
  readonly path: Path;
}

/** What a replica reports; called from a microtask, so that listeners may use the replica. No call throws. */
export interface ReplicaEvents {
  /** Whether an event has listeners. */
  hasListeners(event: "change" | "expire"): boolean;
  /** In the order of the log. Not called for what a snapshot brings. */
  changed(change: Change): void;
  /** What was at this path had expired and was dropped. */
  expired(event: { readonly path: Path }): void;
  /**
   * The whole state, which was connected before, was replaced by that of a snapshot and what followed it. Called before
   * `connected`, for all that `changed` is not called for.
   */
  reloaded(): void;
  /** The log says that a member has left: its process has ended, or it has closed the storage. */
  left?(member: string): void;
  connected(): void;
  disconnected(): void;
  managerChanged(pid: number, isHere: boolean): void;
  /** The disk of the manager refuses writes, or takes them again (null). */
  diskTrouble(error: Error | null): void;
  /** The log refused a batch of this member, since its origin was forgotten. */
  forgotten(error: Error): void;
  /** Something is wrong that stops nothing. */
  warned(error: Error): void;
  /** Nothing more is delivered. */
  failed(error: Error): void;
}

/**
 * Calls events one after the other in a microtask of their own, when the state that listeners may look at is complete. If one
 * throws all the same, that is an uncaught exception, and the others are called after it.
 */
export class Announcer {
  readonly #events: ReplicaEvents;
  readonly #clock: ReplicaClock;
  #calls: ((events: ReplicaEvents) => void)[] = [];
  #isScheduled = false;

  constructor(events: ReplicaEvents, clock: ReplicaClock) {
    this.#events = events;
    this.#clock = clock;
  }

  /** {@link ReplicaEvents.hasListeners} */
  hasListeners(event: "change" | "expire"): boolean {
    return this.#events.hasListeners(event);
  }

  push(call: (events: ReplicaEvents) => void): void {
    this.#calls.push(call);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.microtask(() => this.#run());
  }

  #run(): void {
    this.#isScheduled = false;
    const calls = this.#calls;
    this.#calls = [];
    let count = 0;
    try {
      for (const call of calls) {
        count++;
        call(this.#events);
      }
    } finally {
      if (count < calls.length) {
        this.#calls = [...calls.slice(count), ...this.#calls];
        this.#schedule();
      }
    }
  }
}
