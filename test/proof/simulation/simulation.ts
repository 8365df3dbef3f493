/** One simulation: members work while faults happen, then the faults end and all members must be healthy. */
import assert from "node:assert/strict";
import { seqOf } from "../../../dist/core/log/frame.js";
import type { Fault, Tally, Weather } from "./faults.js";
import { happen } from "./happenings.js";
import type { Member } from "./member.js";
import type { Process } from "./process.js";
import { Violation, World } from "./world.js";

/** Events after which a simulation goes round in circles: a hundred times as many as usual. */
const MAX_EVENTS = 100_000;
/** Longest time, in ms, until all members are healthy once the faults have ended. */
const RECOVERY_MS = 60_000;

const CALM: Weather["calls"] = { io: 0, handles: 0, short: 0, sync: 0, refuse: 0, thread: 0, slow: 0 };

export interface Outcome {
  readonly failure: Error | null;
  readonly tally: Tally;
  /** Events that happened. */
  readonly count: number;
  readonly lines: readonly string[];
  /** How this simulation was set up. */
  readonly settings: string;
}

/** Runs the simulation of a seed. */
export async function simulate(seed: number, isTracing = false, prepare = (_: World) => {}): Promise<Outcome> {
  const world = new World(seed);
  world.isTracing = isTracing;
  prepare(world);
  try {
    await new Simulation(world).run();
  } catch (error) {
    if (!(error instanceof Over)) world.failure ??= error as Error;
  }
  const { failure, tally, scheduler, lines } = world;
  const settings = JSON.stringify({ ...world.settings, ...world.weather });
  return { failure, tally, count: scheduler.count, lines, settings };
}

/** Ends a simulation whose storage is lost by faults that no storage survives. */
class Over extends Error {}

class Simulation {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  async run(): Promise<void> {
    const { settings, scheduler } = this.#world;
    for (let index = 0; index < settings.memberCount; index++) this.#start(this.#world.dice.delay(1, 200));
    this.#faultLater();
    await this.#pass(settings.durationMs);
    this.#calm();
    await this.#recover();
    await this.#close();
    await this.#coldStart();
    this.#world.tally.add("events", scheduler.count);
    this.#world.tally.add("writes", this.#world.workload.writeCount);
  }

  /** Starts a process that works. */
  #start(delayMs: number): void {
    const world = this.#world;
    const begunCalm = this.#isCalm;
    world.scheduler.world.in(delayMs, () => {
      if (this.#isCalm !== begunCalm) return;
      const process = world.startProcess();
      process.isCandidate = this.#isCalm || !world.dice.chance(world.settings.bystanders);
      world.open(process);
      this.#isStarting = false;
      this.#workLater(process);
    });
  }

  #workLater(process: Process): void {
    const { dice, settings } = this.#world;
    process.main.in(dice.between(0, settings.pauseMs * 2), () => {
      this.#workLater(process);
      if (this.#isCalm) return;
      const member = this.#world.memberOf(process);
      if (member?.isOpen) this.#world.workload.step(member);
    });
  }

  #isCalm = false;
  #isStarting = false;

  /** Lets time pass; ends at the first violation. */
  async #pass(ms: number, isDone = () => false): Promise<boolean> {
    const world = this.#world;
    const until = world.scheduler.time + ms;
    await world.scheduler.run(
      until,
      () => world.failure !== null || world.isOver || world.scheduler.count > MAX_EVENTS || isDone(),
    );
    if (world.failure) throw world.failure;
    if (world.isOver) throw new Over();
    if (world.scheduler.count > MAX_EVENTS) throw new Violation(`${MAX_EVENTS} events and no end`);
    if (isDone()) return true;
    world.scheduler.time = until;
    return false;
  }

  #faultLater(): void {
    const { dice, weather, scheduler } = this.#world;
    scheduler.world.in(dice.between(0, weather.everyMs * 2), () => {
      if (this.#isCalm) return;
      this.#faultLater();
      const kind = dice.weighted(weather.faults as Record<Fault, number>);
      if (happen(this.#world, kind, (delayMs) => this.#start(delayMs))) this.#world.tally.add(kind);
    });
  }

  /** From here on no fault happens. */
  #calm(): void {
    const world = this.#world;
    world.trace("calm");
    this.#isCalm = true;
    world.weather = { ...world.weather, calls: CALM };
    world.disk.room = Number.POSITIVE_INFINITY;
    for (const process of world.processes) {
      process.crashIn = Number.POSITIVE_INFINITY;
      process.thaw();
      process.isBlind = false;
      while (process.main.isHeld) process.main.release();
    }
  }

  /** Every member gets connected, writes, and sees what the others wrote. */
  async #recover(): Promise<void> {
    const world = this.#world;
    this.#hasCandidate();
    await this.#pass(1);
    const open = () => [...world.members].filter(({ isOpen }) => isOpen);
    const isLeaving = () => [...world.members].some(({ status }) => status === "closing");
    const marked = new Set<Member>();
    const begun = new Set<Member>();
    const isDone = () => {
      if (!this.#hasCandidate()) return false;
      for (const member of open()) {
        if (begun.has(member)) continue;
        begun.add(member);
        member.process.main.in(0, () => world.workload.mark(member, () => member.sync(() => marked.add(member))));
      }
      return !isLeaving() && open().every((member) => marked.has(member));
    };
    const isWell = await this.#pass(RECOVERY_MS, isDone);
    const stuck = [...world.members]
      .filter((member) => !marked.has(member))
      .map(({ name, status, view }) => `${name} ${status} joined ${view.isJoined} at seq ${view.seq}`);
    if (!isWell) throw new Violation(`members are stuck: ${stuck.join(", ")}`);
    const isEqual = () =>
      open().every(({ view }) => view.isJoined && view.shown.seq === world.confirmedSeq && view.pending.length === 0);
    if (!(await this.#pass(RECOVERY_MS, isEqual))) throw new Violation("members do not become equal");
    await this.#settleDown();
    if (!(await this.#pass(RECOVERY_MS, () => world.lostMembers.length === 0)))
      throw new Violation(`members that died are not known to have left: ${world.lostMembers.join(", ")}`);
    world.history.check();
    for (const member of open()) {
      member.check();
      if (member.openPromiseCount > 0)
        throw new Violation(`${member.name}: ${member.openPromiseCount} promises are not settled`);
    }
  }

  /** Whether any member may be the manager; the last one that may can just be leaving. */
  #hasCandidate(): boolean {
    const { members } = this.#world;
    const isThere = [...members].some(({ status, process }) => process.isCandidate && status === "open");
    if (!isThere && this.#isCalm && !this.#isStarting) {
      this.#isStarting = true;
      this.#start(0);
    }
    return isThere;
  }

  /** A healthy manager stays, once the seats of members that left are gone, and all members are connected to it. */
  async #settleDown(): Promise<void> {
    const { history, settings, members } = this.#world;
    const isConnected = () => [...members].every(({ view, isOpen }) => view.isJoined || !isOpen);
    for (let tries = 0; tries < 3; tries++) {
      const { epoch } = history;
      await this.#pass(settings.stallTimeout * 2);
      if (!(await this.#pass(RECOVERY_MS, isConnected))) throw new Violation("members do not find a manager again");
      if (history.epoch === epoch) return;
    }
    throw new Violation("managers that are well are replaced again and again");
  }

  /** All leave. */
  async #close(): Promise<void> {
    const world = this.#world;
    const mostMs = world.dice.pick([0, 1, 20, 300]);
    // A member that may not be the manager cannot create the copy.
    let isCopyDue = world.settings.persist && world.history.length > 0;
    for (const member of world.members) {
      if (!member.isOpen) continue;
      member.process.main.in(world.dice.between(0, mostMs), () => {
        isCopyDue &&= member.process.isCandidate;
        member.leave(false);
      });
    }
    if (!(await this.#pass(RECOVERY_MS, () => world.members.size === 0))) throw new Violation("members do not close");
    const copy = world.disk.find("/data/app.db")?.content;
    if (isCopyDue)
      assert.equal(copy && seqOf(copy, 0), world.history.length, "app.db is not the whole state in the end");
    for (const process of [...world.processes]) process.kill();
  }

  /** What a new process reads from the files is what all had. */
  async #coldStart(): Promise<void> {
    const world = this.#world;
    const { history, confirmedSeq: seq } = world;
    const process = world.startProcess();
    world.open(process);
    let isSynced = false;
    await this.#pass(1);
    const member = this.#world.memberOf(process);
    assert(member);
    process.main.in(0, () => member.sync(() => (isSynced = true)));
    if (!(await this.#pass(RECOVERY_MS, () => isSynced))) throw new Violation("a cold start does not join");
    member.check();
    if (history === world.history)
      assert(member.view.shown.seq >= seq, `a cold start found seq ${member.view.shown.seq} of ${seq}`);
    member.leave(false);
    if (!(await this.#pass(RECOVERY_MS, () => world.members.size === 0)))
      throw new Violation("the last member does not close");
  }
}
