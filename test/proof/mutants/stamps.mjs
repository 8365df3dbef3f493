/** Stamps: the place in the log that a value gets, on all members and in all files alike. */
const HEAD = "src/core/log/entry-head.ts";
const STAMPS = "src/core/log/stamps.ts";
const TABLE = "src/core/state/table.ts";
const OP = "src/core/replica/op.ts";
const KEY = "src/core/replica/pending-key.ts";
const log = ["core/log/codec"];

export const stampMutants = [
  {
    name: "an entry of a snapshot has a stamp",
    file: HEAD,
    from: "const hasStamp = isBatch && ",
    to: "const hasStamp = ",
    killedBy: log,
  },
  {
    name: "an entry that comes too late in its batch has a stamp",
    file: HEAD,
    from: " && index < MAX_STAMPED_COUNT",
    to: " && index >= 0",
    killedBy: log,
  },
  {
    name: "a stamp is the seq alone",
    file: STAMPS,
    from: "return seq * MAX_STAMPED_COUNT + index;",
    to: "return seq * MAX_STAMPED_COUNT + 0 * index;",
    killedBy: ["core/log/stamps", "model/"],
  },
  {
    name: "a compaction forgets stamps",
    file: TABLE,
    from: "of atPlace(batch.entries, batch.seq)",
    to: "of batch.entries",
    killedBy: ["core/replica/stamps", "model/"],
  },
  {
    name: "a confirmed write keeps the stamp that it had while it was pending",
    file: KEY,
    from: "if (op.isHidden || op.hasStamp || time",
    to: "if (op.isHidden || time",
    killedBy: ["core/replica/stamps", "model/"],
  },
  {
    name: "a write that is found in a restored state keeps the stamp that it had while it was pending",
    file: OP,
    from: "table.execute(op.placed(table.seq), time, false, result);",
    to: "table.execute(op.entry, time, false, result);",
    killedBy: ["model/"],
  },
  {
    name: "pending writes of one member have one stamp",
    file: "src/core/replica/writer.ts",
    from: "if (hasStamp) this.#stampCount++;",
    to: "",
    killedBy: ["core/replica/stamps", "model/"],
  },
  {
    name: "batch(fn) begins in a batch that leaves no room for its stamps",
    file: "src/core/replica/outbox.ts",
    from: " || batch.ops.length > maxCount",
    to: "",
    killedBy: ["core/replica/stamps"],
  },
  {
    name: "members show no stamps of what others write",
    file: "src/core/replica/log-applier.ts",
    from: "atPlace(decodeEntries(frame, start, end), seq);",
    to: "atPlace(decodeEntries(frame, start, end), 0);",
    killedBy: ["core/replica/stamps", "model/"],
  },
];
