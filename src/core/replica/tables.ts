import type { LogClock } from "../log/log.js";
import { Table } from "../state/table.js";

/** What a replica needs of its engine's clock. */
export type ReplicaClock = Pick<LogClock, "now" | "microtask" | "soon" | "after">;

/**
 * The state that the user sees, the one that is being restored if there is one, and the storage time.
 *
 * Invariants:
 * 1. `shown` is the state at `shown.seq` with all pending ops performed on it.
 * 2. While a whole state is restored, `restored` is that state without any pending op. It takes the place of `shown` when the
 *    replica is connected. Batches of this member that are found in it are marked, and leave at that moment.
 */
export class Tables {
  shown = new Table();
  restored: Table | null = null;
  readonly clock: ReplicaClock;

  constructor(clock: ReplicaClock) {
    this.clock = clock;
  }

  /** The table that the next batch of the log belongs to. */
  get next(): Table {
    return this.restored ?? this.shown;
  }

  /** Whether the user sees all that was delivered. */
  get isCurrent(): boolean {
    return this.restored === null;
  }

  /** Storage time in ms since 1970, never earlier than the log. */
  get now(): number {
    return Math.max(this.clock.now(), this.shown.time);
  }
}
