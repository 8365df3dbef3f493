/** Sessions by user: the index, what is void, what does not come back, and the limit. */
const INDEX = "src/session-store/session-index.ts";
const REVOCATIONS = "src/session-store/revocations.ts";
const USERS = "src/session-store/session-users.ts";
const OF_USER = "src/session-store/user-sessions.ts";
const LIMIT = "src/session-store/session-limit.ts";
const byUser = ["session-store/by-user", "session-store/session-index"];
const revocations = ["session-store/revocations"];

export const userMutants = [
  {
    name: "the index does not follow what others change",
    file: INDEX,
    from: "    this.#changed.add(key);\n    if (this.#changed.size > FEW",
    to: "    if (this.#changed.size > FEW",
    killedBy: byUser,
  },
  {
    name: "the index takes what is pending for confirmed",
    file: INDEX,
    from: "if (pending === null || pending.has(key)) {",
    to: "if (pending === null) {",
    killedBy: byUser,
  },
  {
    name: "the index has nothing of what this process has just written",
    file: INDEX,
    from: "return [...keys, ...this.#changed];",
    to: "return keys.filter((key) => this.#changed.has(key));",
    killedBy: byUser,
  },
  {
    name: "the index survives a clear",
    file: INDEX,
    from: 'if (type === "clear") keys.#forgetKeys();',
    to: 'if (type !== "clear" && path.length === 0) keys.#forgetKeys();',
    killedBy: byUser,
  },
  {
    name: "the index is built in one go",
    file: INDEX,
    from: "        if (!slices.isOver) continue;\n",
    to: "        if (slices !== null) continue;\n",
    killedBy: byUser,
  },
  {
    name: "a number and its text are two users",
    file: USERS,
    from: "const text = isId ? String(id) : ",
    to: "const text = isId ? typeof id + String(id) : ",
    killedBy: byUser,
  },
  {
    name: "what a function throws reaches the caller",
    file: USERS,
    from: "      this.#report(sid, error);\n      return null;",
    to: "      this.#report(sid, error);\n      throw error;",
    killedBy: byUser,
  },
  {
    name: "destroyByUser removes what is excepted",
    file: OF_USER,
    from: ".filter((key) => !kept.has(key))",
    to: ".filter((key) => kept !== null || key)",
    killedBy: byUser,
  },
  {
    name: "an except that names no id excepts nothing",
    file: OF_USER,
    from: 'if (!("except" in options)) return [];',
    to: 'if (!("except" in options) || !options.except) return [];',
    killedBy: byUser,
  },
  {
    name: "a function that does not work is reported by a warning for each session",
    file: USERS,
    from: "    if (this.#hasWarned) return;\n",
    to: "",
    killedBy: byUser,
  },
  {
    name: "a void session counts until it is removed",
    file: REVOCATIONS,
    from: 'return user !== null && isBefore(sinceOf(stored), this.#recordOf("@revoked", user));',
    to: "return user === null && sinceOf(stored) < 0;",
    killedBy: revocations,
  },
  {
    name: "a session that comes after a revocation is void",
    file: REVOCATIONS,
    from: "record !== null && since < record.at",
    to: "record !== null && since !== record.at",
    killedBy: revocations,
  },
  {
    name: "a session that had expired comes back although those of its user were destroyed",
    file: REVOCATIONS,
    from: "const isEnded = isBefore(since, ended) && ",
    to: "const isEnded = ended === undefined && ",
    killedBy: revocations,
  },
  {
    name: "a session that was excepted does not come back",
    file: REVOCATIONS,
    from: " && !ended?.except?.includes(sid)",
    to: "",
    killedBy: revocations,
  },
  {
    name: "a session that had expired comes back although its user was revoked",
    file: REVOCATIONS,
    from: 'return isEnded || isBefore(since, this.#recordOf("@revoked", user));',
    to: "return isEnded;",
    killedBy: revocations,
  },
  {
    name: "a revocation is forgotten while void sessions are there",
    file: REVOCATIONS,
    from: "{ name }, undefined, AT);",
    to: "{ name }, KNOWN_MS, AT);",
    killedBy: revocations,
  },
  {
    name: "a login in a session that was there before a revocation does not count",
    file: USERS,
    from: "return this.#index !== null && this.of(sid, before) !== this.of(sid, after);",
    to: "return this.#index !== null && before === after && sid === null;",
    killedBy: revocations,
  },
  {
    name: "of too many sessions, those of users go like those of nobody",
    file: LIMIT,
    from: "(user === null ? 0 : USER_MS)",
    to: "(user === null ? 0 : 0)",
    killedBy: ["session-store/max-sessions"],
  },
  {
    name: "of too many sessions, those go that end last",
    file: LIMIT,
    from: "filter(([, ms]) => ms <= last)",
    to: "filter(([, ms]) => ms >= last)",
    killedBy: ["session-store/max-sessions"],
  },
  {
    name: "what is peeked at is kept",
    file: "src/core/state/table.ts",
    from: "return text !== undefined && isWhole ? readJson(text) : this.getKey(key, now);",
    to: "return this.getKey(key, now);",
    killedBy: ["state/slots"],
  },
];
