/** Views of the confirmed state, which are read while it goes on. */
const QUEUE = "src/core/replica/pending-queue.ts";
const VIEW = "src/core/state/open-view.ts";
const views = ["state/open-view", "model/"];

export const viewMutants = [
  {
    name: "a view has pending entries",
    file: QUEUE,
    from: "      if (known !== undefined && this.#below === null) this.#lift(table, known);\n",
    to: "",
    killedBy: views,
  },
  {
    name: "a view has what other members write after it was taken",
    file: QUEUE,
    from: "    if (!this.#views.isEmpty) this.#keepForViews(table, entry);\n",
    to: "",
    killedBy: views,
  },
  {
    name: "a view has what is confirmed after it was taken",
    file: QUEUE,
    from: "      if (!this.#views.isEmpty) this.#keepForViews(table, op.entry);\n",
    to: "",
    killedBy: views,
  },
  {
    name: "a view does not survive that the state is replaced",
    file: QUEUE,
    from: "    if (!this.#views.isEmpty) this.#detachViews(from);\n",
    to: "",
    killedBy: views,
  },
  {
    name: "what a view has still to give is swept",
    file: QUEUE,
    from: " || this.#views.isAhead(key)",
    to: "",
    killedBy: views,
  },
  {
    name: "a view has not what a pending delete hides",
    file: VIEW,
    from: "this.#isDetached ? [] : this.#pending.keys()",
    to: "[] as string[]",
    killedBy: views,
  },
  {
    name: "a view gives a key that has changed twice",
    file: VIEW,
    from: "    if (!this.#rest.delete(key)) this.#copied.set(key, true);\n",
    to: "    this.#copied.set(key, true);\n",
    killedBy: views,
  },
  {
    name: "a view gives keys that came after it was taken",
    file: VIEW,
    from: "of this.#slots.parts[part] ?? []) if (!this.#copied.has(key)) keys.add(key);",
    to: "of this.#slots.parts[part] ?? []) keys.add(key);",
    killedBy: views,
  },
  {
    name: "keys move between parts while a view gives them",
    file: VIEW,
    from: "    slots.settleParts();\n",
    to: "",
    killedBy: views,
  },
  {
    name: "a view of few keys loses those that are divided later",
    file: VIEW,
    from: "return this.#isSingle ? 0 : this.#slots.partOf(key);",
    to: "return this.#slots.partOf(key);",
    killedBy: views,
  },
  {
    name: "a text keeps the deadline of the slot that it replaces",
    file: "src/core/state/slots.ts",
    from: "    held.reset(json, null);\n    this.#due.move(key, next, Infinity);\n",
    to: "    held.reset(json, null);\n",
    killedBy: ["state/slots"],
  },
  {
    name: "to list or to test a key makes it a slot",
    file: "src/core/state/table.ts",
    from: "const held = this.#executor.slots.held(key);\n    return held !== undefined && isLive",
    to: "const held = this.#executor.slots.get(key);\n    return held !== undefined && isLive",
    killedBy: ["state/slots"],
  },
];
