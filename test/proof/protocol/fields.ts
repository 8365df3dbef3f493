/** The fields of a state of the model, by number. */

/** Fields of the whole world: writes that were confirmed to their members. */
export const CONFIRMED = 0;
/** Restarts, backups, and moves of the directory so far; whether it was copied. */
export const RESTARTS = 1;
export const BACKUPS = 2;
export const MOVES = 3;
export const COPIES = 4;
/** Up to where a joining member reads: a position of a hub; 0: no member joins. */
export const JOINING_TO = 5;
/** Files that were damaged from outside, and losses of power, so far. */
export const DAMAGES = 6;
export const CUTS = 7;
export const HEADER = 8;

/** Fields of a directory: names of seats that no process has open. */
export const DIRECTORY = 8;
export const DEAD_SEATS = DIRECTORY;
/** The longest history that any process was told. */
export const TRUTH = DIRECTORY + 1;
/** The epoch of the manager that removed the storage; 0: it was never removed. */
export const END_EPOCH = DIRECTORY + 2;
/** The history with which it ended. */
export const END_LOG = DIRECTORY + 3;
/** Segments and snapshots that were damaged from outside, by slot and by seq. */
export const HURT_SEGMENTS = DIRECTORY + 4;
export const HURT_SNAPSHOTS = DIRECTORY + 5;
/** Snapshots that are not on the disk yet, and those of which a loss of power has taken something. */
export const UNSYNCED = DIRECTORY + 6;
export const BROKEN = DIRECTORY + 7;
export const DIRECTORY_HEADER = 8;

/** Fields of a process. */
export const STEP = 0;
export const EPOCH = 1;
/** Its open seat: bit 0: it has its name, 1: it was emptied, 2: it has a further link. */
export const SEAT = 2;
/** The history that its hub has recovered and appended, and up to which seq it is confirmed. */
export const LOG = 3;
export const DONE = 4;
/** Its open segment: the number, whether that has lost its name, the seq before it. */
export const SEGMENT = 5;
/** Writes that members have sent to it and that it has not appended. */
export const INBOX = 6;
/** Slots of the segments after the snapshot. */
export const CHAIN = 7;
/** What is left to do, and where to go on: their meaning depends on the step. */
export const WORK = 8;
export const NEXT = 9;
/**
 * How far it is with ending the log, before it removes everything: a batch that clears, a new segment, an empty batch in it. Or it
 * begins a segment to heal what was damaged.
 */
export const ENDING = 10;
export const CLEARED = 1;
export const ROTATED = 2;
export const EMPTIED = 3;
export const HEALING = 4;
/** Up to where its member has applied which history. */
export const MARK = 11;
export const MARK_LOG = 12;
/** Its compaction: the step, what it folds, the slots that it removes, what is left to do. */
export const FOLD = 13;
export const FOLD_LOG = 14;
export const FOLDED = 15;
export const FOLD_WORK = 16;
/** Which path its member was opened with, and where its hub has what it has open. */
export const PLACE = 17;
export const PROCESS_FIELDS = 18;

/** A place in the log: a segment's slot and how many frames of it. */
export interface Spot {
  readonly slot: number;
  readonly offset: number;
}

export const packed = ({ slot, offset }: Spot): number => ((slot + 1) << 4) | offset;
export const unpacked = (spot: number): Spot => ({ slot: (spot >> 4) - 1, offset: spot & 15 });

/** The number of the highest bit of a set; -1 when it is empty. */
export const highest = (set: number): number => 31 - Math.clz32(set);
