/** Mistakes in the copy of a storage, and in what names its files. */
const COPY = "src/core/local/upkeep/file-copy.ts";
const HEAD = "src/core/local/disk/head.ts";
const CHAIN = "src/core/local/disk/chain.ts";
const IMPORT = "src/core/local/upkeep/import-copy.ts";
const REMOVAL = "src/core/local/upkeep/removal.ts";
const OWN_HUB = "src/core/local/member/own-hub.ts";
const COMPACTOR = "src/core/local/upkeep/compactor.ts";
const OWNERS = "src/core/local/machine/owner-files.ts";
const SCHEDULE = "src/core/local/hub/fold-schedule.ts";
const COMPACTIONS = "src/core/local/hub/compactions.ts";
const copy = ["upkeep/file-copy"];
const schedule = ["hub/fold-schedule"];
const host = ["hub/host"];
const head = ["disk/head."];

export const copyMutants = [
  {
    name: "a file of another history is part of the log",
    file: CHAIN,
    from: "if (history !== wanted)",
    to: 'if (history === "")',
    killedBy: head,
  },
  {
    name: "an imported copy goes on with its history",
    file: IMPORT,
    from: "  const history = newHistory(machine);\n",
    to: "  const { history } = head;\n",
    killedBy: head,
  },
  {
    name: "a segment does not carry on the history",
    file: "src/core/local/hub/log-writer.ts",
    from: "this.#history = recovered.history;",
    to: 'this.#history = "0".repeat(32);',
    killedBy: ["hub/host", "core/storage"],
  },
  {
    name: "a head without a history is one",
    file: HEAD,
    from: "HISTORY.test(history)",
    to: "true",
    killedBy: ["disk/head.", "hostile/"],
  },
  {
    name: "the copy is the snapshot itself",
    file: COPY,
    from: "  const isCloned = files.clone(path, to);\n",
    to: "  files.link(path, to);\n  const isCloned = true;\n",
    killedBy: copy,
  },
  {
    name: "a file that is not known is replaced",
    file: COPY,
    from: "return isKnown ? {",
    to: "return isKnown || note ? {",
    killedBy: copy,
  },
  {
    name: "any copy of the same history is this storage's own",
    file: COPY,
    from: "notes.some(({ seq, mark }) => seq === note.seq && mark === note.mark)",
    to: "notes.some(({ mark }) => mark === note.mark)",
    killedBy: copy,
  },
  {
    name: "a copy of the same seq is this storage's own, whatever its history",
    file: COPY,
    from: "notes.some(({ seq, mark }) => seq === note.seq && mark === note.mark)",
    to: "notes.some(({ seq }) => seq === note.seq)",
    killedBy: copy,
  },
  {
    name: "a copy that was cut off is this storage's own",
    file: COPY,
    from: "isWholeSnapshot(files, file, seq) ? bestEffort",
    to: "seq >= 0 ? bestEffort",
    killedBy: copy,
  },
  {
    name: "the copy is noted after it is at its place",
    file: COPY,
    from: "      yield* writeNote(files, place, note);\n      replaceCopy(files, place, note, temporary);\n",
    to: "      replaceCopy(files, place, note, temporary);\n      yield* writeNote(files, place, note);\n",
    killedBy: copy,
  },
  {
    name: "the note is not on the disk when the copy is put into its place",
    file: COPY,
    from: '    if (codeOf(error) !== "EEXIST") throw error;\n  }\n  yield* namesSynced(files, place.directory);\n',
    to: '    if (codeOf(error) !== "EEXIST") throw error;\n  }\n',
    killedBy: copy,
  },
  {
    name: "the copy is not on the disk when it is put into its place",
    file: COPY,
    from: "    yield* synced(files, target);\n",
    to: "",
    killedBy: copy,
  },
  {
    name: "what comes to the place of the copy while that is written is replaced",
    file: COPY,
    from: '    else if (state.kind === "own" && file !== null && files.lookAt(file, place.filename).isAtPath)\n',
    to: "    else\n",
    killedBy: copy,
  },
  {
    name: "a place that is free is not taken exclusively",
    file: COPY,
    from: "    linkAs(files, temporary, place.filename);\n",
    to: "    files.rename(temporary, place.filename);\n",
    killedBy: copy,
  },
  {
    name: "an older copy replaces a newer one",
    file: COPY,
    from: '    else if (state.kind === "own" && state.seq >= seq) return;\n',
    to: "",
    killedBy: copy,
  },
  {
    name: "a copy that is known without a note is not noted before the next one is",
    file: COPY,
    from: 'if (state.kind === "own" && !state.isNoted) yield* writeNote',
    to: "if (state.seq === -1) yield* writeNote",
    killedBy: copy,
  },
  {
    name: "what was imported is not noted",
    file: IMPORT,
    from: "  yield* noteImport(files, place, source);\n",
    to: "",
    killedBy: copy,
  },
  {
    name: "an imported file of version 1 is not noted",
    file: IMPORT,
    from: "    yield* noteImport(machine.files, place, source);\n",
    to: "",
    killedBy: copy,
  },
  {
    name: "removing a storage removes whatever is at the place of the copy",
    file: REMOVAL,
    from: "  removeCopy(files, place);\n",
    to: "  files.unlink(place.filename);\n",
    killedBy: copy,
  },
  {
    name: "a copy that cannot be renewed makes the compaction fail",
    file: COMPACTOR,
    from: '    if (codeOf(error) === "") throw error;\n',
    to: "    throw error;\n",
    killedBy: copy,
  },
  {
    name: "a failed compaction is reported each time",
    file: OWN_HUB,
    from: "    if (this.#lastFailures[what] === code) return;\n",
    to: "",
    killedBy: ["member/own-hub"],
  },
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
    from: "copies && removeCopy(machine.files, request.place)",
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
    from: "if (ownerOf(directory) !== owner || !areOwn()) return false;",
    to: "if (ownerOf(directory) !== owner) return false;",
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
];
