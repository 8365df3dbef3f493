/** What processes agree on: updates that lose nothing, values that one of them takes. */
const SWAP = "src/core/state/swap.ts";
const EXECUTOR = "src/core/state/executor.ts";
const COORDINATION = "src/core/replica/coordination.ts";
const unit = ["core/replica/coordination"];

export const coordinationMutants = [
  {
    name: "a swap takes effect whatever is there",
    file: SWAP,
    from: "shows(value, live?.expiries?.find(path, path.length), said.from, time) ? said",
    to: "shows(value, live?.expiries?.find(path, path.length), value, time) ? said",
    killedBy: ["core/state/swap", "model/"],
  },
  {
    name: "a swap that expects nothing takes effect where something is",
    file: SWAP,
    from: "return value === undefined ? said : undefined;",
    to: "return said;",
    killedBy: ["core/state/swap", "model/"],
  },
  {
    name: "a swap clears the expiry that it should keep",
    file: EXECUTOR,
    from: "entry.expiresAt === KEEP ? (known?.at ?? NEVER)",
    to: "entry.expiresAt === KEEP ? NEVER",
    killedBy: ["core/state/swap", "model/"],
  },
  {
    name: "a swap of a whole key writes into what members have read",
    file: EXECUTOR,
    from: "path.length === 1 ? undefined : live, { ...entry",
    to: "live, { ...entry",
    killedBy: ["core/state/", "model/"],
  },
  {
    name: "the text of a swap may nest its values too deep",
    file: "src/core/log/entry-reader.ts",
    from: "type === PATCH || type === SWAP ?",
    to: "type === PATCH ?",
    killedBy: ["core/log/codec"],
  },
  {
    name: "an update is not repeated when another write came between",
    file: COORDINATION,
    from: "if (await this.#swap(update, seen, json)) return frozen(json);",
    to: "await this.#swap(update, seen, json); return frozen(json);",
    killedBy: unit,
  },
  {
    name: "updates of one path run at the same time",
    file: COORDINATION,
    from: "const result = before === undefined ?",
    to: "const result = before !== null ?",
    killedBy: unit,
  },
  {
    name: "a function decides to write nothing by what an own pending write has made",
    file: COORDINATION,
    from: "if (pending.keys?.has(key) === false) return true;",
    to: "if (pending.keys?.has(key) !== null) return true;",
    killedBy: unit,
  },
  {
    name: "an aborted update tries again",
    file: COORDINATION,
    from: "update.options.signal?.throwIfAborted();",
    to: "",
    killedBy: unit,
  },
  {
    name: "an update tries again after the storage was closed",
    file: COORDINATION,
    from: "update.expectOpen();",
    to: "",
    killedBy: unit,
  },
  {
    name: "take gives what was there when it was called",
    file: "src/core/replica/covers.ts",
    from: "(type === DELETE && !isTake)",
    to: "type === DELETE",
    killedBy: [...unit, "model/"],
  },
  {
    name: "take gives a value that has expired",
    file: EXECUTOR,
    from: "const isThere = slot !== undefined && !slot.isExpired(time) && presentAt",
    to: "const isThere = slot !== undefined && presentAt",
    killedBy: [...unit, "model/"],
  },
  {
    name: "a take that is read after a snapshot has lost its value",
    file: "src/core/replica/op.ts",
    from: "this.taken = result?.taken;",
    to: "this.taken = null;",
    killedBy: unit,
  },
];
