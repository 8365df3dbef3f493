/** Who is the manager, and how it orders, appends, broadcasts and confirms. */
const SEAT = "src/core/local/election/seat.ts";
const HUB = "src/core/local/hub/hub.ts";
const QUEUE = "src/core/local/hub/inbound-queue.ts";
const LOG_WRITER = "src/core/local/hub/log-writer.ts";
const STEPS = "src/core/local/disk/steps.ts";
const seat = ["election/seat", "simulation"];
const hub = ["hub/order", "hub/hub.test", "hub/strangers", "hub/host", "hub/disk-full", "simulation"];

export const hubMutants = [
  {
    name: "a manager that leaves does not sync what it has confirmed",
    file: "src/core/local/hub/log-writer.ts",
    from: 'if (isLeaving && this.#fsync === "everysec" && this.#isDirty)',
    to: "if (false)",
    killedBy: ["hub/log-writer"],
  },
  {
    name: "a contender does not look for a higher seat",
    file: SEAT,
    from: "isHighest = !seat.#hasHigher();",
    to: "isHighest = true;",
    killedBy: seat,
  },
  {
    name: "a manager does not look at the link count of its seat",
    file: SEAT,
    from: "links !== 1 || ",
    to: "",
    killedBy: seat,
  },
  {
    name: "a manager does not look at the bytes of its seat",
    file: SEAT,
    from: " || bytes !== this.#content.length",
    to: "",
    killedBy: seat,
  },
  {
    name: "the fence does not empty the lower seats",
    file: SEAT,
    from: "      this.#empty(epoch);\n",
    to: "",
    killedBy: seat,
  },
  {
    name: "the fence leaves out the newest of the lower seats",
    file: SEAT,
    from: "if (epoch >= this.epoch) continue;",
    to: "if (epoch >= this.epoch - 1) continue;",
    killedBy: seat,
  },
  {
    name: "a seat is renamed to its name instead of linked",
    file: SEAT,
    from: "linkAs(files, temporary, seatPath(place, epoch));",
    to: "files.rename(temporary, seatPath(place, epoch));",
    killedBy: seat,
  },
  {
    name: "a claim that fails leaves its seat",
    file: SEAT,
    from: "      if (isLinked) files.unlink(seatPath(place, epoch));\n",
    to: "",
    killedBy: seat,
  },
  {
    name: "a contender that withdraws leaves its seat",
    file: SEAT,
    from: "    seat.release();\n    files.unlink(seatPath(place, epoch));\n    return null;",
    to: "    seat.release();\n    return null;",
    killedBy: seat,
  },
  {
    name: "batches are confirmed without a look at the seat",
    file: HUB,
    from: "if ((appended.length > 0 || isAsking) && !this.#holds()) return;",
    to: "if (isAsking && !this.#holds()) return;",
    killedBy: hub,
  },
  {
    name: "welcomes and barriers are answered without a look at the seat",
    file: HUB,
    from: "if ((appended.length > 0 || isAsking) && !this.#holds()) return;",
    to: "if (appended.length > 0 && !this.#holds()) return;",
    killedBy: hub,
  },
  {
    name: "the seat is looked at before the append",
    file: HUB,
    from: "    else this.#order((appended) => this.#finishTurn(appended));",
    to: `    else if (this.#holds()) {
      this.#seat.holds = () => true;
      this.#order((appended) => this.#finishTurn(appended));
      delete this.#seat.holds;
    }`,
    killedBy: hub,
  },
  {
    name: "frames from a lost connection are ordered after a welcome",
    file: HUB,
    from: "if (isAsking) this.#forgetClosed();",
    to: "",
    killedBy: hub,
  },
  {
    name: "frames that are stamped again get seqs after their earlier ones",
    file: QUEUE,
    from: "    this.#seq = seq;\n  }\n}\n",
    to: "  }\n}\n",
    killedBy: hub,
  },
  {
    name: "log time falls with the clock",
    file: HUB,
    from: "this.#queue.stamp(this.#seat.epoch, this.#time.logTime())",
    to: "this.#queue.stamp(this.#seat.epoch, this.#machine.clock.now())",
    killedBy: hub,
  },
  {
    name: "batches after a corrupt one of the same member are taken",
    file: QUEUE,
    from: "if (corrupt.has(run.member)) continue;",
    to: "",
    killedBy: ["hub/hub.test", "hub/strangers", "hub/host", "simulation"],
  },
  {
    name: "the confirmed end is the first seq of the last run",
    file: HUB,
    from: "this.writer.confirm(last.seq + last.count - 1, last.time);",
    to: "this.writer.confirm(last.seq, last.time);",
    killedBy: hub,
  },
  {
    name: "the seq rises by one for each run",
    file: QUEUE,
    from: "this.#seq += run.count;",
    to: "this.#seq += 1;",
    killedBy: hub,
  },
  {
    name: "a batch is broadcast to its origin too",
    file: HUB,
    from: "this.members.broadcast(bytes, member);",
    to: "this.members.broadcast(bytes);",
    killedBy: hub,
  },
  {
    name: "a segment is closed while batches wait for the disk",
    file: HUB,
    from: "this.#queue.stamped.length > 0 || !this.#holds()",
    to: "!this.#holds()",
    killedBy: hub,
  },
  {
    name: "members get no first frame of a segment that an append began",
    file: HUB,
    from: "if (this.writer.confirmed.segment !== confirmed.segment) this.#broadcast(this.writer.head);",
    to: "",
    killedBy: hub,
  },
  {
    name: "an idle hub does not look at its seat",
    file: HUB,
    from: "    if (!this.#holds()) return;\n    this.#seat.refresh();",
    to: "    this.#seat.refresh();",
    killedBy: hub,
  },
  {
    name: "a hub that closes does not order what has arrived",
    file: HUB,
    from: "    this.#takeTurn(() => {\n      if (this.#isAbandoned) return;",
    to: "    this.#gate.whenWritten(() => {\n      if (this.#isAbandoned) return;",
    killedBy: hub,
  },
  {
    name: "members go on sending while the disk refuses",
    file: HUB,
    from: "      this.members.pause();\n",
    to: "",
    killedBy: hub,
  },
  {
    name: "in the event loop, a turn begins while the write of another one is under way",
    file: HUB,
    from: "if (this.#gate.isWriting) {",
    to: "if (this.#isLeaving) {",
    killedBy: ["hub/in-loop"],
  },
  {
    name: "in the event loop, what fsync: always confirms is not on the disk",
    file: LOG_WRITER,
    from: "else this.#segment.syncLater((error) => done(this.#isClosed",
    to: "else ((later) => later(null))((error) => done(this.#isClosed",
    killedBy: ["hub/in-loop"],
  },
  {
    name: "steps that are stopped release what a wait still needs",
    file: STEPS,
    from: "if (!this.#isBusy) this.#steps.return(undefined as T);",
    to: "this.#steps.return(undefined as T);",
    killedBy: ["disk/steps"],
  },
];
