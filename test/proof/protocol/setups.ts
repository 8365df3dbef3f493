/** What is explored: in `npm test`, in a campaign too, and for each way in which the protocol could be wrong. */
import type { Setup, Variant } from "./setup.js";

const removed: Setup = { processes: 3, epochs: 4, segments: 1, writes: 1, destroys: true, beginsRemoved: true };

export const GATE: Record<string, Setup> = {
  "3 processes, 1 write": { processes: 3, epochs: 3, segments: 1, writes: 1 },
  "3 processes, 2 writes, 2 epochs": { processes: 3, epochs: 2, segments: 1, writes: 2 },
  "4 processes, 1 write, 2 epochs": { processes: 4, epochs: 2, segments: 1, writes: 1 },
  "3 processes with compaction and cleaning up, 2 epochs": {
    ...{ processes: 3, epochs: 2, segments: 2, writes: 1, cleans: true },
  },
  "2 processes with compaction and a joining member, 1 write": {
    ...{ processes: 2, epochs: 2, segments: 2, writes: 1, joins: true },
  },
  "3 processes, 2 writes of one member": { processes: 3, epochs: 3, segments: 1, writes: 2, isOneOrigin: true },
  "2 processes, a write met half-way, a backup, a restart": {
    ...{ processes: 2, epochs: 3, segments: 1, writes: 1, tears: true, backups: 1, restarts: 1, joins: true },
  },
  "3 processes that leave, a joining member": {
    ...{ processes: 3, epochs: 2, segments: 1, writes: 1, cleans: true, leaves: true, joins: true },
  },
  "2 processes that leave and hold a state": {
    ...{ processes: 2, epochs: 3, segments: 1, writes: 2, cleans: true, leaves: true, marks: true },
  },
  "3 processes, one of which destroys": {
    ...{ processes: 3, epochs: 2, segments: 2, writes: 1, destroys: true },
  },
  "3 processes, two of which are frozen while the storage is removed": removed,
  "2 processes, one of which destroys, a joining member": {
    ...{ processes: 2, epochs: 2, segments: 2, writes: 1, leaves: true, cleans: true, destroys: true, joins: true },
  },
  "2 processes with compaction, whose directory is moved": {
    ...{ processes: 2, epochs: 2, segments: 2, writes: 1, moves: 1 },
  },
  "3 processes, one of which opens the directory that was moved": {
    ...{ processes: 3, epochs: 2, segments: 1, writes: 1, moves: 1, elsewhere: 1 },
  },
  "2 processes that hold a state, whose directory is moved and comes back": {
    ...{ processes: 2, epochs: 2, segments: 1, writes: 1, moves: 2, marks: true },
  },
  "3 processes that go by path, one of which opens the directory that was moved": {
    ...{ processes: 3, epochs: 2, segments: 1, writes: 1, moves: 1, elsewhere: 1, goesByPath: true },
  },
  "2 processes, 2 writes of one member, whose directory is moved": {
    ...{ processes: 2, epochs: 2, segments: 1, writes: 2, moves: 1, isOneOrigin: true },
  },
  "2 processes with compaction that leave, one of them in a copy": {
    ...{ processes: 2, epochs: 2, segments: 2, writes: 2, copies: true, elsewhere: 1, leaves: true, cleans: true },
  },
  "2 processes, one of them in a copy, that destroy": {
    ...{ processes: 2, epochs: 2, segments: 2, writes: 1, copies: true, elsewhere: 1, destroys: true },
  },
  "2 processes that hold a state, a copy that takes the place of the directory": {
    ...{ processes: 2, epochs: 3, segments: 1, writes: 2, copies: true, moves: 1, elsewhere: 1, marks: true },
  },
  "2 processes, a damaged file, a loss of power": {
    ...{ processes: 2, epochs: 2, segments: 2, writes: 1, damages: 1, cuts: 1, cleans: true },
  },
  "2 processes that hold a state, a damaged file, a joining member": {
    ...{ processes: 2, epochs: 2, segments: 2, writes: 1, damages: 1, marks: true, joins: true },
  },
};

export const CAMPAIGN: Record<string, Setup> = {
  "4 processes, 1 write": { processes: 4, epochs: 3, segments: 1, writes: 1 },
  "3 processes, 2 writes": { processes: 3, epochs: 3, segments: 1, writes: 2 },
  "3 processes with compaction and cleaning up": { processes: 3, epochs: 3, segments: 2, writes: 1, cleans: true },
  "2 processes with compaction and a joining member": { processes: 2, epochs: 2, segments: 2, writes: 2, joins: true },
  "4 processes, 1 write, 4 epochs": { processes: 4, epochs: 4, segments: 1, writes: 1 },
  "4 processes, 2 writes": { processes: 4, epochs: 3, segments: 1, writes: 2 },
  "2 processes, 2 writes met half-way, a backup, a restart": {
    ...{ processes: 2, epochs: 3, segments: 1, writes: 2, tears: true, backups: 1, restarts: 1, joins: true },
  },
  "3 processes with compaction, cleaning up and a joining member": {
    ...{ processes: 3, epochs: 3, segments: 2, writes: 1, cleans: true, joins: true, restarts: 1 },
  },
  "2 processes with compaction that leave and hold a state": {
    ...{ processes: 2, epochs: 3, segments: 2, writes: 2, cleans: true, leaves: true, marks: true },
  },
  "3 processes that leave and hold a state, a joining member": {
    ...{ processes: 3, epochs: 3, segments: 1, writes: 1, cleans: true, leaves: true, marks: true, joins: true },
  },
  "2 processes with all but destroying, a restart": {
    ...{ processes: 2, epochs: 4, segments: 1, writes: 1, cleans: true, leaves: true, marks: true, joins: true },
    ...{ tears: true, restarts: 1 },
  },
  "2 processes that hold a state, whose directory is moved and comes back, a joining member": {
    ...{ processes: 2, epochs: 2, segments: 1, writes: 1, moves: 2, marks: true, joins: true },
  },
  "3 processes with compaction, one of which opens the directory that was moved": {
    ...{ processes: 3, epochs: 2, segments: 2, writes: 1, moves: 1, elsewhere: 1 },
  },
  "3 processes whose directory is moved": { processes: 3, epochs: 3, segments: 1, writes: 1, moves: 1 },
  "2 processes with compaction that leave, whose directory is moved": {
    ...{ processes: 2, epochs: 2, segments: 2, writes: 2, moves: 1, leaves: true, cleans: true },
  },
  "3 processes that hold a state, a copy that takes the place of the directory": {
    ...{ processes: 3, epochs: 2, segments: 1, writes: 2, copies: true, moves: 1, elsewhere: 1, marks: true },
  },
  "2 processes with 3 segments, 2 damaged files, a loss of power": {
    ...{ processes: 2, epochs: 2, segments: 3, writes: 1, damages: 2, cuts: 1, cleans: true, joins: true },
  },
  "2 processes that hold a state, 2 writes, a damaged file": {
    ...{ processes: 2, epochs: 3, segments: 2, writes: 2, damages: 1, marks: true, cleans: true },
  },
  "3 processes that hold a state, a damaged file": {
    ...{ processes: 3, epochs: 3, segments: 2, writes: 1, damages: 1, marks: true },
  },
};

const three: Setup = { processes: 3, epochs: 3, segments: 1, writes: 1 };
const two: Setup = { processes: 2, epochs: 2, segments: 1, writes: 1 };
const compacting: Setup = { processes: 2, epochs: 3, segments: 2, writes: 2 };
const leaving: Setup = { ...two, epochs: 3, cleans: true, leaves: true, joins: true };
export const destroying: Setup = { ...two, epochs: 3, segments: 2, destroys: true };

const moved: Setup = { ...two, moves: 1 };
export const GOING_BY_PATH: Setup = { ...moved, segments: 2, goesByPath: true };
const copied: Setup = { ...two, writes: 2, copies: true, elsewhere: 1 };

const healing: Setup = { ...two, segments: 2, damages: 1 };

export const VARIANTS: Record<Variant, Setup> = {
  "no check": three,
  "check before the append": three,
  "broadcast before the check": three,
  "confirm before the append": three,
  "no fence": three,
  "no look for a higher seat": three,
  "reading before fencing": { ...two, writes: 2 },
  "a name is checked, not an inode": { ...three, processes: 4 },
  "links alone are checked, seats are not emptied": { ...two, backups: 1 },
  "bytes alone are checked": { ...destroying, epochs: 2 },
  "the end of the predecessor is not noted": { ...three, joins: true },
  "an unfinished end counts as whole": { ...three, tears: true, joins: true },
  "after an unfinished end later bytes are looked at": { ...three, tears: true },
  "an unfinished end is waited for": { ...two, tears: true, restarts: 1 },
  "a segment is closed with frames that are not confirmed": compacting,
  "one name for all snapshots": compacting,
  "removing before publishing": { ...compacting, epochs: 2, writes: 1 },
  "a segment is removed too early": { ...compacting, epochs: 2 },
  "a snapshot without the origins": { ...compacting, epochs: 2, writes: 1, joins: true },
  "folding what is not confirmed": leaving,
  "destroying without a check": destroying,
  "the end is not noted": destroying,
  "the end is noted when all is removed": destroying,
  "the end has the seq of a snapshot that is removed": destroying,
  "a late claim does not look for an end": removed,
  "the snapshot of the end is removed": { ...destroying, cleans: true },
  "a segment before the snapshot is gone on with": { ...compacting, writes: 1, leaves: true, marks: true },
  "what was read is gone on with unchecked": {
    ...two,
    epochs: 4,
    cleans: true,
    leaves: true,
    marks: true,
  },
  "no look at the path": moved,
  "the path is looked at before a new segment only": { ...moved, segments: 2 },
  "a contender goes by path": moved,
  "a segment is created by its path": { ...moved, segments: 2 },
  "the first frame is written without a look at the path": { ...moved, goesByPath: true },
  "a file is removed after a look at the path": GOING_BY_PATH,
  "a compaction goes by path": { ...moved, segments: 2 },
  "a joining member reads by path": { ...moved, joins: true },
  "a position counts in every storage": { ...moved, writes: 2, marks: true },
  "a position is known by the storage alone": { ...copied, processes: 3, moves: 1, marks: true },
  "a refused write is told as confirmed": { ...moved, writes: 2, isOneOrigin: true },
  "a seat names an absolute address": copied,
  "a heal is published before it is on the disk": { ...healing, cuts: 1 },
  "a heal is published before the seat is checked": { ...healing, writes: 3 },
  "a heal puts aside what it does not cover": { ...healing, writes: 2 },
  "a heal takes in what is pending": { ...healing, writes: 3 },
  "a heal's view is of another seq than its segment begins with": { ...healing, writes: 3 },
  "a heal gets the name of the snapshot that is damaged": { ...healing, segments: 3 },
  "a contender heals from a state that others have gone beyond": { ...healing, writes: 2, marks: true },
};
