/** The engine for one machine: the log is in files, a process or thread of this machine orders it. */
import { StorageError } from "../errors.js";
import { spokenLevels } from "../log/levels.js";
import type { Engine } from "../log/log.js";
import { preparePlace } from "./disk/directory.js";
import { inSlices } from "./disk/steps.js";
import { askAll } from "./election/member-socket.js";
import { isVoid } from "./hub/last-member.js";
import type { HubOptions, Machine, Place } from "./machine/machine.js";
import { nodeMachine } from "./machine/node-machine.js";
import { warnOnce } from "./machine/warnings.js";
import { LocalLog } from "./member/local-log.js";
import { withHubsAnyway } from "./threads-or-loop.js";
import { restoreBackup, writeBackup } from "./upkeep/backup.js";

export { PROTOCOL } from "./wire/messages.js";

/** Bytes of segments, beyond the size of the snapshot, that start a compaction. */
const COMPACT_AFTER_BYTES = 16 * 1024 * 1024;

/** What can be said about a storage of this engine; checked. */
export interface LocalOptions extends Omit<HubOptions, "compactAfterBytes" | "levels"> {
  /** Up to which level this process lets the log be raised. */
  readonly maxLevel: number;
  /** The directory of `<name>.db` and `<name>.db.d/`. */
  readonly path: string;
  /** Whether this member may be the manager. */
  readonly candidate: boolean;
}

/** An engine whose `open` throws StorageError `ERR_STORAGE_DIRECTORY` or `ERR_STORAGE_REMOTE`. */
export function localEngine(on: Machine = nodeMachine): Engine<LocalOptions> {
  const machine = withHubsAnyway(on);
  return {
    open(name, options) {
      expectSync(machine, options);
      const place = preparePlace(machine, name, options);
      const { candidate, stallTimeout, fsync, gcInterval, recover, persist, maxMemberBacklogBytes, maxLevel } = options;
      const limits = { maxMemberBacklogBytes, stallTimeout, compactAfterBytes: COMPACT_AFTER_BYTES };
      const hub = { fsync, gcInterval, recover, persist, ...limits, levels: spokenLevels(maxLevel) };
      const log = new LocalLog(machine, place, { candidate, hub });
      return {
        key: place.directory,
        filename: place.filename,
        log,
        clock: log.clock,
        random: (bytes) => machine.random(bytes),
        backup: (file, view, done) => void inSlices(machine.clock)(writeBackup(machine, place, file, view), done),
      };
    },
  };
}

/**
 * Puts a backup into the place of a storage that no process has open. Calls back once: the next process that opens the storage finds
 * what the backup holds, or, after an error, what was there before.
 * @throws StorageError as `open` of the engine.
 */
export function restoreStorage(
  name: string,
  path: string,
  file: string,
  done: (error: Error | null) => void,
  machine: Machine = nodeMachine,
): void {
  const place = preparePlace(machine, name, { path, persist: true });
  askAll(machine, place, "", (lives) => {
    if (isVoid(lives)) inSlices(machine.clock)(restoreBackup(machine, place, file), (error) => done(error));
    else done(inUse(place));
  });
}

function inUse({ directory }: Place): StorageError {
  const message = `expected no process to have ${directory} open, got one that does, or may: close the storage in all processes first`;
  return new StorageError("ERR_STORAGE_BACKUP", message);
}

/** A process that cannot sync files promises no more than the operating system does. */
function expectSync({ files }: Machine, { fsync }: LocalOptions): void {
  if (files.canSync || fsync === "never") return;
  const denied = "Node.js' permission model disables fsync";
  if (fsync === "always") {
    const advice = `use fsync "never", or run the process without --permission`;
    throw new StorageError("ERR_STORAGE_OPTIONS", `expected fsync "always" to be possible, but ${denied}: ${advice}`);
  }
  warnOnce("CLUSTER_STORAGE_NO_SYNC", `${denied}: a loss of power may take what the operating system has not written`);
}
