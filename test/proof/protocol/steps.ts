/** Where a process is in the protocol: what it does next. Each is one operation on files, or a step that no other process can see. */

export const IDLE = 0;
/** It knows which epoch it will claim. */
export const LINK_SEAT = 1;
export const LOOK_HIGHER = 2;
export const WITHDRAW = 3;
export const LIST_SEATS = 4;
export const EMPTY_SEAT = 5;
export const UNLINK_SEAT = 6;
export const LIST_LOG = 7;
export const READ_LOG = 8;
export const LOOK_BEHIND = 9;
export const CREATE_SEGMENT = 10;
export const WRITE_HEAD = 11;
/** It checks its seat before it cleans up: its links, then its bytes. */
export const CLEAN_LINKS = 12;
export const CLEAN_BYTES = 13;
export const LIST_STRAYS = 14;
export const REMOVE_STRAY = 15;
/** It takes what arrives. */
export const READY = 16;
/** A frame is half written. */
export const TORN = 17;
export const APPENDED = 18;
/** It checks its seat: the links, then the bytes. */
export const CHECK_LINKS = 19;
export const CHECK_BYTES = 20;
export const BROADCAST = 21;
export const CONFIRM = 22;
export const WRITE_NEXT_HEAD = 24;
/** It checks its seat before it folds everything. */
export const LEAVE_LINKS = 25;
export const LEAVE_BYTES = 26;
/** Waits for the fold that it has begun. */
export const FOLDING = 27;
/** It has ended the log, and waits until the last snapshot exists. */
export const ENDED = 23;
export const LIST_ALL = 28;
export const REMOVE_LINKS = 29;
export const REMOVE_BYTES = 30;
export const REMOVE_FILE = 31;
/** It checks its seat before it goes on with what it has read: the links, then the bytes. */
export const READ_LINKS = 32;
export const READ_BYTES = 33;
/** It looks whether the storage was removed, and goes on after its end. */
export const LOOK_END = 34;
export const LIST_SNAPSHOTS = 35;
export const READ_END = 36;
export const PUBLISH_END = 37;
/** It looks whether its path leads to its seat. */
export const CHECK_PATH = 38;
/** It cannot read what was before its position, and publishes what its member holds. */
export const PUBLISH_HELD = 39;

/** Where a compaction is. */
export const NO_FOLD = 0;
export const FOLD_READ = 1;
export const FOLD_PUBLISH = 2;
export const FOLD_LIST = 3;
export const FOLD_REMOVE_SNAPSHOT = 4;
export const FOLD_REMOVE_SEGMENT = 5;
/** A heal: it writes what its member holds, and syncs it. Then it goes on as a compaction does. */
export const FOLD_WRITE = 6;
/** Bits of a compaction: its hub is gone; the directory that it has open; it is a heal. */
export const ORPHAN = 8;
export const FOLD_HOME = 16;
export const FOLD_HEAL = 32;
