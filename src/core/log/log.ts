/**
 * What a replica needs from any engine that orders and keeps its batches.
 *
 * The contract, in prose. One log has one order. An engine delivers to its sink, from one place and never reentrantly:
 *
 * 1. either `restoring` with the seq and time of a snapshot, the snapshot's frames by `restored`, and from there on batches; or,
 *    when the sink already holds the state at some seq, just the batches that follow it;
 * 2. every batch exactly once and in order of seq, without a gap: those of others by `batch`, this member's own by
 *    `batch` (when read back from files) or `confirmed` (when the manager says so). A `confirmed` batch is in the log, as
 *    durable as the engine promises, and already on its way to every other member;
 * 3. `connected` whenever the sink has received all that was confirmed before the engine connected; `disconnected` when the
 *    connection is lost. Between the two the sink may lack batches, and appended frames wait.
 *
 * `append` takes this member's frames in the order of their numbers and delivers them at least once: after each `connected`
 * the sink appends again whatever has not been confirmed, so an engine keeps nothing for later.
 */

import type { Entry } from "./entry.js";
import type { SpokenLevels } from "./levels.js";

/** The seq and time of a state, and the level of the log there. */
export interface StateHead {
  readonly seq: number;
  readonly time: number;
  /** See `levels.ts`. */
  readonly level: number;
}

/** What a state knows of an origin: the highest number applied, and the log time of that batch. */
export type KnownOrigin = readonly [origin: number, number: number, time: number];

/** The head of a state, and the origins that it knows: all but its slots. */
export interface SnapshotHead extends StateHead {
  readonly origins: readonly KnownOrigin[];
}

/** The head of a snapshot in a file. */
export interface StoredHead extends SnapshotHead {
  /**
   * Names the history that the state belongs to: 32 random hex digits, made with a storage's first file and carried on by all that
   * follow. Two files that name the same one hold states of one order; a backup begins another one.
   */
  readonly history: string;
  /** What time it was by all clocks at the end of the state, as the engine notes it; nothing where that is not known. */
  readonly clock?: unknown;
}

/**
 * The confirmed state as it was when the view was taken. Writes of this member that were pending then are not in it; what a
 * pending delete or clear hides is. It may be read in pieces, while batches and writes go on.
 */
export interface StateView {
  /** The seq, time and origins of the state. */
  readonly head: SnapshotHead;
  /** Entries that make an equal state, as those of a snapshot do; to be iterated once. */
  entries(): Iterable<Entry>;
  /** Lets go of what is kept for the view; `entries` gives nothing more. May be called again. */
  close(): void;
}

/** What hinders the manager from raising the level of the log. */
export interface LevelHeld {
  readonly why: string;
  /** In how many ms it decides again; 0: when something has changed. */
  readonly waitMs: number;
}

/** What a log reports to its replica. */
export interface LogSink {
  /** The seq of the last batch that was delivered; 0 when there is no state yet. */
  readonly seq: number;
  /** The level of the log there. */
  readonly level: number;
  /**
   * A view of the confirmed state at `seq`; null while there is no whole state: before the first `connected`, and from
   * `restoring` to `connected`. Whoever takes one closes it.
   */
  view(): StateView | null;
  /** A whole state follows; what was delivered before is void, but shown to the user until `connected`. */
  restoring(head: StateHead): void;
  /** The next frame of a snapshot: its origins, or entries after them, lie in `frame` from `start` to `end`. */
  restored(frame: Buffer, start: number, end: number): void;
  /** The next batch in the order, as a frame that lies in `frame` from `start` to `end`. */
  batch(frame: Buffer, start: number, end: number): void;
  /** The next batch in the order is the oldest unconfirmed one of this member. Returns the bytes of its frame; 0: none waits. */
  confirmed(seq: number, time: number): number;
  /**
   * The engine's clock has found storage time to be `byMs` later than it was so far, for it had nothing but the wall clock to go by:
   * what is pending was written by that. Called at that moment, before the first `connected`.
   */
  timeShifted(byMs: number): void;
  /** All that was confirmed before the connection has been delivered. */
  connected(): void;
  /** The connection to the manager is lost; the engine looks for the next one by itself. */
  disconnected(): void;
  /** Who the manager is now. */
  managerChanged(pid: number, isHere: boolean): void;
  /** The log cannot be raised to a level that is needed, as far as the manager knows. */
  levelHeld(held: LevelHeld): void;
  /** The disk of the manager refuses writes, or takes them again (`null`). */
  diskTrouble(error: Error | null): void;
  /** Something is wrong that stops nothing; it is reported once. */
  warned(error: Error): void;
  /** The engine has failed: nothing more is delivered. */
  failed(error: Error): void;
}

/** What an engine reports about itself. */
export interface LogStats {
  /** The number of the manager's seat; 0 before the first one. */
  readonly epoch: number;
  /** Members that are connected to the manager, this one included. */
  readonly members: number;
  /** Bytes of the log's files that a joining member reads. */
  readonly bytes: number;
  /** Compactions that this process has run as manager. */
  readonly compactions: number;
  /** How often this process, as manager, has had damaged files written again. */
  readonly healed: number;
  /** Why the last compaction that this process has run as manager failed; null when it did not. */
  readonly compactionError: string | null;
  /** By how many ms storage time is ahead of the wall clock of this process. */
  readonly clockOffsetMs: number;
}

/** Time and the event loop, as a replica needs them. */
export interface LogClock {
  /**
   * Storage time, in whole ms since 1970: equal for all members, as well as the engine can, and never falling within a log. It
   * advances by elapsed time while any member has the storage open, whatever the wall clock does.
   */
  now(): number;
  /** Calls once, as soon as the running job is over. */
  microtask(call: () => void): void;
  /** Calls once, in a later turn of the event loop, when what has already arrived has been delivered. */
  soon(call: () => void): void;
  /** Calls once after a delay in ms, unless it is cancelled; never keeps the process alive. */
  after(ms: number, call: () => void): { cancel(): void };
}

/** One order of batches, kept and shared. */
export interface Log {
  /**
   * Whether each batch has been sent to all other members before it is confirmed. A process that learns of a confirmed write
   * by another way then finds it among what its connection has already received; else it must ask by `barrier`.
   */
  readonly isPushed: boolean;
  /** Text that distinguishes this member from all others; `LEFT` entries name members by it. */
  readonly member: string;
  /** Starts to deliver. Called once. */
  open(sink: LogSink): void;
  /**
   * Sends one encoded batch of this member. Ignored while not connected: the sink appends what is unconfirmed after each `connected`.
   * @param frame The frame; the engine may keep and stamp these bytes.
   */
  append(frame: Buffer): void;
  /** Calls back once all that was confirmed by any member before the call has been delivered. Calls lost with a connection are repeated by the engine. */
  barrier(done: () => void): void;
  /** Asks for a level of the log: a `LEVEL` entry comes once it has that, and {@link LogSink.levelHeld} while it cannot have it. */
  needLevel(level: number): void;
  /** The levels that this process speaks. */
  readonly levels: SpokenLevels;
  /** Keeps the process alive, or stops doing so. */
  hold(alive: boolean): void;
  /** Lets another member be the manager and releases everything. Calls back when that is done. */
  close(done: (error?: Error) => void): void;
  /** As `close`, and removes the files when no other member has the storage open. */
  destroy(done: (error?: Error) => void): void;
  readonly stats: LogStats;
  /** Rises while this process reads the log to become the manager, before anything is delivered. */
  readonly readCount: number;
}

/** The log of one storage, as its engine gives it to one member. It does nothing until `log.open` is called. */
export interface EngineLog {
  /** Names the data: storages of equal keys have the same log. */
  readonly key: string;
  /** The file copy of the data; null when the engine has none. */
  readonly filename: string | null;
  readonly log: Log;
  readonly clock: LogClock;
  /** Unpredictable bytes. */
  random(bytes: number): Buffer;
  /**
   * Writes a state to a file of its own, whole or not at all, without blocking. Calls back once, when it is on the disk. The view is the
   * caller's to close.
   */
  backup(file: string, view: StateView, done: (error: Error | null) => void): void;
}

/** What orders and keeps the batches of storages. */
export interface Engine<Options> {
  /**
   * Finds or creates what a storage needs outside of this process.
   * @throws StorageError when that cannot be used.
   */
  open(name: string, options: Options): EngineLog;
}
