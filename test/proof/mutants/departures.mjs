/** Which members have left, and what ends with them. */
const LOCAL = "src/core/local";
const HUB = `${LOCAL}/hub/hub.ts`;
const HOST = `${LOCAL}/hub/host.ts`;
const DEPARTURES = `${LOCAL}/hub/departures.ts`;
const LAST_MEMBER = `${LOCAL}/hub/last-member.ts`;
const APPLIER = "src/core/replica/log-applier.ts";

export const departureMutants = [
  {
    name: "a member that is connected is asked whether it lives",
    file: DEPARTURES,
    from: " && !this.#hub.isLive(member)",
    to: "",
    killedBy: ["hub/departures"],
  },
  {
    name: "a member that says that it leaves may name any file",
    file: DEPARTURES,
    from: "if (hasWritten && isMember(member))",
    to: "if (hasWritten)",
    killedBy: ["hub/departures"],
  },
  {
    name: "a member that was cut off is noted as one that has left",
    file: DEPARTURES,
    from: 'if (life === "ended")',
    to: 'if (life !== "unknown")',
    killedBy: ["hub/departures"],
  },
  {
    name: "the name of a member is removed before its departure is confirmed",
    file: DEPARTURES,
    from: "areConfirmed && this.#allConfirmed()",
    to: "this.#allConfirmed()",
    killedBy: ["hub/departures"],
  },
  {
    name: "a manager that serves for a moment leaves those that died before it to the next",
    file: HOST,
    from: "for (const ended of endedOf(lives)) this.#departures?.ended(ended);",
    to: "",
    killedBy: ["hub/left"],
  },
  {
    name: "a departure is noted in an empty log",
    file: HUB,
    from: "if (this.writer.confirmed.seq === 0 && this.#queue.isEmpty) done(true);",
    to: "if (this.writer.confirmed.seq < 0) done(true);",
    killedBy: ["hub/left"],
  },
  {
    name: "files that do not persist are void while a member may be alive",
    file: LAST_MEMBER,
    from: 'life === "ended" || life === "missing")',
    to: 'life !== "alive")',
    killedBy: ["hub/last-member"],
  },
  {
    name: "members may say that others have left",
    file: APPLIER,
    from: "    if (origin === 0) {\n      this.#announceLeft(entries);\n",
    to: "    this.#announceLeft(entries);\n    if (origin === 0) {\n",
    killedBy: ["replica/left"],
  },
];
