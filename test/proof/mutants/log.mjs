/** Bytes: entries and frames. */
const CODEC = "src/core/log/codec.ts";
const ENTRY_READER = "src/core/log/entry-reader.ts";
const FRAME = "src/core/log/frame.ts";
const DEPTH = "src/core/log/depth.ts";
const HEAD = "src/core/log/entry-head.ts";
const STEP_KINDS = "src/core/log/step-kinds.ts";
const SNAPSHOT_FRAMES = "src/core/log/snapshot-frames.ts";
const log = ["core/log/", "hub/hub.test", "hub/strangers", "hub/host", "wire/frame-connection"];

export const logMutants = [
  {
    name: "an entry may be longer than its frame",
    file: ENTRY_READER,
    from: "if (bytes > this.#end - from) {",
    to: "if (bytes < 0) {",
    killedBy: log,
  },
  {
    name: "bytes may be left after the entries of a frame",
    file: ENTRY_READER,
    from: "if (this.#at !== this.#end) {",
    to: "if (this.#at > this.#end) {",
    killedBy: log,
  },
  {
    name: "a value that comes from a socket may be nested too deep",
    file: ENTRY_READER,
    from: "if (depth > MAX_DEPTH) throw",
    to: "if (depth > MAX_DEPTH * 2) throw",
    killedBy: log,
  },
  {
    name: "the keys of a path do not count as levels of nesting",
    file: ENTRY_READER,
    from: "this.#skipJson(type === PATCH || type === SWAP ? count - 1 - TEXT_LEVELS : count - 1);",
    to: "this.#skipJson(0);",
    killedBy: log,
  },
  {
    name: "unknown bits are taken",
    file: ENTRY_READER,
    from: "if (((this.#types >> type) & 1) === 0 || (head & ~knownBits) !== 0)",
    to: "if (((this.#types >> type) & 1) === 0)",
    killedBy: log,
  },
  {
    name: "an entry other than a set has a condition",
    file: HEAD,
    from: "KNOWN_BITS | (type === SET ? CONDITION_MASK : 0)",
    to: "KNOWN_BITS | CONDITION_MASK",
    killedBy: log,
  },
  {
    name: "the others are not told that the steps of a path are keys",
    file: STEP_KINDS,
    from: "kinds === AS_KEYS ? stepCount | AS_KEYS_FLAG : stepCount",
    to: "stepCount",
    killedBy: [...log, "model/", "conformance"],
  },
  {
    name: "an entry that makes nothing says what its steps are",
    file: ENTRY_READER,
    from: "if (kinds === null || ((MAKING_TYPES >> type) & 1) === 0)",
    to: "if (kinds === null)",
    killedBy: log,
  },
  {
    name: "there are kinds of more steps than a path has",
    file: STEP_KINDS,
    from: "return isAsKeys || hasUnknownBits ? null",
    to: "return isAsKeys ? null",
    killedBy: log,
  },
  {
    name: "a snapshot may lack the last of its frames of origins when it has no entries",
    file: SNAPSHOT_FRAMES,
    from: "    if (counted !== read) throw",
    to: "    if (frameCount < 0) throw",
    killedBy: ["disk/snapshot", "log/snapshot-frames"],
  },
  {
    name: "origins may come after entries",
    file: SNAPSHOT_FRAMES,
    from: "(kind !== ORIGINS || this.#hasState)",
    to: "kind !== ORIGINS",
    killedBy: ["disk/snapshot", "log/snapshot-frames"],
  },
  {
    name: "a frame of origins may end within one",
    file: SNAPSHOT_FRAMES,
    from: "if (Number.isInteger(count) && count > 0) return count;",
    to: "return Math.ceil(count);",
    killedBy: ["log/snapshot-frames"],
  },
  {
    name: "numbers may be infinite",
    file: ENTRY_READER,
    from: "if (!Number.isFinite(value)) throw",
    to: "if (Number.isNaN(value)) throw",
    killedBy: log,
  },
  {
    name: "a value may have no text",
    file: ENTRY_READER,
    from: "    if (bytes === 0) throw new MalformedError",
    to: "    if (bytes < 0) throw new MalformedError",
    killedBy: log,
  },
  {
    name: "a path may have no keys",
    file: ENTRY_READER,
    from: "if ((count === 0) !== (type === CLEAR) || count > MAX_DEPTH) {",
    to: "if (count > MAX_DEPTH) {",
    killedBy: log,
  },
  {
    name: "keys with a lone surrogate lose it",
    file: CODEC,
    from: "const isUtf8 = key.isWellFormed();",
    to: "const isUtf8 = key.length > 0;",
    killedBy: log,
  },
  {
    name: "a key of 128 or more counts as ASCII",
    file: CODEC,
    from: "if (unit > 127) break;",
    to: "if (unit > 255) break;",
    killedBy: log,
  },
  {
    name: "a hub stamps corrupt frames",
    file: FRAME,
    from: "body) !== crcOf(buffer, start)) return false;",
    to: "body) === undefined) return false;",
    killedBy: log,
  },
  {
    name: "the checksum leaves the body out",
    file: FRAME,
    from: "return end === start + HEADER_BYTES ? 0 : crc32(buffer.subarray(start + HEADER_BYTES, end));",
    to: "return end > start ? 0 : 1;",
    killedBy: log,
  },
  {
    name: "a frame of any length is waited for",
    file: FRAME,
    from: "if (isFrameLength(length, this.maxBytes)) return length;",
    to: "if (length >= HEADER_BYTES) return length;",
    killedBy: log,
  },
  {
    name: "what is left of a chunk is dropped",
    file: FRAME,
    from: "    if (at < buffer.length) {\n",
    to: "    if (at < buffer.length - 4) {\n",
    killedBy: log,
  },
  {
    name: "an escaped quote ends a string",
    file: DEPTH,
    from: "    if (byte === BACKSLASH) index++;\n",
    to: "",
    killedBy: log,
  },
  {
    name: "containers side by side count as nested",
    file: DEPTH,
    from: "depth--;",
    to: "depth += 0;",
    killedBy: log,
  },
];
