/** What is explored, and the ways in which the protocol could be wrong. */

export interface Setup {
  readonly processes: number;
  /** Seats that are ever taken, by number. */
  readonly epochs: number;
  /** Segments of one epoch; more than one makes compaction possible. */
  readonly segments: number;
  readonly writes: number;
  /** Whether the writes are batches 1, 2, ... of one member; else each is the first one of a member of its own. */
  readonly isOneOrigin?: boolean;
  /** An append can be read, or ended, in the middle of a frame. */
  readonly tears?: boolean;
  /** How many further links are made to seats, as some backups do. */
  readonly backups?: number;
  /** A new manager removes what lower epochs have left. */
  readonly cleans?: boolean;
  /** The last member folds everything as it leaves. */
  readonly leaves?: boolean;
  /** A manager may remove everything, once; there are two segments at least then. */
  readonly destroys?: boolean;
  /**
   * Begins after the removal of a storage by the manager of epoch 2, while one process is frozen before it links seat.1, and
   * another one before it removes log.1.1, which it has folded.
   */
  readonly beginsRemoved?: boolean;
  /** A member joins, again and again, and reads the files. */
  readonly joins?: boolean;
  /** Members keep what they have applied, and read only what follows. */
  readonly marks?: boolean;
  /** How many processes end and are started again. A process that only ends is like one that is frozen forever. */
  readonly restarts?: number;
  /** How often the directory is moved: first something else comes into its place, then it comes back. */
  readonly moves?: number;
  /**
   * All goes by path, as on a platform where nothing can be done in an open directory. Then names can come into the directory
   * of another storage and seats there can be removed, but none of its confirmed writes is lost.
   */
  readonly goesByPath?: boolean;
  /** The directory is copied, once, while its manager runs. */
  readonly copies?: boolean;
  /**
   * How many files are damaged from outside while a manager serves; there are two segments at least then. Whoever holds the confirmed
   * state writes it anew.
   */
  readonly damages?: number;
  /** How often the machine loses its power: all processes end, and what was not synced is damaged. */
  readonly cuts?: number;
  /** Processes that open the second path: the copy, or the directory that was moved. */
  readonly elsewhere?: number;
  readonly variant?: Variant;
}

/** A way in which the protocol could be wrong. */
export type Variant =
  | "no check"
  | "check before the append"
  | "broadcast before the check"
  | "confirm before the append"
  | "no fence"
  | "no look for a higher seat"
  | "reading before fencing"
  | "a name is checked, not an inode"
  | "links alone are checked, seats are not emptied"
  | "bytes alone are checked"
  | "the end of the predecessor is not noted"
  | "an unfinished end counts as whole"
  | "after an unfinished end later bytes are looked at"
  | "an unfinished end is waited for"
  | "a segment is closed with frames that are not confirmed"
  | "one name for all snapshots"
  | "removing before publishing"
  | "a segment is removed too early"
  | "a snapshot without the origins"
  | "folding what is not confirmed"
  | "destroying without a check"
  | "the end is not noted"
  | "the end is noted when all is removed"
  | "the end has the seq of a snapshot that is removed"
  | "a late claim does not look for an end"
  | "the snapshot of the end is removed"
  | "a segment before the snapshot is gone on with"
  | "what was read is gone on with unchecked"
  | "no look at the path"
  | "the path is looked at before a new segment only"
  | "a contender goes by path"
  | "a segment is created by its path"
  | "the first frame is written without a look at the path"
  | "a file is removed after a look at the path"
  | "a compaction goes by path"
  | "a joining member reads by path"
  | "a position counts in every storage"
  | "a position is known by the storage alone"
  | "a refused write is told as confirmed"
  | "a seat names an absolute address"
  | "a heal is published before it is on the disk"
  | "a heal is published before the seat is checked"
  | "a heal puts aside what it does not cover"
  | "a heal takes in what is pending"
  | "a heal's view is of another seq than its segment begins with"
  | "a heal gets the name of the snapshot that is damaged"
  | "a contender heals from a state that others have gone beyond";
