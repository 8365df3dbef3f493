/** Locks: the line of claims, when one holds, and what ends it. */
const CLAIMS = "src/core/state/claims.ts";
const SLOTS = "src/core/state/slots.ts";
const CLAIM = "src/core/replica/lock-claim.ts";
const LINE = "src/core/replica/lock-line.ts";
const LOCKS = "src/core/replica/locks.ts";
const state = ["core/state/claims"];
const unit = ["core/replica/lock"];
const users = ["core/storage-locks"];
const simulated = ["simulation/locks"];

export const lockMutants = [
  {
    name: "a departure ends the claims of all members",
    file: CLAIMS,
    from: "claim.member === member",
    to: "claim.member !== ''",
    killedBy: [...state, ...unit],
  },
  {
    name: "a departure ends no claims in folds",
    file: "src/core/state/table.ts",
    from: "if (entry.type === LEFT)",
    to: "if (entry.type === LEFT && isUndoable)",
    killedBy: state,
  },
  {
    name: "a departure ends no claims in members",
    file: LOCKS,
    from: "entry.type === LEFT ?",
    to: "entry.type === LEFT && entry.path.length === 0 ?",
    killedBy: unit,
  },
  {
    name: "a departure looks at pending claims, too",
    file: LOCKS,
    from: "pending.onConfirmed(table, null, () => departure(entry))",
    to: "departure(entry)",
    killedBy: unit,
  },
  {
    name: "a departure removes keys with claims of others",
    file: CLAIMS,
    from: "ended.length === Object.keys(value).length",
    to: "ended.length > 0",
    killedBy: state,
  },
  {
    name: "two names have one key",
    file: CLAIMS,
    from: '.replaceAll("/", "~1")',
    to: "",
    killedBy: state,
  },
  {
    name: "claims of a snapshot are not found by departures",
    file: SLOTS,
    from: "    if (key.startsWith(CLAIMS_PREFIX)) this.claimKeys.add(key);\n    if (typeof held",
    to: "    if (typeof held",
    killedBy: state,
  },
  {
    name: "one more than the count holds",
    file: CLAIM,
    from: "index < this.#terms.count",
    to: "index <= this.#terms.count",
    killedBy: simulated,
  },
  {
    name: "the line is in the order of the ids",
    file: LINE,
    from: "a.token - b.token",
    to: "(a.id < b.id ? -1 : 1)",
    killedBy: simulated,
  },
  {
    name: "another claim ends by the clock of the member that waits",
    file: LINE,
    from: "const { time } = table;",
    to: "const time = tables.now;",
    killedBy: unit,
  },
  {
    name: "a lock is not lost when its lease ends",
    file: CLAIM,
    from: "own === undefined || now >= own.expiresAt",
    to: "own === undefined",
    killedBy: unit,
  },
  {
    name: "a lease does not end while a state is being loaded",
    file: CLAIM,
    from: 'this.#phase === "held" && now >= this.#until) this.#ended(true);',
    to: 'this.#phase === "held" && now < 0) this.#ended(true);',
    killedBy: unit,
  },
  {
    name: "a lock is not renewed",
    file: CLAIM,
    from: "now >= Math.min(this.#renewAt, lookAt)",
    to: "now >= lookAt",
    killedBy: unit,
  },
  {
    name: "renewals pile up",
    file: CLAIM,
    from: "this.#isRenewing = true;",
    to: "",
    killedBy: unit,
  },
  {
    name: "who waits does not look whether the lease of another one has ended",
    file: CLAIM,
    from: "now >= Math.min(this.#renewAt, lookAt)",
    to: "now >= this.#renewAt",
    killedBy: unit,
  },
  {
    name: "a claim that gave up stays in the line",
    file: CLAIM,
    from: "    this.#end();\n    this.#removeQuietly();\n    this.#settle.resolve(false);",
    to: "    this.#end();\n    this.#settle.resolve(false);",
    killedBy: unit,
  },
  {
    name: "without a manager, a call that must not wait waits",
    file: CLAIM,
    from: "Math.max(waitMs, CONFIRM_MS)",
    to: "Infinity",
    killedBy: unit,
  },
  {
    name: "a call that must not wait does not wait for its place",
    file: CLAIM,
    from: "Math.max(waitMs, CONFIRM_MS)",
    to: "waitMs",
    killedBy: unit,
  },
  {
    name: "who waits is lost when its claim is removed",
    file: CLAIM,
    from: "if (isWaiting && now < this.#giveUpAt)",
    to: "if (isWaiting && now < 0)",
    killedBy: unit,
  },
  {
    name: "the key stays when its last claim is removed",
    file: LINE,
    from: "writer.write(swapEntry",
    to: "if (path.length === 0) writer.write(swapEntry",
    killedBy: [...unit, ...users],
  },
  {
    name: "a clear does not wake claims",
    file: LOCKS,
    from: "if (type === CLEAR) this.sawAll();",
    to: "if (type === CLEAR) return;",
    killedBy: [...unit, ...users],
  },
  {
    name: "a state that was loaded does not wake claims",
    file: "src/core/replica/log-applier.ts",
    from: "    this.#locks.sawAll();\n",
    to: "",
    killedBy: unit,
  },
  {
    name: "a process does not live while it waits for a lock",
    file: "src/core/replica/writer.ts",
    from: "this.#waitCount > 0 ||",
    to: "this.#waitCount < 0 ||",
    killedBy: users,
  },
  {
    name: "a storage that is closed keeps its locks",
    file: "src/core/coordinated-storage.ts",
    from: "const close = (): void => claim.close(closedError());",
    to: "const close = (): void => {};",
    killedBy: users,
  },
  {
    name: "the name of a lock depends on what is stored",
    file: LOCKS,
    from: "const name = parsePath(path, () => false);",
    to: "const name = parsePath(path, (key) => this.#parts.tables.shown.holds(key));",
    killedBy: users,
  },
];
