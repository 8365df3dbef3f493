/** The life of a hub, and its side of the members. */
const CONTENDER = "src/core/local/hub/contender.ts";
const HOST = "src/core/local/hub/host.ts";
const COMPACTIONS = "src/core/local/hub/compactions.ts";
const THREADS = "src/core/local/machine/threads.ts";
const MEMBERS = "src/core/local/hub/members.ts";
const HUB_MEMBER = "src/core/local/hub/member.ts";
const LIMITER = "src/core/local/hub/backlog-limiter.ts";
const SOCKETS = "src/core/local/machine/sockets.ts";
const WRITE_QUEUE = "src/core/local/machine/write-queue.ts";
const QUEUE = "src/core/local/hub/inbound-queue.ts";
const threads = ["machine/threads"];
const hub = ["hub/order", "hub/hub.test", "hub/strangers", "hub/host", "hub/disk-full", "simulation"];

export const hubMembersMutants = [
  {
    name: "the log is read before the fence",
    file: CONTENDER,
    from: "this.fenced = seat.fence();",
    to: `for (const _ of this.recover());
    this.fenced = seat.fence();`,
    killedBy: ["hub/host"],
  },
  {
    name: "a contender that was overtaken while it read begins a segment",
    file: HOST,
    from: "    if (!seat.holds()) {\n      this.#end",
    to: "    if (this.#isOver) {\n      this.#end",
    killedBy: ["protocol/overtaken"],
  },
  {
    name: "a manager that was replaced removes strays",
    file: HOST,
    from: "    if (!seat.holds()) return;\n    for (const name of fenced)",
    to: "    for (const name of fenced)",
    killedBy: ["hub/host"],
  },
  {
    name: "the compaction that a failed fsync asks for is not tried again",
    file: COMPACTIONS,
    from: "        this.#isOwed ||= isOwed || !isHeal;\n",
    to: "",
    killedBy: ["hub/host"],
  },
  {
    name: "batches are confirmed before they are broadcast",
    file: MEMBERS,
    from: `      this.#backlog.beforeSending(member);
      member.flush(member.broadcasts);`,
    to: `      this.#backlog.beforeSending(member);
      member.flush(member.replies);
      member.flush(member.broadcasts);`,
    killedBy: hub,
  },
  {
    name: "a member that does not read is not dropped",
    file: LIMITER,
    from: "return behind.idleLooks >= looks;",
    to: "return false;",
    killedBy: ["hub/backlog-limiter", ...hub, "hostile/sockets"],
  },
  {
    name: "any byte that a member takes counts",
    file: LIMITER,
    from: "takenBytes - behind.takenBytes >= Math.min(LEAST_TAKEN_BYTES, this.#maxBytes)",
    to: "takenBytes > behind.takenBytes",
    killedBy: ["hub/backlog-limiter"],
  },
  {
    name: "the queue of a slow member grows without a bound",
    file: LIMITER,
    from: "    if (member.queuedBytes > MOST_BACKLOGS * this.#maxBytes) member.drop();\n",
    to: "",
    killedBy: ["hub/backlog-limiter", ...hub],
  },
  {
    name: "a member that takes what is sent to it is dropped since much is",
    file: LIMITER,
    from: "if (behind === undefined || behind.looks < WAIT_LOOKS) return;",
    to: "",
    killedBy: ["hub/backlog-limiter"],
  },
  {
    name: "a hub takes in more than it can send",
    file: LIMITER,
    from: "isWaiting ||= looks < WAIT_LOOKS;",
    to: "isWaiting ||= looks < 0;",
    killedBy: ["hub/backlog-limiter", ...hub],
  },
  {
    name: "a member that does not read keeps the others waiting",
    file: LIMITER,
    from: "isWaiting ||= looks < WAIT_LOOKS;",
    to: "isWaiting ||= looks >= 0;",
    killedBy: ["hub/backlog-limiter", ...hub],
  },
  {
    name: "a hub whose disk refuses receives again once a member has caught up",
    file: MEMBERS,
    from: "const isPaused = this.#isStuck || this.#backlog.isWaiting;",
    to: "const isPaused = this.#backlog.isWaiting;",
    killedBy: hub,
  },
  {
    name: "all that was written is handed to the operating system at once",
    file: WRITE_QUEUE,
    from: "const STEP_BYTES = 256 * 1024;",
    to: "const STEP_BYTES = Infinity;",
    killedBy: ["machine/write-queue"],
  },
  {
    name: "a connection is ended before what waits is written",
    file: WRITE_QUEUE,
    from: "if (this.#hasEnded && this.#waitingBytes === 0 && ",
    to: "if (this.#hasEnded && ",
    killedBy: ["machine/write-queue"],
  },
  {
    name: "a file system that takes no sockets is tried again and again",
    file: SOCKETS,
    from: 'new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"])',
    to: 'new Set(["EOPNOTSUPP"])',
    killedBy: ["machine/sockets"],
  },
  {
    name: "an older connection of a member that comes again is kept",
    file: MEMBERS,
    from: `if (member.phase === "proven") this.#dropOlder(member);`,
    to: `if (member.phase === "proven") return false;`,
    killedBy: hub,
  },
  {
    name: "any number of connections may be unproven at once",
    file: MEMBERS,
    from: "if (this.#isClosed || unprovenCount >= MAX_UNPROVEN) member.drop();",
    to: "if (this.#isClosed) member.drop();",
    killedBy: ["hub/hub.test", "hub/strangers", "hub/host"],
  },
  {
    name: "a member that is welcomed while the disk refuses gets no message to wait",
    file: MEMBERS,
    from: "      if (this.#isPaused) member.pause();\n",
    to: "",
    killedBy: hub,
  },
  {
    name: "any token of the right length is good",
    file: HUB_MEMBER,
    from: " && timingSafeEqual(token, wanted)",
    to: "",
    killedBy: ["hub/hub.test", "hub/strangers", "hub/host"],
  },
  {
    name: "a connection may be silent forever",
    file: HUB_MEMBER,
    from: "this.#helloTimeout = clock.after(HELLO_TIMEOUT_MS, () => this.drop());",
    to: "this.#helloTimeout = { cancel() {} };",
    killedBy: ["hub/hub.test", "hub/strangers", "hub/host"],
  },
  {
    name: "the first frame of a connection may be long",
    file: HUB_MEMBER,
    from: "super(MAX_HELLO_BYTES, ",
    to: "super(MAX_FRAME_BYTES, ",
    killedBy: ["hub/hub.test", "hub/strangers", "hub/host"],
  },
  {
    name: "a batch that was ordered before is taken",
    file: HUB_MEMBER,
    from: "if (epochOf(buffer, start) !== 0) throw",
    to: "if (epochOf(buffer, start) < 0) throw",
    killedBy: ["hub/hub.test", "hub/strangers", "hub/host"],
  },
  {
    name: "malformed batches get into the log",
    file: HUB_MEMBER,
    from: "      checkEntries(buffer, start, end);\n",
    to: "",
    killedBy: ["hub/hub.test", "hub/strangers", "hub/host"],
  },
  {
    name: "a member may write before it was welcomed",
    file: HUB_MEMBER,
    from: `kind === BATCH && this.phase === "live"`,
    to: "kind === BATCH",
    killedBy: ["hub/hub.test", "hub/strangers", "hub/host"],
  },
  {
    name: "a corrupt hello is taken",
    file: HUB_MEMBER,
    from: "kind !== HELLO || !isIntact(buffer, start, end)",
    to: "kind !== HELLO",
    killedBy: ["hub/hub.test", "hub/strangers", "hub/host"],
  },
  {
    name: "frames that do not lie side by side become one run",
    file: QUEUE,
    from: " || start !== this.#end",
    to: "",
    killedBy: ["hub/inbound-queue", "simulation"],
  },
  {
    name: "the rest of a run that is cut in two keeps its first seq",
    file: QUEUE,
    from: "rest.#seq = this.#seq + count;",
    to: "rest.#seq = this.#seq;",
    killedBy: ["hub/inbound-queue", "hub/disk-full", "simulation"],
  },
  {
    name: "a corrupt frame stays in its run",
    file: QUEUE,
    from: "        this.#end = at;\n",
    to: "",
    killedBy: ["hub/inbound-queue", "hub/hub.test", "hub/strangers", "hub/host"],
  },
  {
    name: "the member of the hub's own process is served first",
    file: MEMBERS,
    from: "    this.#serveOwnLast();\n",
    to: "",
    killedBy: hub,
  },
  {
    name: "the member of the hub's own process counts as another one",
    file: MEMBERS,
    from: ` && member.id !== this.ownId) return true;`,
    to: `) return true;`,
    killedBy: hub,
  },
  {
    name: "a compaction that is over can still be stopped",
    file: THREADS,
    from: "if (this.#done === done) this.end();",
    to: "this.end();",
    killedBy: threads,
  },
  {
    name: "a thread that compacts is never let go",
    file: THREADS,
    from: "thread.deadline = this.#clock.after(KEPT_MS, () => thread.end());",
    to: "",
    killedBy: threads,
  },
  {
    name: "a thread that compacts is not kept",
    file: THREADS,
    from: "    this.#kept = thread;\n",
    to: "    thread.end();\n",
    killedBy: threads,
  },
  {
    name: "a thread is let go amid the next compaction",
    file: THREADS,
    from: "    thread.deadline?.cancel();\n",
    to: "",
    killedBy: threads,
  },
  {
    name: "a thread with a large heap is kept",
    file: THREADS,
    from: "result !== null && result.bytes <= this.#keptBytes",
    to: "result !== null",
    killedBy: threads,
  },
  {
    name: "a thread that failed is kept",
    file: THREADS,
    from: "result !== null && result.bytes <= this.#keptBytes",
    to: "result === null || result.bytes <= this.#keptBytes",
    killedBy: threads,
  },
  {
    name: "of two threads both are kept",
    file: THREADS,
    from: "    this.#kept?.end();\n",
    to: "",
    killedBy: threads,
  },
  {
    name: "a thread that has ended stays the one that is kept",
    file: THREADS,
    from: "    this.#done = null;\n    this.#ended(this);\n",
    to: "    this.#done = null;\n",
    killedBy: threads,
  },
];
