/** What each entry does to the slots, at the time of its batch. */
const ORIGINS = "src/core/state/origins.ts";
const TABLE = "src/core/state/table.ts";
const EXECUTOR = "src/core/state/executor.ts";
const EXPIRY = "src/core/state/expiry.ts";
const SLOTS = "src/core/state/slots.ts";
const SLOT = "src/core/state/slot.ts";
const DEADLINES = "src/core/state/deadlines.ts";
const state = ["core/state/", "model/"];

export const stateMutants = [
  {
    name: "a batch is applied twice",
    file: ORIGINS,
    from: "number <= last.number",
    to: "number < last.number",
    killedBy: state,
  },
  {
    name: "a later batch of an unknown origin is applied",
    file: ORIGINS,
    from: "if (number !== 1 || time - born > ORIGIN_RETENTION_MS) return FORGOTTEN;",
    to: "if (time - born > ORIGIN_RETENTION_MS) return FORGOTTEN;",
    killedBy: state,
  },
  {
    name: "the first batch of an origin is applied however old it is",
    file: ORIGINS,
    from: "if (number !== 1 || time - born > ORIGIN_RETENTION_MS) return FORGOTTEN;",
    to: "if (number !== 1) return FORGOTTEN;",
    killedBy: state,
  },
  {
    name: "an origin is forgotten a millisecond early",
    file: ORIGINS,
    from: "return time - last.time <= ORIGIN_RETENTION_MS;",
    to: "return time - last.time < ORIGIN_RETENTION_MS;",
    killedBy: state,
  },
  {
    name: "origins are forgotten when there are many",
    file: ORIGINS,
    from: "if (!isRemembered(last, time)) this.#last.delete(origin);",
    to: "if (last.time <= time) this.#last.delete(origin);",
    killedBy: state,
  },
  {
    name: "a snapshot lists origins that are forgotten",
    file: ORIGINS,
    from: "filter(([, last]) => isRemembered(last, time));",
    to: "filter(([, last]) => last.time <= time);",
    killedBy: state,
  },
  {
    name: "a restored expiry is not due",
    file: TABLE,
    from: "      slots.settle(key, next, slot.next);\n",
    to: "",
    killedBy: state,
  },
  {
    name: "what is expired is decided by the member's own clock",
    file: EXECUTOR,
    from: "const live = slot?.isExpired(time) ? undefined : slot;",
    to: "const live = slot?.isExpired(Date.now()) ? undefined : slot;",
    killedBy: state,
  },
  {
    name: "a condition finds what is expired",
    file: EXECUTOR,
    from: "live !== undefined && presentAt(live, entry.path, time)",
    to: "slot !== undefined && presentAt(slot, entry.path, time)",
    killedBy: state,
  },
  {
    name: "a slot with pending changes is overwritten in place",
    file: EXECUTOR,
    from: "if (slot === undefined || isUndoable) {",
    to: "if (slot === undefined) {",
    killedBy: state,
  },
  {
    name: "a delete of what is expired takes effect",
    file: EXECUTOR,
    from: "return slot.isExpired(this.#time) ? UNMET : APPLIED;",
    to: "return APPLIED;",
    killedBy: ["replica/log-"],
  },
  {
    name: "a sum may be infinite",
    file: EXECUTOR,
    from: "    if (!Number.isFinite(sum)) return NOT_A_NUMBER;\n",
    to: "",
    killedBy: state,
  },
  {
    name: "an entry of a slot with expiries counts as timeless",
    file: EXECUTOR,
    from: "this.#outcome.validUntil = next > this.#time ? next : -Infinity;",
    to: "this.#outcome.validUntil = next > this.#time ? Infinity : -Infinity;",
    killedBy: [...state, "replica.test", "replica/log-"],
  },
  {
    name: "an entry that found something expired holds for earlier times",
    file: EXECUTOR,
    from: "this.#outcome.validUntil = next > this.#time ? next : -Infinity;",
    to: "this.#outcome.validUntil = next;",
    killedBy: [...state, "replica.test", "replica/log-"],
  },
  {
    name: "a value lives a millisecond too long",
    file: EXPIRY,
    from: "return this.at !== NEVER && this.at <= time;",
    to: "return this.at !== NEVER && this.at < time;",
    killedBy: state,
  },
  {
    name: "a container shows what has expired meanwhile",
    file: EXPIRY,
    from: "known.from <= now && now < known.until",
    to: "known.from <= now",
    killedBy: state,
  },
  {
    name: "a container shows what it was before a write",
    file: EXPIRY,
    from: "known !== null && known.base === base &&",
    to: "known !== null &&",
    killedBy: state,
  },
  {
    name: "an expiry is sooner than the sweep knows",
    file: EXPIRY,
    from: "if (child !== null && child.next < this.next) this.next = child.next;",
    to: "if (child !== null && child.next < this.next) this.next = this.at === NEVER ? child.next : this.next;",
    killedBy: state,
  },
  {
    name: "many children are not kept by their deadlines",
    file: EXPIRY,
    from: "if (this.#due !== null) this.#due.move(key, before, child === null ? Infinity : child.next);",
    to: "",
    killedBy: state,
  },
  {
    name: "a sweep takes what has pending changes",
    file: SLOTS,
    from: "if (!isBusy(key)) keys.push(key);",
    to: "keys.push(key);",
    killedBy: [...state, "replica.test", "replica/log-"],
  },
  {
    name: "a sweep leaves the value of what it drops below a key",
    file: SLOTS,
    from: "for (let index = first; index < paths.length; index++) remove(slot, paths[index] as Path);",
    to: "",
    killedBy: state,
  },
  {
    name: "a frozen value is given out after it has expired",
    file: SLOT,
    from: "return this.expiries === null || now() < this.expiries.next ? this.#value : undefined;",
    to: "return this.#value;",
    killedBy: [...state, "replica.test", "replica/log-"],
  },
  {
    name: "deadlines come in no order",
    file: DEADLINES,
    from: "      if ((heap[parent] as number) <= second) break;\n",
    to: "      if ((heap[parent] as number) !== second) break;\n",
    killedBy: state,
  },
  {
    name: "the smaller of two deadlines does not come first",
    file: DEADLINES,
    from: "(heap[child + 1] as number) < (heap[child] as number)",
    to: "(heap[child + 1] as number) > (heap[child] as number)",
    killedBy: state,
  },
  {
    name: "a snapshot that has a slot twice is taken",
    file: TABLE,
    from: "if (!slots.add(key, slotOf(entry)))",
    to: "if (!slots.add(key, slotOf(entry)) && key === undefined)",
    killedBy: state,
  },
  {
    name: "a restored slot is not due",
    file: SLOTS,
    from: "    this.#due.add(key, slot.next);\n",
    to: "",
    killedBy: state,
  },
];
