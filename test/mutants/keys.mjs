/** The maps of many keys. */
const KEY_MAP = "src/core/state/key-map.ts";
const KEY_TABLE = "src/core/state/key-table.ts";
const state = ["state/", "model/"];

export const keysMutants = [
  {
    name: "keys are lost when they are divided among parts",
    file: KEY_MAP,
    from: "for (const [key, value] of this.#first) this.set(key, value);",
    to: "",
    killedBy: state,
  },
  {
    name: "a key that is there is added",
    file: KEY_MAP,
    from: "      if (this.#first.has(key)) return false;\n",
    to: "",
    killedBy: state,
  },
  {
    name: "only the ends of keys choose their part",
    file: KEY_MAP,
    from: "return hashOn(key, 0, length, FNV_START);",
    to: "return hashOn(key, 0, 0, FNV_START);",
    killedBy: state,
  },
  {
    name: "the hash of the empty key is not that of a table",
    file: KEY_MAP,
    from: "0x811c9dc5 | 0",
    to: "0x811c9dc5",
    killedBy: state,
  },
  {
    name: "a key that is put again counts twice",
    file: KEY_MAP,
    from: "if (this.#partOf(hash).set(key, hash, value)) this.#partSize++;",
    to: "this.#partOf(hash).set(key, hash, value);\n    this.#partSize++;",
    killedBy: state,
  },
  {
    name: "a key that is not there is subtracted when it is deleted",
    file: KEY_MAP,
    from: "if (this.#partOf(hash).delete(key, hash)) this.#partSize--;",
    to: "this.#partOf(hash).delete(key, hash);\n    this.#partSize--;",
    killedBy: state,
  },
  {
    name: "a key in the crowd is not found",
    file: KEY_TABLE,
    from: "return this.#crowd.size === 0 ? undefined : this.#crowd.get(key);",
    to: "return undefined;",
    killedBy: state,
  },
  {
    name: "a key in the crowd is put into a place that has become free",
    file: KEY_TABLE,
    from: "if (this.#crowd.size > 0 && this.#crowd.has(key)) {",
    to: "if (this.#crowd.size > 0 && place === NOWHERE && this.#crowd.has(key)) {",
    killedBy: state,
  },
  {
    name: "a key in the crowd that is added gets another value",
    file: KEY_TABLE,
    from: "if (replaces) this.#crowd.set(key, value);",
    to: "this.#crowd.set(key, value);",
    killedBy: state,
  },
  {
    name: "a key of the right hash is taken for another one",
    file: KEY_TABLE,
    from: "if (this.#entries[end - 2] === key) return place;",
    to: "return place;",
    killedBy: state,
  },
  {
    name: "a gap between a key and its home stays",
    file: KEY_TABLE,
    from: "& mask) < ((next - free) & mask);",
    to: "& mask) <= ((next - free) & mask);",
    killedBy: state,
  },
  {
    name: "a key moves before its home",
    file: KEY_TABLE,
    from: "      if (isHomeBehind) continue;\n",
    to: "",
    killedBy: state,
  },
  {
    name: "what has no place when a table is made anew is dropped",
    file: KEY_TABLE,
    from: "        this.#crowd.set(key, value);\n        this.#count--;",
    to: "        this.#count--;",
    killedBy: state,
  },
  {
    name: "what has no place when a table is made anew counts twice",
    file: KEY_TABLE,
    from: "        this.#crowd.set(key, value);\n        this.#count--;",
    to: "        this.#crowd.set(key, value);",
    killedBy: state,
  },
  {
    name: "what was moved when a table is made anew is there twice",
    file: KEY_TABLE,
    from: "    entries.length = end;\n",
    to: "",
    killedBy: state,
  },
  {
    name: "what was removed stays in the table",
    file: KEY_TABLE,
    from: "    if (this.#entries.length > Math.max(4 * this.#count, 2 * LEAST_PLACES)) this.#rebuild();\n",
    to: "",
    killedBy: state,
  },
];
