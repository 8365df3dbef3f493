/** A simulated machine with the processes on it, and all that is known of what happened. */
import assert from "node:assert/strict";
import { type Batch, LEFT } from "../../../dist/core/log/entry.js";
import { Clocks } from "./clocks.js";
import { Dice } from "./dice.js";
import { Disk } from "./disk.js";
import { type CallFault, chooseWeather, Tally, type Weather } from "./faults.js";
import { type Head, headOf } from "./head.js";
import { History, type Ordered } from "./history.js";
import type { Inode } from "./inode.js";
import { Member } from "./member.js";
import { Network } from "./network.js";
import { Process } from "./process.js";
import { Scheduler, type Thread } from "./scheduler.js";
import { chooseSettings, IN_FLIGHT, type Settings } from "./settings.js";
import { Workload } from "./workload.js";

/** ms in which what a manager has confirmed reaches the disk under "everysec": a pulse, its timer's delay, one sync. */
const EVERYSEC_MS = 1100;

/** What a simulation found wrong. */
export class Violation extends Error {
  override readonly name = "Violation";
}

export class World {
  readonly dice: Dice;
  settings: Settings;
  weather: Weather;
  readonly scheduler: Scheduler;
  readonly clocks: Clocks;
  readonly disk: Disk;
  readonly network: Network;
  history: History;
  readonly workload: Workload;
  readonly tally = new Tally();
  readonly seed: number;
  readonly processes = new Set<Process>();
  readonly members = new Set<Member>();
  bootId = "boot 1";
  failure: Error | null = null;
  /** The power was lost before the bytes of a failed sync were written again: a hole is left, which is found and reported. */
  isSpoiled = false;
  /** The storage does not open any more, and should not. */
  isOver = false;
  isTracing = false;
  readonly lines: string[] = [];
  #pid = 0;
  #bootCount = 1;
  #headAt = 0;
  #diskFaultAt = -1;
  #cut: { mustHave: (ordered: Ordered) => boolean } | null = null;
  /** A member was asked to remove the storage as it is now. */
  #isDoomed = false;
  /** The end of a segment, not synced, has holes: that counts as corrupt, and is refused. */
  #mayRefuse = false;

  constructor(seed: number) {
    this.seed = seed;
    this.dice = new Dice(seed);
    this.settings = chooseSettings(this.dice, IN_FLIGHT[seed % IN_FLIGHT.length] as number);
    this.weather = chooseWeather(this.dice);
    this.scheduler = new Scheduler((error, thread) => this.#threw(error, thread));
    this.clocks = new Clocks(() => this.scheduler.time, this.dice);
    this.disk = new Disk({
      segmentBegins: (path, inode) => this.expect(() => this.#segmentBegins(path, inode)),
      snapshotPublished: (seq) => this.expect(() => this.history.snapshotPublished(seq, this.#isVoid)),
    });
    this.history = this.#newHistory();
    this.network = new Network(this);
    this.workload = new Workload(this.dice, seed);
    this.disk.makeDirectory("/data");
    this.disk.syncDirectory("/");
  }

  /** {@link History.toldSeq} */
  get confirmedSeq(): number {
    return this.history.toldSeq;
  }

  /** Where the files are; null before there is a member. */
  get directory(): string | null {
    const [path] = this.disk.segments.keys();
    return path === undefined ? null : path.slice(0, path.lastIndexOf("/"));
  }

  trace(line: string): void {
    if (this.isTracing) this.lines.push(`${this.scheduler.time.toFixed(2).padStart(9)} ${line}`);
  }

  /** Whether a fault of single calls happens now. */
  fails(kind: CallFault): boolean {
    if (!this.dice.chance(this.weather.calls[kind])) return false;
    this.tally.add(`call: ${kind}`);
    if (kind !== "refuse" && kind !== "short") this.#diskFaultAt = this.scheduler.time;
    return true;
  }

  /** Notes the first violation. */
  expect(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.failure ??= error as Error;
    }
  }

  /** A thread has done its work, and files are still open. */
  leaked(name: string, paths: readonly string[]): void {
    this.failure ??= new Violation(`expected ${name} to leave no file open, got ${paths.join(", ")}`);
  }

  startProcess(): Process {
    const process = new Process(this, ++this.#pid);
    this.processes.add(process);
    return process;
  }

  isAlive(pid: number): boolean {
    return [...this.processes].some((process) => process.pid === pid && process.isAlive);
  }

  processEnded(process: Process): void {
    this.processes.delete(process);
    for (const member of this.members) {
      if (member.process !== process) continue;
      if (member.status === "closing") this.scheduler.chainCount--;
      this.members.delete(member);
    }
  }

  /** Opens the storage in a process. */
  open(process: Process): void {
    process.main.in(0, () => {
      try {
        this.members.add(new Member(this, process));
        this.trace(`${process.main.name} opens`);
      } catch (error) {
        this.trace(`${process.main.name} cannot open: ${(error as Error).message}`);
        assert.equal((error as NodeJS.ErrnoException).code, "ERR_STORAGE_DIRECTORY", String((error as Error).stack));
        process.kill();
      }
    });
  }

  readonly memberOf = (process: Process): Member | undefined =>
    [...this.members].find((member) => member.process === process);

  /** The members that have a socket in the directory, and no process. */
  get lostMembers(): string[] {
    const names = this.directory === null ? [] : this.disk.list(this.directory);
    const living = new Set([...this.members].map(({ id }) => `member.${id}`));
    return names.filter((name) => name.startsWith("member.") && !living.has(name));
  }

  memberClosed(member: Member): void {
    this.members.delete(member);
  }

  memberFailed(member: Member, error: Error): void {
    if (this.#mayRefuse && (error as NodeJS.ErrnoException).code === "ERR_STORAGE_CORRUPT") {
      this.tally.add("refused to open");
      this.isOver = true;
      return;
    }
    this.failure ??= new Violation(`${member.name} gave up: ${error.stack}`);
  }

  destroys(): void {
    this.#isDoomed = true;
  }

  /** The machine loses its power; all processes end. */
  cutPower(): void {
    this.trace("the power is cut");
    this.tally.add("power");
    // What was on the disk at a loss of power before, and was not opened since, is still there.
    const mustHave = this.#cut?.mustHave ?? this.#mustHave();
    this.isSpoiled ||= this.disk.unsynced.size > 0;
    this.isSpoiled ||= [...this.disk.segments.values()].some(({ links, hasDropped }) => links > 0 && hasDropped);
    this.disk.unsynced.clear();
    for (const process of [...this.processes]) process.kill();
    this.disk.cut(this.dice, () => this.dice.pick(this.settings.remains));
    this.#mayRefuse ||=
      this.isSpoiled || [...this.disk.segments.values()].some(({ links, hasHole }) => links > 0 && hasHole);
    this.bootId = `boot ${++this.#bootCount}`;
    this.#cut = { mustHave };
    this.history.restart();
    this.clocks.restart();
  }

  /** What is on the disk by the policy, whatever a loss of power takes now. */
  #mustHave(): (ordered: Ordered) => boolean {
    const { fsync, persist } = this.settings;
    if (!persist || this.#isDoomed) return () => false;
    if (fsync === "always") return ({ seenAt }) => seenAt < Number.POSITIVE_INFINITY;
    if (fsync === "never") return () => false;
    const now = this.scheduler.time;
    const isHealthy = [...this.processes].some(({ threads }) =>
      [...threads].some(
        (thread) =>
          thread.epoch === this.history.epoch &&
          !thread.isHeld &&
          Math.max(thread.heldAt, thread.servesSince) < now - EVERYSEC_MS,
      ),
    );
    const isDiskFine = this.#diskFaultAt < Math.min(this.#headAt, now - EVERYSEC_MS);
    const until = Math.max(isHealthy && isDiskFine ? now - EVERYSEC_MS : -1, this.#headAt);
    return ({ confirmedAt }) => confirmedAt < until;
  }

  /** Whether a loss of power may have damaged files that belonged to no member. */
  get #isVoid(): boolean {
    return !this.settings.persist && this.#cut !== null;
  }

  /** Whether what there was may be removed: by a member that was asked to, or by the last one of a storage that does not persist. */
  get #mayBeRemoved(): boolean {
    return this.#isDoomed || !this.settings.persist;
  }

  #newHistory(): History {
    return new History(this.disk.segments, {
      shortened: (to, lost) => this.#shortened(to, lost),
      begunAnew: (path, inode) => this.#begunAnew(path, inode),
      ordered: (batch) => this.#ordered(batch),
      mayBeRemoved: () => this.#mayBeRemoved,
    });
  }

  /** A hub has ordered that a member has left. */
  #left(id: string): void {
    for (const { id: other, status, name } of this.members)
      assert(other !== id || status === "closing", `the log says that ${name} has left, which has the storage open`);
    this.tally.add("left");
  }

  #ordered({ time, entries }: Batch): void {
    this.clocks.expectPast(time);
    for (const { type, path, json, expiresAt } of entries) {
      if (type === LEFT) this.#left(path[0] as string);
      const life = expiresAt > 0 ? this.workload.lives.get(json) : undefined;
      if (life !== undefined) this.clocks.expectEnd(json, life, expiresAt);
    }
  }

  #segmentBegins(path: string, inode: Inode): void {
    const { epoch } = this.history;
    this.history.segmentBegins(path, inode);
    if (this.history.epoch <= epoch) return;
    const { current, time } = this.scheduler;
    [this.#headAt, current.servesSince, current.epoch] = [time, time, this.history.epoch];
    this.#cut = null;
    this.#timeBegins(inode);
    this.trace(`${path} begins after seq ${this.history.length}`);
  }

  /** A manager begins an epoch, in the thread that runs. */
  #timeBegins(inode: Inode): void {
    const own = [...this.processes].find(({ threads }) => threads.has(this.scheduler.current)) as Process;
    const knowing = [...this.members].filter((member) => member.process.isAlive && member.knowsTime);
    const [head, names] = [headOf(inode) as Head, this.directory === null ? [] : this.disk.list(this.directory)];
    const isFound = (member: Member) => member.process === own || names.includes(`member.${member.id}`);
    this.clocks.begins({
      note: head.clock,
      walls: this.clocks.wallsOf(own),
      known: knowing.find(({ process }) => process === own)?.replica.now() ?? null,
      logTime: head.time,
      isOpen: knowing.some(isFound) && this.tally.counts.get("unname") === undefined,
      mayBeOpen: knowing.length > 0,
      mayBeNew: this.#mayBeRemoved,
    });
    this.clocks.noteError(own.wallErrorMs);
  }

  #shortened(to: number, lost: readonly Ordered[]): void {
    this.trace(`the log goes back to seq ${to} from ${to + lost.length}`);
    assert(this.#cut, `what was confirmed is lost: the log goes back to seq ${to} from ${to + lost.length}`);
    const missing = this.isSpoiled ? undefined : lost.find(this.#cut.mustHave);
    assert(
      missing === undefined,
      `a loss of power took seq ${missing?.batch.seq}, confirmed at ${missing?.confirmedAt}, under ${this.settings.fsync}`,
    );
  }

  /** A new log begins: a loss of power took all of the old one. */
  #begunAnew(path: string, inode: Inode): void {
    const before = this.history;
    this.trace(`a new log begins, after one of ${before.length} batches`);
    this.#shortened(0, before.batches);
    this.#isDoomed = [...this.members].some(({ status }) => status === "closing");
    this.disk.segments = new Map([[path, inode]]);
    this.history = this.#newHistory();
    this.#segmentBegins(path, inode);
  }

  #threw(error: unknown, thread: Thread): void {
    this.failure ??= new Violation(`${thread.name} threw: ${(error as Error)?.stack ?? error}`);
  }
}
