/** Mistakes in when a log is folded, on small disks, in backups, and in modes that were widened. */
const COMPACTOR = "src/core/local/upkeep/compactor.ts";
const BACKUP = "src/core/local/upkeep/backup.ts";
const backup = ["upkeep/backup"];
const OWNERS = "src/core/local/machine/owner-files.ts";
const SCHEDULE = "src/core/local/hub/fold-schedule.ts";
const COMPACTIONS = "src/core/local/hub/compactions.ts";
const schedule = ["hub/fold-schedule"];
const host = ["hub/host"];

export const foldMutants = [
  {
    name: "an hour with changes is no reason for a fold",
    file: SCHEDULE,
    from: "(ageMs >= HOUR_MS && this.#hasChanged && this.isWorth(log))",
    to: "false",
    killedBy: schedule,
  },
  {
    name: "an hour without changes is a reason for a fold",
    file: SCHEDULE,
    from: "ageMs >= HOUR_MS && this.#hasChanged &&",
    to: "ageMs >= HOUR_MS &&",
    killedBy: schedule,
  },
  {
    name: "a large state is folded for a little log each hour",
    file: SCHEDULE,
    from: "segmentBytes * WORTH >= snapshotBytes",
    to: "segmentBytes * WORTH >= 0",
    killedBy: schedule,
  },
  {
    name: "files are never read and checked where nothing is written",
    file: SCHEDULE,
    from: "ageMs >= DAY_MS || ",
    to: "",
    killedBy: schedule,
  },
  {
    name: "a fold begins only when the disk is full",
    file: SCHEDULE,
    from: "room() < mostBytes + mostBytes / 4 + SPARE_BYTES",
    to: "room() < SPARE_BYTES",
    killedBy: schedule,
  },
  {
    name: "a start does not see to the copy",
    file: COMPACTIONS,
    from: "    if (!this.#isCopyOld() || !isSeated()) return;\n",
    to: "    if (isSeated()) return;\n",
    killedBy: host,
  },
  {
    name: "a failure at the start ends the hub",
    file: COMPACTIONS,
    from: '      if (codeOf(error) === "") throw error;\n',
    to: "      throw error;\n",
    killedBy: host,
  },
  {
    name: "a manager that takes over folds first",
    file: COMPACTIONS,
    from: "this.#where.isTakeover || ",
    to: "",
    killedBy: host,
  },
  {
    name: "writes take the room that a fold needs",
    file: "src/core/local/hub/log-writer.ts",
    from: "this.#reservedBytes > 0 ? this.#refusal(buffers) : null",
    to: "null",
    killedBy: ["hub/log-writer"],
  },
  {
    name: "the copy makes no room",
    file: COMPACTOR,
    from: "copies && bestEffort(() => removeCopy(machine.files, request.place)) === true",
    to: "false",
    killedBy: ["upkeep/compactor"],
  },
  {
    name: "a snapshot is begun that does not fit",
    file: COMPACTOR,
    from: "  expectRoom(files, place, before ?? 0);\n",
    to: "",
    killedBy: ["upkeep/compactor"],
  },
  {
    name: "a directory with something of another user is narrowed",
    file: OWNERS,
    from: "if (other !== owner) return",
    to: "if (other !== owner && other < 0) return",
    killedBy: ["machine/owner-files"],
  },
  {
    name: "root is told to take the files of another user",
    file: OWNERS,
    from: "user === ROOT",
    to: "user < ROOT",
    killedBy: ["machine/owner-files"],
  },
  {
    name: "links are followed when modes are narrowed",
    file: OWNERS,
    from: "constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK",
    to: "constants.O_RDONLY | constants.O_NONBLOCK",
    killedBy: ["machine/owner-files"],
  },
  {
    name: "a seat that others could read stays",
    file: "src/core/local/member/local-log.ts",
    from: "!this.#isExposed(seat) && ",
    to: "",
    killedBy: ["core/storage-modes"],
  },
  {
    name: "a seat is narrowed, so that nobody sees that others could read it",
    file: "src/core/local/disk/directory.ts",
    from: "seatsIn([name]).length === 0",
    to: 'name !== ""',
    killedBy: ["core/storage-modes"],
  },
  {
    name: "a backup goes on with the history of the storage",
    file: BACKUP,
    from: "seq: Math.max(1, view.head.seq), history: newHistory(machine) }",
    to: 'seq: Math.max(1, view.head.seq), history: "0123456789abcdef".repeat(2) }',
    killedBy: backup,
  },
  {
    name: "a backup of a state without a batch is none",
    file: BACKUP,
    from: "seq: Math.max(1, view.head.seq)",
    to: "seq: view.head.seq",
    killedBy: backup,
  },
  {
    name: "a backup may replace the storage's own files",
    file: BACKUP,
    from: "path !== place.filename && path !== place.directory",
    to: "(path !== place.filename || path)",
    killedBy: backup,
  },
  {
    name: "a restore does not read the backup",
    file: BACKUP,
    from: "  yield* checkSnapshot(files, to, null);\n",
    to: "",
    killedBy: backup,
  },
  {
    name: "a restore puts the old data aside before the backup is in its place",
    file: BACKUP,
    from: "    replaceOwn(files, place, path, temporary);\n    yield* namesSynced(files, dirname(place.filename));\n    files.rename(place.directory, aside);\n",
    to: "    files.rename(place.directory, aside);\n    replaceOwn(files, place, path, temporary);\n    yield* namesSynced(files, dirname(place.filename));\n",
    killedBy: backup,
  },
  {
    name: "a restore is not refused while a process has the storage open",
    file: "src/core/local/engine.ts",
    from: "if (isVoid(lives))",
    to: "if (lives !== null)",
    killedBy: ["core/storage-backup"],
  },
];
