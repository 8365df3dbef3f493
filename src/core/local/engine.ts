/** The engine for one machine: the log is in files, a process or thread of this machine orders it. */
import type { Engine } from "../log/log.js";
import { preparePlace } from "./disk/directory.js";
import type { HubOptions, Machine } from "./machine/machine.js";
import { nodeMachine } from "./machine/node-machine.js";
import { LocalLog } from "./member/local-log.js";

/** Bytes of segments, beyond the size of the snapshot, that start a compaction. */
const COMPACT_AFTER_BYTES = 16 * 1024 * 1024;

/** What can be said about a storage of this engine; checked. */
export interface LocalOptions extends Omit<HubOptions, "compactAfterBytes"> {
  /** The directory of `<name>.db` and `<name>.db.d/`. */
  readonly path: string;
  /** Whether this member may be the manager. */
  readonly candidate: boolean;
}

/** An engine whose `open` throws StorageError `ERR_STORAGE_DIRECTORY` or `ERR_STORAGE_REMOTE`. */
export function localEngine(machine: Machine = nodeMachine): Engine<LocalOptions> {
  return {
    open(name, options) {
      const place = preparePlace(machine, name, options);
      const { candidate, stallTimeout, fsync, gcInterval, recover, persist, maxMemberBacklogBytes } = options;
      const limits = { maxMemberBacklogBytes, stallTimeout, compactAfterBytes: COMPACT_AFTER_BYTES };
      const hub = { fsync, gcInterval, recover, persist, ...limits };
      return {
        key: place.directory,
        filename: place.filename,
        log: new LocalLog(machine, place, { candidate, hub }),
        clock: machine.clock,
        random: (bytes) => machine.random(bytes),
      };
    },
  };
}
