/** A member's side: its connection, its place in the log, its hub. */
const SESSION = "src/core/local/member/hub-session.ts";
const DELIVERY = "src/core/local/member/delivery.ts";
const CONNECTION = "src/core/local/wire/frame-connection.ts";
const FAILURE_DETECTOR = "src/core/local/wire/failure-detector.ts";
const LOCAL_LOG = "src/core/local/member/local-log.ts";
const CLAIM_ORDER = "src/core/local/election/claim-order.ts";
const member = [
  "member/hub-session",
  "member/delivery",
  "hub/hub.test",
  "hub/strangers",
  "hub/host",
  "hub/order",
  "simulation",
];

export const memberMutants = [
  {
    name: "live frames that wait for a reader have no limit",
    file: SESSION,
    from: "if (this.#backlogBytes <= this.#request.maxBacklogBytes || this.#isPaused) return;",
    to: "if (this.#backlogBytes >= 0 || this.#isPaused) return;",
    killedBy: member,
  },
  {
    name: "a connection that was paused for its backlog stays so",
    file: SESSION,
    from: "      this.#isPaused = false;\n      this.resume();",
    to: "      this.#isPaused = false;",
    killedBy: member,
  },
  {
    name: "a corrupt welcome is taken",
    file: SESSION,
    from: `    if (!isIntact(buffer, start, end)) throw new ProtocolError("expected an intact frame");\n`,
    to: "",
    killedBy: member,
  },
  {
    name: "a half-restored state counts as one that the member has",
    file: SESSION,
    from: "const usable = this.#position === null && this.#delivery === null ? null : position;",
    to: "const usable = position;",
    killedBy: member,
  },
  {
    name: "the earlier position stays when a whole state is restored",
    file: SESSION,
    from: "        this.#position = null;\n        sink.restoring(head);",
    to: "        sink.restoring(head);",
    killedBy: member,
  },
  {
    name: "what came in while the files were read is forgotten",
    file: SESSION,
    from: "if (this.#backlog.length > 0) return;",
    to: "if (this.#backlog.length > BACKLOG_SLICE) return;",
    killedBy: member,
  },
  {
    name: "a corrupt batch is delivered",
    file: DELIVERY,
    from: "if (!isCount(seq) || seq <= previous || !isIntact(buffer, start, end)) {",
    to: "if (!isCount(seq) || seq <= previous) {",
    killedBy: member,
  },
  {
    name: "a batch that was delivered before is taken",
    file: DELIVERY,
    from: "if (!isCount(seq) || seq <= previous || !isIntact(buffer, start, end)) {",
    to: "if (!isCount(seq) || !isIntact(buffer, start, end)) {",
    killedBy: member,
  },
  {
    name: "a confirm may leave a gap",
    file: DELIVERY,
    from: "if (seq !== this.#seq + 1) throw",
    to: "if (seq <= this.#seq) throw",
    killedBy: member,
  },
  {
    name: "what is held after a gap is not delivered",
    file: DELIVERY,
    from: "    this.#time = time;\n    this.#release();\n",
    to: "    this.#time = time;\n",
    killedBy: member,
  },
  {
    name: "a member's place does not move with its own batches",
    file: DELIVERY,
    from: "      this.#offset += bytes;\n",
    to: "",
    killedBy: member,
  },
  {
    name: "a member's place in a new segment is before its first frame",
    file: DELIVERY,
    from: "this.#offset = end - start;",
    to: "this.#offset = 0;",
    killedBy: member,
  },
  {
    name: "a closed connection delivers the rest of a chunk",
    file: CONNECTION,
    from: "return !this.#isClosed;\n      });",
    to: "return true;\n      });",
    killedBy: ["wire/frame-connection", "hub/hub.test", "hub/strangers", "hub/host", "simulation"],
  },
  {
    name: "a connection reports twice that it is closed",
    file: CONNECTION,
    from: "  closed(reason: Error | null): void {\n    if (this.#isClosed) return;\n",
    to: "  closed(reason: Error | null): void {\n",
    killedBy: ["wire/frame-connection"],
  },
  {
    name: "a member that stood still takes its manager for silent",
    file: FAILURE_DETECTOR,
    from: "this.#silentChecks = stoodStill ? 0 : this.#silentChecks + 1;",
    to: "this.#silentChecks = this.#silentChecks + 1;",
    killedBy: ["wire/failure-detector"],
  },
  {
    name: "a silent manager is never replaced",
    file: FAILURE_DETECTOR,
    from: "if (this.#silentChecks >= CHECKS * this.#timeout.factor) this.#silent();",
    to: "if (this.#silentChecks < 0) this.#silent();",
    killedBy: ["wire/failure-detector"],
  },
  {
    name: "unanswered barriers are not sent to a new manager",
    file: LOCAL_LOG,
    from: "    for (const frame of this.#barriers.frames) this.#session?.append(frame);\n",
    to: "",
    killedBy: ["simulation"],
  },
  {
    name: "no contender goes ahead of a first one that takes too long",
    file: CLAIM_ORDER,
    from: "return clock.elapsed() - this.#since > FIRST_CLAIM_MS;",
    to: "return false;",
    killedBy: ["election/claim-order"],
  },
  {
    name: "a member that may not be the manager looks at the newest seat alone",
    file: LOCAL_LOG,
    from: "const seat = this.#isTryingOlderSeat ? null : standingSeat(this.#machine, this.#place);",
    to: "const seat = null as SeatView | null;",
    killedBy: ["simulation/moments"],
  },
  {
    name: "all managers are allowed the same silence",
    file: FAILURE_DETECTOR,
    from: "Math.min(this.#factor * 2, MAX_FACTOR)",
    to: "1",
    killedBy: ["wire/failure-detector"],
  },
  {
    name: "a long silence stays allowed after a healthy connection",
    file: FAILURE_DETECTOR,
    from: "return this.#isHealthy ? 1 : this.#factor;",
    to: "return this.#factor;",
    killedBy: ["wire/failure-detector"],
  },
];
