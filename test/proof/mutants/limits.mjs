/** Limits: what is counted, what is refused without a write, and what is decided when nothing is confirmed. */
const COUNTING = "src/core/state/counting.ts";
const LIMITS = "src/core/replica/limits.ts";
const HITS = "src/core/replica/pending-hits.ts";
const LANES = "src/core/replica/lanes.ts";
const counting = ["state/counting", "model/"];
const limits = ["core/replica/limits", "model/"];

export const limitMutants = [
  {
    name: "a window has room for one more than its limit",
    file: COUNTING,
    from: 'if (number <= limit || kind === "count")',
    to: 'if (number <= limit + 1 || kind === "count")',
    killedBy: counting,
  },
  {
    name: "a window moves with each hit",
    file: COUNTING,
    from: "found === null ? endOf(ms, time) : found.expiresAt;",
    to: "endOf(ms, time);",
    killedBy: counting,
  },
  {
    name: "gcra forgets what is left of a unit",
    file: COUNTING,
    from: "return counted(wait * limit - owedAfter, time + wait,",
    to: "return counted(0 * owedAfter, time + wait,",
    killedBy: counting,
  },
  {
    name: "gcra has room at the very moment before",
    file: COUNTING,
    from: "if (owedAfter > ms * limit) {",
    to: "if (owedAfter > ms * limit + limit) {",
    killedBy: counting,
  },
  {
    name: "a hit is given back to any window",
    file: COUNTING,
    from: "if (found.expiresAt !== until) return",
    to: "if (found.expiresAt === -until) return",
    killedBy: counting,
  },
  {
    name: "a pending hit shows",
    file: "src/core/replica/op.ts",
    from: "return this.sent.type === LIMIT;",
    to: "return this.sent.type === LIMIT && this.time < 0;",
    killedBy: limits,
  },
  {
    name: "a pending hit shows after a pending clear",
    file: "src/core/replica/op.ts",
    from: "return op.isHidden ? 0 : table",
    to: "return op.isHidden && op.time < 0 ? 0 : table",
    killedBy: ["model/"],
  },
  {
    name: "a refused hit is written",
    file: LIMITS,
    from: "if (seen?.isCounted === false) return",
    to: "if (seen?.isCounted === false && now < 0) return",
    killedBy: limits,
  },
  {
    name: "hits that count on are refused without the log",
    file: COUNTING,
    from: 'return kind === "window" || kind === "gcra" || kind === "block";',
    to: "return kind !== undefined;",
    killedBy: ["core/replica/limits", "model/"],
  },
  {
    name: "a process that decides by itself forgets the hits that it has pending",
    file: HITS,
    from: "this.#decide(this.rank - (this.sum as Sum).left);",
    to: "this.#decide(this.cost - 0 * (this.sum as Sum).left);",
    killedBy: ["core/replica/limits"],
  },
  {
    name: "while others have waited in vain, everybody waits",
    file: HITS,
    from: "return this.#lateCount > 0;",
    to: "return this.#lateCount < 0;",
    killedBy: ["core/replica/limits"],
  },
  {
    name: "a hit waits forever",
    file: LANES,
    from: "      waiting.late();\n",
    to: "",
    killedBy: ["core/replica/limits"],
  },
  {
    name: "a timer of limits outlives its storage",
    file: LANES,
    from: "    this.#timer?.cancel();\n",
    to: "",
    killedBy: ["core/replica/limits", "simulation/simulation"],
  },
  {
    name: "a faulty rule is a rule",
    file: "src/core/log/limit-rule.ts",
    from: "return Number.isSafeInteger(value) && (value as number) >= 0;",
    to: "return value !== undefined;",
    killedBy: ["log/limit-rule"],
  },
  {
    name: "a request of express-rate-limit that is given back leaves whatever window goes on",
    file: "src/express-rate-limit/index.ts",
    from: "hit?.key === key && hit.counted !== null",
    to: "hit?.key !== key && hit !== undefined && hit.counted !== null",
    killedBy: ["limiters/express"],
  },
  {
    name: "a limiter does not see that a request was refused",
    file: "src/adapter/limits.ts",
    from: "isCounted ? hit.used : Math.max(hit.used, rule.limit + 1)",
    to: "hit.used",
    killedBy: ["limiters/express"],
  },
  {
    name: "routes of @fastify/rate-limit share their counts",
    file: "src/fastify-rate-limit/index.ts",
    from: "this.#prefix + route;",
    to: "this.#prefix + route.slice(route.length);",
    killedBy: ["limiters/fastify"],
  },
  {
    name: "a ban of @fastify/rate-limit never comes",
    file: "src/fastify-rate-limit/index.ts",
    from: 'ban >= 0 ? "count" : "window"',
    to: 'ban >= 1e9 ? "count" : "window"',
    killedBy: ["limiters/fastify"],
  },
  {
    name: "a block of @nestjs/throttler ends with the window",
    file: "src/nestjs-throttler/index.ts",
    from: 'blockMs > 0 ? "block" : "window"',
    to: 'blockMs > 1e9 ? "block" : "window"',
    killedBy: ["limiters/nestjs"],
  },
  {
    name: "a block of rate-limiter-flexible adds points instead",
    file: "src/rate-limiter-flexible/index.ts",
    from: "if (forceExpire) {",
    to: "if (forceExpire && points < 0) {",
    killedBy: ["limiters/rate-limiter"],
  },
];
