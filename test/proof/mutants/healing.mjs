/** Damaged files are written again from memory, by the rules of compaction. */
const HEALING = "src/core/local/hub/healing.ts";
const HEALER = "src/core/local/member/healer.ts";
const COMPACTIONS = "src/core/local/hub/compactions.ts";
const COMPACTOR = "src/core/local/upkeep/compactor.ts";
const MEMBERS = "src/core/local/hub/members.ts";
const HELD_END = "src/core/local/upkeep/held-end.ts";
const RECOVERY = "src/core/local/upkeep/recovery.ts";
const HOST = "src/core/local/hub/host.ts";
const SESSION = "src/core/local/member/hub-session.ts";
const LOCAL_LOG = "src/core/local/member/local-log.ts";
const OTHERS = "src/core/local/election/other-members.ts";
const CONTENDER = "src/core/local/hub/contender.ts";
const hub = ["hub/healing"];
const healer = ["member/healer"];

export const healingMutants = [
  {
    name: "a damaged segment that a snapshot covers stops a start",
    file: RECOVERY,
    from: "{ epoch: ref.epoch, offset: 0, seq: base }",
    to: "{ epoch: ref.epoch, offset: 0, seq: 0 }",
    killedBy: ["upkeep/left-over"],
  },
  {
    name: "segments that a compaction of nothing has removed are missed",
    file: "src/core/local/hub/log-writer.ts",
    from: "if (last === -1 || this.#startOf(last + 1) <= this.#snapshot) return null;",
    to: "if (last === -1) return null;",
    killedBy: ["hub/log-writer"],
  },
  {
    name: "a manager leaves while it folds at its start",
    file: HOST,
    from: "    if (this.#hasBegun) this.#begun();\n",
    to: "    this.#begun();\n",
    killedBy: ["hub/host"],
  },
  {
    name: "a member writes the state at another seq than the one that it was asked for",
    file: HEALER,
    from: "if (view === null || view.head.seq !== seq) {",
    to: "if (view === null) {",
    killedBy: healer,
  },
  {
    name: "a member heals whatever directory is at the path",
    file: HEALER,
    from: "if (pin.id !== directoryId) throw new MovedError(this.#place.directory);",
    to: "",
    killedBy: healer,
  },
  {
    name: "a view stays open when the heal is over",
    file: HEALER,
    from: "    } finally {\n      view.close();\n    }",
    to: "    } finally {\n    }",
    killedBy: healer,
  },
  {
    name: "a heal gets the name of the snapshot that is damaged",
    file: COMPACTOR,
    from: "if (!(yield* isWhole(files, path, seq))) files.rename(temporary, path);",
    to: "",
    killedBy: healer,
  },
  {
    name: "a snapshot that is whole is replaced by a heal",
    file: COMPACTOR,
    from: "if (!(yield* isWhole(files, path, seq))) files.rename",
    to: "files.rename",
    killedBy: healer,
  },
  {
    name: "files are removed although the seat is lost",
    file: HEALING,
    from: "if (this.#host.isSeated()) {",
    to: "if (true) {",
    killedBy: hub,
  },
  {
    name: "what a heal covers stays",
    file: HEALING,
    from: "bestEffort(() => removeCovered(files, request.place, seq, request.segments));",
    to: "",
    killedBy: hub,
  },
  {
    name: "the report of an order from before counts",
    file: HEALING,
    from: "if (this.#order?.member !== member || this.#order.seq !== report.seq) return;",
    to: "if (this.#order === null) return;",
    killedBy: hub,
  },
  {
    name: "a member that could not heal is asked again and again",
    file: HEALING,
    from: "this.#tried.add(order.member);",
    to: "",
    killedBy: hub,
  },
  {
    name: "a member that meets damage is asked to heal it",
    file: HEALING,
    from: "!this.#tried.has(one) && !this.#waiting.has(one)",
    to: "!this.#tried.has(one)",
    killedBy: hub,
  },
  {
    name: "members that meet damage wait forever where nobody can heal it",
    file: HEALING,
    from: "if (this.#choose() === null) this.#refuseUnlessOthersCome(request.place);",
    to: "",
    killedBy: hub,
  },
  {
    name: "a member that meets damage is refused before the member of a new hub, or another one that lives, has connected",
    file: HEALING,
    from: 'if (othersCome || isComing(ownId, "alive") || ',
    to: "if (",
    killedBy: hub,
  },
  {
    name: "a segment that begins later does not show that the log goes on",
    file: HELD_END,
    from: "    if (startOf(files, path, { epoch, segment }) > position.seq) return false;\n",
    to: "",
    killedBy: ["upkeep/held-end"],
  },
  {
    name: "a member that writes in silence is waited for forever",
    file: HEALING,
    from: "this.#silence = this.#machine.clock.after(SILENCE_MS, () =>",
    to: "this.#silence = this.#machine.clock.after(1e12, () =>",
    killedBy: hub,
  },
  {
    name: "another member than the hub's own is asked first",
    file: MEMBERS,
    from: "if (member.id === this.ownId) return member;",
    to: "",
    killedBy: hub,
  },
  {
    name: "a compaction that meets damage is tried again as it is",
    file: COMPACTIONS,
    from: 'else if (codeOf(error) === "ERR_STORAGE_CORRUPT") this.heal(error.message);',
    to: "",
    killedBy: hub,
  },
  {
    name: "damage is reported each time that it is met",
    file: COMPACTIONS,
    from: 'if (!this.#isDamaged) this.#report({ kind: "damaged"',
    to: 'this.#report({ kind: "damaged"',
    killedBy: hub,
  },
  {
    name: "what was healed is not read back",
    file: COMPACTIONS,
    from: '    this.#report({ kind: "healed" });\n    this.start();',
    to: '    this.#report({ kind: "healed" });',
    killedBy: hub,
  },
  {
    name: "an empty log is healed at seq 0, which no snapshot can have",
    file: COMPACTIONS,
    from: "if (this.#isDamaged && this.#hub.writer.confirmed.seq === 0)",
    to: "if (false)",
    killedBy: hub,
  },
  {
    name: "a contender heals from a state that others have gone beyond",
    file: HELD_END,
    from: "    if (next !== null && next !== -1) return false;",
    to: "",
    killedBy: ["upkeep/held-end"],
  },
  {
    name: "a snapshot of others does not show that they have gone beyond",
    file: HELD_END,
    from: "if ((snapshotsIn(names)[0] ?? 0) > position.seq) return false;",
    to: "",
    killedBy: ["upkeep/held-end"],
  },
  {
    name: "a log that was cut counts as whole",
    file: RECOVERY,
    from: "for (const log of held) expectHeld(place, recovered, log);",
    to: "",
    killedBy: ["faults/bytes-open", "simulation/damage"],
  },
  {
    name: "memory is emptied where all files were removed",
    file: CONTENDER,
    from: "if (removed) throw removed;",
    to: "",
    killedBy: ["cluster/damage"],
  },
  {
    name: "a manager looks at none of its files",
    file: HOST,
    from: "    this.#compactions?.look();\n",
    to: "",
    killedBy: ["faults/bytes-open", "simulation/damage"],
  },
  {
    name: "a member that meets damage as it joins fails",
    file: SESSION,
    from: 'else if (this.#phase === "reading" && codeOf(error) === "ERR_STORAGE_CORRUPT") this.#metDamage(error as Error);',
    to: "",
    killedBy: ["faults/bytes-open"],
  },
  {
    name: "a contender goes on although another member holds more",
    file: CONTENDER,
    from: "this.#others.holdMore(log, isDoubtful, () => this.#pin.files.used?.(), decided);",
    to: "decided(false);",
    killedBy: ["hub/contender", "simulation/damage"],
  },
  {
    name: "a copy is read although another member holds more",
    file: RECOVERY,
    from: "position, held.length > 0 ? null : adopt);",
    to: "position, adopt);",
    killedBy: ["hub/contender"],
  },
  {
    name: "nobody waits for the answer of a process that is frozen",
    file: OTHERS,
    from: "else if (!isDoubtful || this.#haveAnswered || --this.#waitsLeft < 0) decided(false);",
    to: "else decided(false);",
    killedBy: ["election/other-members", "simulation/damage"],
  },
  {
    name: "a frozen process is waited for without end",
    file: OTHERS,
    from: "--this.#waitsLeft < 0",
    to: "false",
    killedBy: ["election/other-members"],
  },
  {
    name: "what a member holds of another history counts",
    file: OTHERS,
    from: "found.seq === 0 || found.history === most?.history",
    to: "true",
    killedBy: ["election/other-members"],
  },
  {
    name: "what a member holds of a storage that was removed counts",
    file: OTHERS,
    from: " && isHeld(this.#machine, this.#place, most)",
    to: "",
    killedBy: ["election/other-members"],
  },
  {
    name: "a member says that it holds what it cannot write, since it may not be the manager",
    file: LOCAL_LOG,
    from: "history === undefined || !this.#options.candidate",
    to: "history === undefined",
    killedBy: ["member/following"],
  },
  {
    name: "a member that takes over damaged files as it leaves does not take in what they have",
    file: LOCAL_LOG,
    from: 'if (isServing && this.#goal !== "follow" && !isDamaged)',
    to: 'if (isServing && this.#goal !== "follow")',
    killedBy: ["member/leaving-damaged"],
  },
  {
    name: "a member claims the seat again at once that another one must take",
    file: LOCAL_LOG,
    from: "this.#pause(OTHERS_MS);",
    to: "this.#seek();",
    killedBy: ["member/following"],
  },
];
