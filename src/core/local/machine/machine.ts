/** What the engine needs of a machine. Tests hand in a simulated one, and so run the very same engine. */

import type { SentError } from "../../errors.js";
import type { SpokenLevels } from "../../log/levels.js";
import type { Clock, TimeNote } from "./clock.js";
import type { Files } from "./file-system.js";
import type { FileReport, HealRequest } from "./healing.js";
import type { Sockets } from "./socket.js";

export type { Timer } from "../../runtime.js";
export type { Clock, TimeNote } from "./clock.js";
export type { Files, FileView, Pin, UsedFiles } from "./file-system.js";
export type { Listener, Socket, SocketEvents, Sockets } from "./socket.js";

/** A hub that runs beside the event loop of its member. */
export interface HubHandle {
  /**
   * Hands the seat on: the last append is confirmed, then `ended` is reported.
   * @param hasWritten Whether batches of its own member are in the log, which then notes that this member has left.
   */
  close(destroy: boolean, hasWritten: boolean): void;
  /** The answer of its own member to a {@link HealRequest}. */
  answer(report: FileReport): void;
  /** Stops at once. */
  terminate(): void;
}

export interface Threads {
  /**
   * Starts a hub that claims the seat after `request.epoch`.
   * @param instead Called when no thread starts: starts the hub in this event loop. Without it, the hub fails.
   */
  startHub(request: HubRequest, report: (report: HubReport) => void, instead?: () => HubHandle): HubHandle;
  /** Runs one compaction. Calls back once, with a `NoThreadError` if it was not begun. Returns a function that stops it. */
  compact(request: CompactRequest, done: (error: Error | null, result: CompactResult | null) => void): () => void;
}

export interface Identity {
  readonly pid: number;
  readonly host: string;
  /** Differs after every start of the machine, and between machines. */
  readonly bootId: string;
  /** The user of this process; -1 where there are no such numbers. */
  readonly uid: number;
  /** Whether a process of this machine is alive, as far as this one can see. */
  isAlive(pid: number): boolean;
}

export interface Machine {
  readonly files: Files;
  readonly sockets: Sockets;
  readonly clock: Clock;
  readonly threads: Threads;
  readonly identity: Identity;
  /** Unpredictable bytes. */
  random(bytes: number): Buffer;
}

/** A place in the log's files; often the end of a segment, as far as that is confirmed. */
export interface Position {
  readonly epoch: number;
  /** The number of the segment within its epoch: 1, 2, 3, ... */
  readonly segment: number;
  /** Bytes from the start of the segment. */
  readonly offset: number;
}

/** A position where a frame ends, with the seq and time of the last batch before it. */
export interface LogPosition extends Position {
  readonly seq: number;
  readonly time: number;
  /**
   * Length and checksum of the frame that ends there, a batch or the first frame of a segment; 0 or none when they are not
   * known. They distinguish one history from another.
   */
  readonly bytes?: number;
  readonly crc?: number;
  /** {@link StoredHead.history}; none where that is not known. */
  readonly history?: string;
  /** The level of the log there; none where that is not known. */
  readonly level?: number;
}

/** Where a storage's files are. */
export interface Place {
  /** `<path>/<name>.db.d` */
  readonly directory: string;
  /** `<path>/<name>.db` */
  readonly filename: string;
}

export interface HubOptions {
  /** When a confirmed batch is on the disk. */
  readonly fsync: "always" | "everysec" | "never";
  /** ms between two batches of an idle log. */
  readonly gcInterval: number;
  readonly recover: "strict" | "salvage";
  /** false: the files are void once no member is left. */
  readonly persist: boolean;
  readonly maxMemberBacklogBytes: number;
  /** ms of silence, by a member's own running time, after which it replaces the manager. */
  readonly stallTimeout: number;
  /** Bytes of segments, beyond the size of the snapshot, that start a compaction. */
  readonly compactAfterBytes: number;
  readonly levels: SpokenLevels;
}

export interface HubRequest {
  readonly place: Place;
  readonly options: HubOptions;
  /** Random text that distinguishes the contender from all other members. */
  readonly member: string;
  /** The highest epoch that the contender has seen; 0 for none. */
  readonly epoch: number;
  /** Up to where the contender has applied the log; the hub reads only what follows. None: everything is read and checked. */
  readonly position: LogPosition | null;
  /** Storage time as the contender knows it from a manager before this one; null when it knows of none. */
  readonly time: TimeNote | null;
}

export type HubReport =
  /** It has the seat and serves. `isDamaged`: files before what it has read cannot be read. */
  | { readonly kind: "serving"; readonly epoch: number; readonly isDamaged?: boolean }
  /** It reads the log before it serves, and gets on; reported some times a second. */
  | { readonly kind: "reading" }
  /** Another member was first, or has replaced it. */
  | { readonly kind: "replaced" }
  /** Another member holds more of the log than the files do, so that one must take the seat. */
  | { readonly kind: "behind" }
  /** It has handed its seat on, or removed the files. `isNoted`: the log notes that its own member has left, or need not. */
  | { readonly kind: "ended"; readonly isNoted: boolean }
  | { readonly kind: "compacted"; readonly result: CompactResult }
  /** Corrupt files were kept aside; the message names what was lost. */
  | { readonly kind: "salvaged"; readonly message: string }
  /** Files are damaged, as the message says; what they held is written again, and is `healed` then. */
  | { readonly kind: "damaged"; readonly message: string }
  | { readonly kind: "healed" }
  | HealRequest
  /** A compaction failed; it is tried again later. */
  | ({ readonly kind: "compactionFailed" } & SentError)
  /** The copy could not be renewed when all was folded at the end. */
  | ({ readonly kind: "copyFailed" } & SentError)
  /** It cannot serve. */
  | ({ readonly kind: "failed" } & SentError);

/** What is folded into a new snapshot. */
export interface FoldRequest {
  readonly place: Place;
  /** The manager's epoch, for names of temporary files. */
  readonly epoch: number;
  /** The seq of the newest snapshot; 0 for none. */
  readonly snapshot: number;
  /** The ends of the closed segments that follow it, in order. */
  readonly segments: readonly Position[];
  /** What time it is; null when that is not known. */
  readonly clock?: TimeNote | null;
}

/** What is folded beside the hub. */
export interface CompactRequest extends FoldRequest {
  /** {@link Pin.id} of the directory; nothing is done in another one at its path. */
  readonly directoryId: string;
  /** Whether the copy is renewed, too. */
  readonly copies: boolean;
}

/** The snapshot that covers what was to be folded. */
export interface Folded {
  /** Its seq; 0 when there was nothing to fold. */
  readonly snapshot: number;
  readonly bytes: number;
}

export interface CompactResult extends Folded {
  /** Why the copy could not be renewed; null when it was, or need not. */
  readonly copyFailure: SentError | null;
}
