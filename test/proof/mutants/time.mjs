/** Mistakes in the time of the storage. */
const CONTENDER = "src/core/local/hub/contender.ts";
const RUNNING = "src/core/local/machine/running-time.ts";
const CLOCK = "src/core/local/machine/clock.ts";
const HUB_TIME = "src/core/local/hub/hub-time.ts";
const STORAGE_CLOCK = "src/core/local/member/storage-clock.ts";
const LOCAL_LOG = "src/core/local/member/local-log.ts";
const RECOVERY = "src/core/local/upkeep/recovery.ts";
const OP = "src/core/replica/op.ts";
const QUEUE = "src/core/replica/pending-queue.ts";
const OUTBOX = "src/core/replica/outbox.ts";
const PAYLOAD = "src/session-store/payload.ts";
const running = ["machine/running-time"];
const hubTime = ["hub/hub-time"];
const storageClock = ["member/storage-clock"];
const shifted = ["replica/time-shifted"];
const sessions = ["session-store/clock"];

export const timeMutants = [
  {
    name: "a wall clock that is set moves the time",
    file: RUNNING,
    from: "    return this.#time + monotonic - this.#monotonic;\n  }\n\n  /** This moment",
    to: "    return this.#time + this.#clock.now() - this.#lead - this.#monotonic;\n  }\n\n  /** This moment",
    killedBy: running,
  },
  {
    name: "a suspend does not count",
    file: RUNNING,
    from: "      this.#time += suspendBetween(this.#suspended, suspended);\n",
    to: "",
    killedBy: running,
  },
  {
    name: "a suspend counts again at each look",
    file: RUNNING,
    from: "      this.#suspended = Math.max(suspended, this.#suspended ?? suspended);\n",
    to: "",
    killedBy: running,
  },
  {
    name: "that uptimes are known to 10 ms only counts as suspends",
    file: RUNNING,
    from: "return ms >= LEAST_SUSPEND_MS ? ms : 0;",
    to: "return ms;",
    killedBy: running,
  },
  {
    name: "it is not looked for a suspend when the wall clock does not hint at one",
    file: RUNNING,
    from: "if (!isDue && Math.abs(gain) < HINT_MS && monotonic - this.#lookedAt < LOOK_MS) return;",
    to: "if (!isDue && Math.abs(gain) < HINT_MS) return;",
    killedBy: running,
  },
  {
    name: "where nobody counts suspends, a wall clock that is set by a little counts as one",
    file: RUNNING,
    from: "if (gain > LEAST_GAIN_MS) this.#time += gain;",
    to: "if (gain > HINT_MS) this.#time += gain;",
    killedBy: running,
  },
  {
    name: "suspends since a note are forgotten",
    file: RUNNING,
    from: "note.monotonic + suspendBetween(note.suspended, later.suspended);",
    to: "note.monotonic;",
    killedBy: running,
  },
  {
    name: "a note of another kernel counts as one of this",
    file: CLOCK,
    from: 'return domain !== "" && note.domain === domain;',
    to: "return note.domain !== domain || domain.length >= 0;",
    killedBy: [...storageClock, ...hubTime],
  },
  {
    name: "a new manager goes on with its wall clock, not with what its member was told",
    file: HUB_TIME,
    from: "  if (member !== null) {",
    to: "  if (member !== null && member.time < 0) {",
    killedBy: [...hubTime, "simulation/clocks"],
  },
  {
    name: "a manager that has just been opened goes on with its wall clock, though others have the storage open",
    file: HUB_TIME,
    from: "if (isOpen && isNoted) return",
    to: "if (isOpen && isNoted && elapsed < 0) return",
    killedBy: [...hubTime, "simulation/clocks"],
  },
  {
    name: "a manager does not ask whether others have the storage open",
    file: CONTENDER,
    from: "!isVoid(this.#others.lives);",
    to: "!isVoid(this.#others.lives) && !this.#request.options.persist;",
    killedBy: ["simulation/clocks"],
  },
  {
    name: "time begins before the end of the log",
    file: HUB_TIME,
    from: "return { ...now, time: Math.max(log.time, elapsed) };",
    to: "return { ...now, time: elapsed };",
    killedBy: hubTime,
  },
  {
    name: "what the wall clock has gained while nobody had the storage open does not count",
    file: HUB_TIME,
    from: "log.time + Math.max(0, now.wall - wallThen)",
    to: "log.time + Math.max(0, wallThen - wallThen)",
    killedBy: hubTime,
  },
  {
    name: "how far the wall clock was off at the end of the log is forgotten",
    file: HUB_TIME,
    from: "const wallThen = log.time - log.clockOffsetMs;",
    to: "const wallThen = log.time;",
    killedBy: hubTime,
  },
  {
    name: "what has elapsed on this machine while nobody had the storage open does not count",
    file: HUB_TIME,
    from: "time: Math.max(now.wall, byWall, elapsed) };",
    to: "time: Math.max(now.wall, byWall) };",
    killedBy: hubTime,
  },
  {
    name: "members are not told that the wall clock was set",
    file: HUB_TIME,
    from: "      this.#keeping.tell(encodeTime(note));\n",
    to: "",
    killedBy: hubTime,
  },
  {
    name: "the log does not note that the wall clock was set",
    file: HUB_TIME,
    from: "this.#keeping.confirmed().seq > 0) this.#keeping.order(encodeEntries([]));",
    to: "this.#keeping.confirmed().seq < 0) this.#keeping.order(encodeEntries([]));",
    killedBy: hubTime,
  },
  {
    name: "the batches of a hub do not note by how much the wall clock is off",
    file: HUB_TIME,
    from: "    address(frame, 0, this.#loggedOffset, 0);\n",
    to: "    address(frame, 0, 0, 0);\n",
    killedBy: hubTime,
  },
  {
    name: "what a hub noted last of its wall clock is not read",
    file: RECOVERY,
    from: " clockOffsetMs = bornOf(frames.buffer, frames.start);\n",
    to: " bornOf(frames.buffer, frames.start);\n",
    killedBy: ["upkeep/recovered-time"],
  },
  {
    name: "members count from when they were told, also on one machine",
    file: STORAGE_CLOCK,
    from: "new RunningTime(this.#clock, isOwn ? note : noteNow(this.#clock, note?.time ?? time));",
    to: "new RunningTime(this.#clock, isOwn ? noteNow(this.#clock, note.time) : noteNow(this.#clock, time));",
    killedBy: storageClock,
  },
  {
    name: "what a member wrote before it was told the time is shifted by what it has waited for the processor, too",
    file: STORAGE_CLOCK,
    from: "Math.round(this.#running.ahead - ahead);",
    to: "now - before;",
    killedBy: storageClock,
  },
  {
    name: "the time of a member falls a little from one manager to the next",
    file: STORAGE_CLOCK,
    from: "if (isFirst || now < before - MOST_HELD_MS) this.#latest = now;",
    to: "if (isFirst || now < before) this.#latest = now;",
    killedBy: storageClock,
  },
  {
    name: "the time of a member stands still when the log is another one",
    file: STORAGE_CLOCK,
    from: "if (isFirst || now < before - MOST_HELD_MS) this.#latest = now;",
    to: "if (isFirst) this.#latest = now;",
    killedBy: storageClock,
  },
  {
    name: "a wall clock that is off is reported each time",
    file: STORAGE_CLOCK,
    from: "    this.#isReported = true;\n",
    to: "",
    killedBy: storageClock,
  },
  {
    name: "the hub of a member does not learn what time it is",
    file: LOCAL_LOG,
    from: "this.#ownHub.contend(this.#position, this.clock.note, seen)",
    to: "this.#ownHub.contend(this.#position, null, seen)",
    killedBy: ["member/suspicion"],
  },
  {
    name: "what was written before the time was told is not shifted",
    file: QUEUE,
    from: "    for (const batch of this.batches) if (batch.number === 0) for (const op of batch.ops) op.shift(ms);\n",
    to: "    for (const batch of this.batches) if (batch.number < 0) for (const op of batch.ops) op.shift(ms);\n",
    killedBy: shifted,
  },
  {
    name: "a write without a ttl gets one when the time is told",
    file: OP,
    from: "if (expiresAt === NEVER || expiresAt === KEEP) return;",
    to: "if (expiresAt === KEEP) return;",
    killedBy: shifted,
  },
  {
    name: "a frame that was encoded before the time was told says the old time",
    file: OUTBOX,
    from: "      if (batch.frame !== null && batch.number === 0) batch.frame",
    to: "      if (batch.frame !== null && batch.number < 0) batch.frame",
    killedBy: shifted,
  },
  {
    name: "the cookie of a session says when it ends by the clock as it was",
    file: PAYLOAD,
    from: "const CLOCK_SET_MS = 1000;",
    to: "const CLOCK_SET_MS = Number.POSITIVE_INFINITY;",
    killedBy: sessions,
  },
];
