/** Sessions: what requests have loaded, what they write, and what must not come back. */
const SESSIONS = "src/session-store/sessions.ts";
const PATCHES = "src/session-store/session-patches.ts";
const PAYLOAD = "src/session-store/payload.ts";
const REQUEST_CONTEXT = "src/session-store/request-context.ts";
const MARK = "src/session-store/session-mark.ts";
const ASSIGNED = "src/session-store/assigned-fields.ts";
const ACCESS = "src/session-store/session-access.ts";
const REVIVAL = "src/session-store/revival.ts";
const DESTROYED = "src/session-store/destroyed-sessions.ts";
const revival = ["session-store/revival", "session-store/expired-in-use"];

const session = [
  "session-store/values",
  "session-store/late-writes",
  "session-store/payload",
  "session-store/request-context",
];

export const sessionMutants = [
  {
    name: "a plain session of another realm is one of a framework",
    file: REQUEST_CONTEXT,
    from: "Object.getPrototypeOf(prototype) === null;",
    to: "prototype === Object.prototype;",
    killedBy: ["session-store/request-context"],
  },
  {
    name: "a request writes the fields that it left alone",
    file: PAYLOAD,
    from: "    if (!isKnown) changes[field] = after[field];\n",
    to: "    if (!isKnown || isKnown) changes[field] = after[field];\n",
    killedBy: session,
  },
  {
    name: "a field that a request removed stays",
    file: PAYLOAD,
    from: "if (!Object.hasOwn(after, field) && !MARKS.includes(field)) changes[field] = undefined;",
    to: "if (!Object.hasOwn(after, field) && MARKS.includes(field)) changes[field] = undefined;",
    killedBy: session,
  },
  {
    name: "a cookie whose originalMaxAge varies by some ms counts as changed",
    file: PAYLOAD,
    from: "Math.abs(age - next) <= Math.max(least, Math.min(most, age * part));",
    to: "Math.abs(age - next) < 0;",
    killedBy: ["session-store/payload", "session-store/touch-after"],
  },
  {
    name: "a late write gets into the session that took the place of its own",
    file: PATCHES,
    from: "birth === undefined ? match : { ...match, [BIRTH]: birth };",
    to: "match;",
    killedBy: ["session-store/race-logout"],
  },
  {
    name: "every request writes the expiry",
    file: PATCHES,
    from: "Math.min(this.#options.touchAfter, lifetime / 10);",
    to: "0;",
    killedBy: ["session-store/touch-after"],
  },
  {
    name: "the expiry may lag by more than a tenth of the lifetime",
    file: PATCHES,
    from: "Math.min(this.#options.touchAfter, lifetime / 10);",
    to: "this.#options.touchAfter;",
    killedBy: ["session-store/touch-after", "session-store/expiry"],
  },
  {
    name: "a request that only prolongs a session undoes another one's cookie",
    file: PATCHES,
    from: "isProlonged = this.#patch(loaded, { cookie }, lifetime, outlived);",
    to: "isProlonged = this.#patch(loaded, { cookie }, lifetime);",
    killedBy: ["session-store/touch-after"],
  },
  {
    name: "a request whose cookie has expired ends the session that took the place of its own",
    file: SESSIONS,
    from: "if (stored !== null && stored[BIRTH] === loaded.birth) return",
    to: "if (stored !== null) return",
    killedBy: [...session, "session-store/expiry"],
  },
  {
    name: "what a request loaded is taken for that of another session",
    file: REQUEST_CONTEXT,
    from: "    if (loaded?.sid === sid) return loaded;\n",
    to: "    if (loaded !== undefined) return loaded;\n",
    killedBy: ["session-store/request-context", ...session],
  },
  {
    name: "what a request has loaded is found by the context before its mark",
    file: REQUEST_CONTEXT,
    from: "if (own.length > 0) return",
    to: "if (own.length > 0 && entry === undefined) return",
    killedBy: ["session-store/request-context", "session-store/contexts"],
  },
  {
    name: "the mark of a session counts for another one",
    file: REQUEST_CONTEXT,
    from: "marks.filter((mark) => mark.loaded.sid === sid)",
    to: "marks.filter(() => true)",
    killedBy: ["session-store/request-context", "session-store/contexts"],
  },
  {
    name: "a session with the id of the one that was destroyed just now is taken for that",
    file: REQUEST_CONTEXT,
    from: "    if (this.#parted === sid) return undefined;\n",
    to: "",
    killedBy: ["session-store/request-context", "session-store/lifecycle"],
  },
  {
    name: "a new session of a framework that carries marks is taken for one that the context knows",
    file: REQUEST_CONTEXT,
    from: "    if (this.#marking.has(prototype)) return undefined;\n",
    to: "",
    killedBy: ["session-store/request-context"],
  },
  {
    name: "a session object of which nothing is known brings a session back",
    file: REQUEST_CONTEXT,
    from: "return given && unknownStateOf(given);",
    to: "return undefined;",
    killedBy: ["session-store/request-context"],
  },
  {
    name: "one of several marks is believed",
    file: REQUEST_CONTEXT,
    from: "return isOwn && marks.length === 1 ?",
    to: "return isOwn ?",
    killedBy: ["session-store/request-context"],
  },
  {
    name: "a mark counts in every object that shows it",
    file: MARK,
    from: "return this.#holder.deref() === session;",
    to: "return true;",
    killedBy: ["session-store/request-context"],
  },
  {
    name: "a mark stays in what the application reads",
    file: MARK,
    from: "    delete carrier[MARK];\n",
    to: "",
    killedBy: ["session-store/request-context"],
  },
  {
    name: "the assignment of the value that a field had is no write",
    file: ASSIGNED,
    from: "if (!isObject(value) || value !== values.get(field)) assigned.add(field);",
    to: "if (value !== values.get(field)) assigned.add(field);",
    killedBy: ["session-store/assigned-fields", "session-store/merge"],
  },
  {
    name: "what was assigned once is written by each later write",
    file: ASSIGNED,
    from: "  assigned.clear();\n",
    to: "",
    killedBy: ["session-store/assigned-fields", "session-store/merge"],
  },
  {
    name: "a touch forgets what was assigned",
    file: ACCESS,
    from: "    if (loaded !== null) await this.#finish(",
    to: "    noteAssignments(session);\n    if (loaded !== null) await this.#finish(",
    killedBy: ["session-store/merge"],
  },
  {
    name: "a field of a group is written without the others",
    file: SESSIONS,
    from: "for (const field of group) changes[field] =",
    to: "for (const field of group) if (Object.hasOwn(changes, field)) changes[field] =",
    killedBy: ["session-store/merge"],
  },
  {
    name: "a whole session leaves the fields that were loose",
    file: PAYLOAD,
    from: "  return { ...fields, ...besides(stored) };",
    to: "  return { ...stored, ...fields, ...besides(stored) };",
    killedBy: ["session-store/payload", "session-store/merge"],
  },
  {
    name: "a session whose fields were one is changed without being unpacked",
    file: PATCHES,
    from: "    if (raw[WHOLE] === undefined) return",
    to: "    if (raw[WHOLE] !== null) return",
    killedBy: ["session-store/merge"],
  },
  {
    name: "an expired session comes back although it was destroyed",
    file: REVIVAL,
    from: "    if (!this.#isLost(loaded, revived))\n      return",
    to: "    if (loaded.sid !== null)\n      return",
    killedBy: revival,
  },
  {
    name: "what was added again is taken for what was added first",
    file: REVIVAL,
    from: "const mark = REVIVING + birth + REVIVING + randomUUID();",
    to: "const mark = REVIVING + birth + REVIVING;",
    killedBy: revival,
  },
  {
    name: "an expired session comes back in one step",
    file: REVIVAL,
    from: "{ ...session, [BIRTH]: mark }",
    to: "{ ...session, [BIRTH]: birth }",
    killedBy: revival,
  },
  {
    name: "revivals of one session in one process do not wait for each other",
    file: REVIVAL,
    from: "before.catch(() => false).then(() => this.#revive(loaded, revived));",
    to: "this.#revive(loaded, revived);",
    killedBy: revival,
  },
  {
    name: "a session that was removed from the storage counts as expired",
    file: REVIVAL,
    from: "if (elapsedTime() >= vitals.endsAt - CLOCK_MARGIN_MS) return true;",
    to: "if (elapsedTime() >= 0) return true;",
    killedBy: revival,
  },
  {
    name: "a session that was given a shorter life counts as removed once it is dropped",
    file: REVIVAL,
    from: " || this.#expired.has(key);",
    to: ";",
    killedBy: ["session-store/expired-keys"],
  },
  {
    name: "what clear has removed comes back",
    file: DESTROYED,
    from: "(ofAll !== null && ofAll !== known.ofAll)",
    to: "false",
    killedBy: revival,
  },
  {
    name: "a session is lost for an older destruction of its id",
    file: DESTROYED,
    from: "(ofId !== null && ofId !== known.ofId)",
    to: "ofId !== null",
    killedBy: revival,
  },
  {
    name: "a session that expires before its write has a place in the log is lost",
    file: SESSIONS,
    from: "return stored === null ? this.#bringBack(loaded, change) : this.#update(loaded, change);",
    to: "return this.#update(loaded, { ...change, lifetime: stored === null ? null : lifetime });",
    killedBy: revival,
  },
  {
    name: "a request that has run longer than its cookie lives ends what others have prolonged",
    file: SESSIONS,
    from: "if (!hasRunOut(loaded.cookie, cookie, loaded.vitals.readAt)) return",
    to: "if (loaded.vitals.readAt > 0) return",
    killedBy: revival,
  },
];
