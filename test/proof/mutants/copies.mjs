/** Mistakes in the copy of a storage, and in what names its files. */
const COPY = "src/core/local/upkeep/file-copy.ts";
const HEAD = "src/core/local/disk/head.ts";
const CHAIN = "src/core/local/disk/chain.ts";
const IMPORT = "src/core/local/upkeep/import-copy.ts";
const REMOVAL = "src/core/local/upkeep/removal.ts";
const OWN_HUB = "src/core/local/member/own-hub.ts";
const COMPACTOR = "src/core/local/upkeep/compactor.ts";
const copy = ["upkeep/file-copy"];
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
    name: "a copy that has everything already is taken to be on the disk",
    file: COPY,
    from: "    yield* namesSynced(files, dirname(place.filename));\n",
    to: '    if (state.kind !== "own" || state.seq < snapshot) yield* namesSynced(files, dirname(place.filename));\n',
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
    from: "isWholeSnapshot(files, file, seq) ? markIn",
    to: "seq >= 0 ? markIn",
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
    name: "a copy that cannot be read counts as another program's, and stays when the storage is removed",
    file: "src/core/local/upkeep/file-copy.ts",
    from: "if (error instanceof StorageError) return null;\n    throw error;",
    to: "return null;",
    killedBy: ["upkeep/file-copy"],
  },
  {
    name: "a copy that may not be opened counts as another program's, and stays when the storage is removed",
    file: "src/core/local/upkeep/file-copy.ts",
    from: 'if (state.kind === "foreign" && state.refusal) throw state.refusal;',
    to: "",
    killedBy: ["upkeep/file-copy"],
  },
];
