/** Mistakes in removing a storage, and in leaving one. */
const ENDED = "src/core/local/upkeep/tombstone.ts";
const RECOVERY = "src/core/local/upkeep/recovery.ts";
const LOG_START = "src/core/local/upkeep/log-start.ts";
const ADOPT = "src/core/local/upkeep/import-copy.ts";
const SEAT = "src/core/local/election/seat.ts";
const COPY = "src/core/local/upkeep/removal.ts";
const HOST = "src/core/local/hub/host.ts";
const LAST_MEMBER = "src/core/local/hub/last-member.ts";
const LOG = "src/core/local/member/local-log.ts";
const ended = ["upkeep/tombstone"];
const removal = ["upkeep/removal"];

export const removalMutants = [
  {
    name: "the copy of a removed storage may come back",
    file: COPY,
    from: "  files.syncDirectory(dirname(place.filename));\n",
    to: "",
    killedBy: removal,
  },
  {
    name: "an end that other users may have put there counts",
    file: ENDED,
    from: "files.isPrivate(shelter) ? files.list(shelter)",
    to: "shelter ? files.list(shelter)",
    killedBy: ended,
  },
  {
    name: "an earlier end that is noted late takes the last one away",
    file: ENDED,
    from: "if (older < epoch)",
    to: "if (older !== epoch)",
    killedBy: ended,
  },
  {
    name: "an end that is not whole keeps a storage from opening",
    file: ENDED,
    from: "      if (error instanceof CorruptFileError) return null;\n",
    to: "",
    killedBy: ended,
  },
  {
    name: "a storage that is opened again does not go on after its end",
    file: LOG_START,
    from: "  if (end) yield* publish(machine, place, epoch, { ...end, time: 0, level: LEAST_LEVEL }, []);\n  return end !== null;",
    to: "  return end !== null && end.seq < 0;",
    killedBy: ended,
  },
  {
    name: "the end of a removed storage carries its time over",
    file: LOG_START,
    from: "{ ...end, time: 0, level: LEAST_LEVEL }",
    to: "{ ...end, level: LEAST_LEVEL }",
    killedBy: ended,
  },
  {
    name: "a storage that was not left by the removal is emptied",
    file: LOG_START,
    from: "if (time === end.time) yield* publishEnd(machine, place, epoch);",
    to: "if (time !== null) yield* publishEnd(machine, place, epoch);",
    killedBy: ended,
  },
  {
    name: "a backup is adopted at its own seq, before the end",
    file: ADOPT,
    from: "if (end !== null && seq <= end.seq) {",
    to: "if (end !== null && seq < 0) {",
    killedBy: ended,
  },
  {
    name: "a copy that a removal has left is adopted",
    file: ADOPT,
    from: "    if (fold.keyCount === 0) return false;\n",
    to: "",
    killedBy: ["upkeep/tombstone"],
  },
  {
    name: "a late claim does not look for an end",
    file: SEAT,
    from: "return tombstoneEpoch(this.#machine, this.#place) >= this.epoch;",
    to: "return false;",
    killedBy: ended,
  },
  {
    name: "epochs begin again after an end",
    file: SEAT,
    from: "segmentsIn(names)[0]?.epoch ?? 0, tombstoneEpoch(machine, place));",
    to: "segmentsIn(names)[0]?.epoch ?? 0);",
    killedBy: ended,
  },
  {
    name: "a seat that cannot be looked at holds",
    file: SEAT,
    from: '      // Unknown: then nothing is confirmed.\n      return "lost";',
    to: '      return "held";',
    killedBy: ["election/seat"],
  },
  {
    name: "the snapshot with which a storage ends is removed",
    file: COPY,
    from: "      .filter((seq) => seq < end)\n",
    to: "",
    killedBy: removal,
  },
  {
    name: "the end is not noted",
    file: LAST_MEMBER,
    from: "  writeTombstone(machine, place, seat.epoch, { ...snapshotHead(files, place, snapshot), seq });\n",
    to: "",
    killedBy: removal,
  },
  {
    name: "the end forgets the origins",
    file: LAST_MEMBER,
    from: "{ ...snapshotHead(files, place, snapshot), seq }",
    to: "{ ...snapshotHead(files, place, snapshot), seq, origins: [] }",
    killedBy: removal,
  },
  {
    name: "the log is ended without a clear in a segment of its own",
    file: LAST_MEMBER,
    from: "return yield* clear();",
    to: "return true;",
    killedBy: removal,
  },
  {
    name: "a storage that cannot be ended is removed all the same",
    file: LAST_MEMBER,
    from: 'if (destroy) throw refusal("a disk that takes the end of the log");',
    to: "",
    killedBy: removal,
  },
  {
    name: "data that belongs to no living member is shown to the next member",
    file: HOST,
    from: "if (isVoid && recovered.seq > 0)",
    to: "if (isVoid && recovered.seq < 0)",
    killedBy: removal,
  },
  {
    name: "a member that leaves without a connection does not look for the manager",
    file: LOG,
    from: "(hasNothing || (this.#goal.isOverdue && !this.#ownHub.isRunning))",
    to: "true",
    killedBy: ["simulation"],
  },
  {
    name: "a manager that closes leaves its own hub before that has folded the log",
    file: LOG,
    from: "if (this.#ownHub.isRunning) this.#ownHub.close(false, this.#hasWritten);\n      else ",
    to: "",
    killedBy: ["simulation/moments"],
  },
  {
    name: "a recovery syncs the last segment alone",
    file: RECOVERY,
    from: "of recovered.segments) yield*",
    to: "of recovered.segments.slice(-1)) yield*",
    killedBy: ["upkeep/recovery"],
  },
];
