/** Levels: what a log may contain, and when it is raised. */
const LEVELS = "src/core/log/levels.ts";
const TABLE = "src/core/state/table.ts";
const GATE = "src/core/replica/level-gate.ts";
const RAISER = "src/core/local/hub/level-raiser.ts";
const REQUESTS = "src/core/local/member/requests.ts";
const raiser = ["hub/level-raiser"];
const gate = ["replica/level-gate"];

export const levelMutants = [
  {
    name: "a level that is not spoken is read",
    file: LEVELS,
    from: '  expectSpoken("the log", level);\n',
    to: "",
    killedBy: ["log/levels"],
  },
  {
    name: "members may raise the log",
    file: TABLE,
    from: "if (batch.origin === 0) this.noteLevel(batch.entries);",
    to: "this.noteLevel(batch.entries);",
    killedBy: ["log/levels"],
  },
  {
    name: "the level of a log falls",
    file: TABLE,
    from: "this.level = Math.max(this.level, given);",
    to: "this.level = given || this.level;",
    killedBy: ["log/levels"],
  },
  {
    name: "a snapshot has no level",
    file: TABLE,
    from: "    this.level = head.level;\n",
    to: "",
    killedBy: ["log/levels"],
  },
  {
    name: "a new manager raises the log at once",
    file: RAISER,
    from: "const left = Math.ceil(QUIET_MS - ",
    to: "const left = Math.ceil(0 - ",
    killedBy: raiser,
  },
  {
    name: "a member that does not speak the level does not hinder it",
    file: RAISER,
    from: "({ levels }) => levels.max < this.#needed,",
    to: "({ levels }) => levels.max < 0 * this.#needed,",
    killedBy: raiser,
  },
  {
    name: "only members that are connected hinder it",
    file: RAISER,
    from: 'if (strangers !== "") this.#hold(strangers);',
    to: 'if (strangers === null) this.#hold("");',
    killedBy: raiser,
  },
  {
    name: "who has connected while the others were asked is not seen",
    file: RAISER,
    from: "      if (this.#isHeld()) return;\n",
    to: "",
    killedBy: raiser,
  },
  {
    name: "members are let in that do not speak a level that is ordered",
    file: RAISER,
    from: "    this.#level = level;\n    // Where",
    to: "    // Where",
    killedBy: raiser,
  },
  {
    name: "a call waits for a level without an end",
    file: GATE,
    from: "if (waiting.deadline > this.#clock.now()) this.#wait(waiting);",
    to: "if (waiting.deadline > 0) this.#wait(waiting);",
    killedBy: gate,
  },
  {
    name: "what a new manager waits counts",
    file: GATE,
    from: "waiting.deadline = Math.max(waiting.deadline, deadline);",
    to: "waiting.deadline = Math.max(waiting.deadline, 0 * deadline);",
    killedBy: gate,
  },
  {
    name: "a call asks for a level above maxLevel",
    file: GATE,
    from: "    if (level > max) {",
    to: "    if (level > most) {",
    killedBy: gate,
  },
  {
    name: "a level is not asked for again",
    file: REQUESTS,
    from: "return this.#level > level ? ",
    to: "return this.#level < level ? ",
    killedBy: ["member/requests"],
  },
];
