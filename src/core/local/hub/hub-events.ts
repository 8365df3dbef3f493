/** What a hub gets from its host, and what it reports to it. */

/** What members prove themselves with, and in whose process the hub runs. */
export interface HubIdentity {
  /** The token of the seat. */
  readonly token: string;
  /** The member in the hub's own process. */
  readonly member: string;
}

/** What a hub reports to its host. */
export interface HubEvents {
  /** Another process has the seat; the hub has stopped. */
  replaced(): void;
  /** The directory is not at its path any more; the hub has stopped. */
  moved(): void;
  /** Called at each heartbeat, while the seat is the hub's. */
  pulse(): void;
  /** The connection of a member has ended, and it has not said that it leaves. */
  lost(member: string): void;
  /**
   * A member has said that it leaves.
   * @param hasWritten Whether batches of its are in the log.
   * @param noted Called once the log notes that it has left, or need not.
   */
  leaves(member: string, hasWritten: boolean, noted: () => void): void;
  /** Batches were confirmed: a good moment to compact, if that is worth it. @param isWritten Whether members wrote any of them. */
  grown(isWritten: boolean): void;
  /** The disk has refused a write. @param mustCompact What a segment holds may never reach the disk, so it must be written again. */
  refused(error: Error, mustCompact: boolean): void;
}
