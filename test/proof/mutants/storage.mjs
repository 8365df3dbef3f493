/** What a user meets: options, values, storages that share a replica. */
const OPTIONS = "src/core/options.ts";
const FACTS = "src/core/facts.ts";
const ERRORS = "src/core/errors.ts";
const VALUE = "src/core/replica/value.ts";
const PATCH_TEXT = "src/core/replica/patch-text.ts";
const OPENED = "src/core/shared-storage.ts";
const LISTENERS = "src/core/listeners.ts";
const RUNTIME = "src/core/runtime.ts";
const SERVER_SCOPE = "src/express/server-scope.ts";
const READ_BARRIER = "src/session-store/read-barrier.ts";
const value = ["replica.test", "replica/log-", "storage.test", "conformance"];
export const storageMutants = [
  {
    name: "each build of the package has storages of its own",
    file: FACTS,
    from: "Symbol.for(`cluster-storage/",
    to: "Symbol(`cluster-storage/",
    killedBy: ["api/builds"],
  },
  {
    name: "errors of another build are none",
    file: ERRORS,
    from: "if (this !== StorageError) return",
    to: "if (this !== null) return",
    killedBy: ["api/builds"],
  },
  {
    name: "errors of another realm are none",
    file: ERRORS,
    from: 'value instanceof Error || Object.prototype.toString.call(value) === "[object Error]"',
    to: "value instanceof Error",
    killedBy: ["core/realms"],
  },
  {
    name: "numbers have no upper limit",
    file: OPTIONS,
    from: "value >= least && value <= most",
    to: "value >= least",
    killedBy: ["options.test"],
  },
  {
    name: "unknown options are ignored",
    file: OPTIONS,
    from: "if (names.includes(key)) continue;",
    to: "continue;",
    killedBy: ["options.test"],
  },
  {
    name: "a name may have 65 characters",
    file: OPTIONS,
    from: "{0,63}$/",
    to: "{0,64}$/",
    killedBy: ["options.test"],
  },
  {
    name: "a value lives a millisecond longer than its ttl",
    file: "src/core/log/entry.ts",
    from: "Math.max(1, Math.ceil(ms) - 1)",
    to: "Math.max(1, Math.ceil(ms) + 1)",
    killedBy: value,
  },
  {
    name: "a ttl of less than a millisecond never expires",
    file: "src/core/log/entry.ts",
    from: "Math.max(1, Math.ceil(ms) - 1)",
    to: "Math.floor(ms) - 1",
    killedBy: value,
  },
  {
    name: "the path of a value does not count as nesting",
    file: VALUE,
    from: "const maxDepth = MAX_DEPTH - (pathLength - 1);",
    to: "const maxDepth = MAX_DEPTH;",
    killedBy: value,
  },
  {
    name: "the limit of a value counts characters",
    file: VALUE,
    from: "if (json.length * 3 <= maxBytes) return;",
    to: "if (json.length <= maxBytes) return;",
    killedBy: value,
  },
  {
    name: "a patch may name __proto__",
    file: PATCH_TEXT,
    from: 'if (fields.some(([field]) => field === "__proto__")) {',
    to: 'if (fields.some(([field]) => field === "prototype")) {',
    killedBy: value,
  },
  {
    name: "storages of one file may have other options",
    file: OPENED,
    from: "if (DIFFERS_ALLOWED.has(key) || this.#options[key] === value) continue;",
    to: "if (key !== undefined) continue;",
    killedBy: ["options.test"],
  },
  {
    name: "the first of several storages of one file closes it for all",
    file: OPENED,
    from: "if (!this.#listeners.delete(listener) || !this.#listeners.isEmpty) return Promise.resolve();",
    to: "if (!this.#listeners.delete(listener)) return Promise.resolve();",
    killedBy: ["shared-storage", "storage.test", "core/storage-life"],
  },
  {
    name: "a listener that throws keeps an event from the other listeners of its storage",
    file: LISTENERS,
    from: "const listeners = Object.hasOwn(EVENTS, event) ? this.rawListeners(event) : [];",
    to: "const listeners: ReturnType<typeof this.rawListeners> = [];",
    killedBy: ["core/listeners"],
  },
  {
    name: "a listener that throws keeps an event from the other storages of its file",
    file: LISTENERS,
    from: "  try {\n    listener.emit(event, ...values);\n  } catch (error) {\n    throwUncaught(error);\n  }\n",
    to: "  listener.emit(event, ...values);\n",
    killedBy: ["core/listeners"],
  },
  {
    name: "a storage that has left goes on hearing",
    file: LISTENERS,
    from: "if (this.#told.has(listener)) emitSafely",
    to: "emitSafely",
    killedBy: ["core/listeners"],
  },
  {
    name: "a storage that is not ready is told of a reload",
    file: LISTENERS,
    from: 'if (this.#told.get(listener)?.isReady) this.#emitTo(listener, "reload");',
    to: 'this.#emitTo(listener, "reload");',
    killedBy: ["core/listeners"],
  },
  {
    name: "a process counts as caught up at a seq of a state that was replaced",
    file: READ_BARRIER,
    from: "seq === this.#caughtUp.seq && reloadCount === this.#caughtUp.reloadCount;",
    to: "seq === this.#caughtUp.seq;",
    killedBy: ["session-store/read-barrier"],
  },
  {
    name: "microtasks are those that a test drops",
    file: RUNTIME,
    from: "  void RESOLVED.then(() => {",
    to: "  globalThis.queueMicrotask(() => {",
    killedBy: ["core/runtime"],
  },
  {
    name: "timers that were there first are taken for those of the runtime",
    file: RUNTIME,
    from: 'return "clock" in call || call.name.startsWith("bound ");',
    to: 'return call.name.startsWith("bound ");',
    killedBy: ["core/runtime"],
  },
  {
    name: "a session ends by another clock than its cookie",
    file: RUNTIME,
    from: "(): number => Date.now();",
    to: "(): number => wallTime();",
    killedBy: ["core/runtime"],
  },
  {
    name: "a read does not wait for what has arrived",
    file: READ_BARRIER,
    from: "return this.#nextRead;",
    to: "return this.#whenShown() ?? Promise.resolve();",
    killedBy: ["session-store/race-login"],
  },
  {
    name: "a read shares the wait of one whose first turn is over",
    file: READ_BARRIER,
    from: "this.#nextRead = null;\n        soon(() => resolve(this.#whenShown()));",
    to: "soon(() => {\n          this.#nextRead = null;\n          resolve(this.#whenShown());\n        });",
    killedBy: ["session-store/read-barrier"],
  },
  {
    name: "a process that stood still does not ask for the rest",
    file: READ_BARRIER,
    from: "(delayMs > LATE_MS && !this.#isCaughtUp)",
    to: "(delayMs < 0 && !this.#isCaughtUp)",
    killedBy: ["session-store/race-backlog"],
  },
  {
    name: "a storage that makes no progress is waited for without end",
    file: "src/core/opening.ts",
    from: "if (quietLooks === LOOKS) reject",
    to: "if (quietLooks < 0) reject",
    killedBy: ["core/opening"],
  },
  {
    name: "a trouble is reported again for each random name in its text",
    file: "src/core/trouble.ts",
    from: "export function kindOf(error: Error): string {\n",
    to: "export function kindOf(error: Error): string {\n  if (error.message !== undefined) return error.message;\n",
    killedBy: ["core/trouble", "core/shared-storage"],
  },
  {
    name: "a thread takes over what the environment preloads",
    file: "src/core/local/machine/threads.ts",
    from: "const { NODE_OPTIONS: _, ...env } = process.env;",
    to: "const { ...env } = process.env;",
    killedBy: ["machine/threads"],
  },
  {
    name: "a storage is closed although a server of its middleware is open",
    file: SERVER_SCOPE,
    from: "if (this.#servers.size === 0) this.#restSoon();",
    to: "this.#restSoon();",
    killedBy: ["express/server-scope"],
  },
  {
    name: "a server that opens again does not keep the storage open",
    file: SERVER_SCOPE,
    from: 'server.on("listening", () => this.#add(server));',
    to: "",
    killedBy: ["express/server-scope"],
  },
  {
    name: "the storage of a middleware is not closed when the process has nothing left to do",
    file: SERVER_SCOPE,
    from: 'process.on("beforeExit", ServerScope.#closeAll);',
    to: "{}",
    killedBy: ["express/server-scope"],
  },
];
