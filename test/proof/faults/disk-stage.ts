/** A simulated machine on which one fault of the disk happens, and what must be true of it then and in the end. */
import assert from "node:assert/strict";
import type { HubOptions, Machine } from "../../../dist/core/local/machine/machine.js";
import { HEADER_BYTES, isFrameLength, isIntact, lengthOf } from "../../../dist/core/log/frame.js";
import { spokenLevels } from "../../../dist/core/log/levels.js";
import type { FilesOf } from "../simulation/files-of.js";
import { Process } from "../simulation/process.js";
import type { Thread } from "../simulation/scheduler.js";
import { Violation, World } from "../simulation/world.js";
import { Ledger } from "./disk-ledger.js";
import { Member } from "./disk-member.js";
import { FaultyFiles, Seam } from "./disk-seam.js";

/** ms after which a disk that fails forever is healed, when something waits for it; a member has reported it by then. */
const PATIENCE_MS = 3000;
/** Longest time, in ms, until what must happen has happened when nothing fails any more. */
const RECOVERY_MS = 60_000;
/** ms in which everything reaches the disk, whatever failed before: a compaction that failed rests for 10 s. */
const SETTLING_MS = 15_000;
const NOTHING_FAILS = { io: 0, handles: 0, short: 0, sync: 0, refuse: 0, thread: 0, slow: 0 };

/** How a machine's run ends before the cold start. */
export type Ending = "close" | "kill" | "power";

class FaultyProcess extends Process {
  override machine(thread: Thread): Machine {
    const machine = super.machine(thread);
    const stage = this.world as Stage;
    const files = new FaultyFiles(machine.files as FilesOf, stage.seam, stage, thread);
    stage.views.set(thread, files);
    return { ...machine, files };
  }
}

export class Stage extends World {
  readonly seam = new Seam();
  readonly ledger = new Ledger();
  readonly views = new Map<Thread, FaultyFiles>();
  readonly cast = new Set<Member>();
  /** What was reported to any member, also to those that are gone. */
  readonly errors: Error[] = [];
  /** Segments that may be torn or damaged, by no fault of the disk. */
  readonly brokenPaths = new Set<string>();
  /** Whether the files are damaged: members may give up, and what they show is judged elsewhere. */
  isDamaged = false;
  options: HubOptions;
  /** As `PATIENCE_MS`; longer where something else is waited for as well. */
  patienceMs = PATIENCE_MS;
  readonly #hasThreads: boolean;
  #processCount = 0;

  constructor(seed: number, { hasThreads = true, ...options }: Partial<HubOptions> & { hasThreads?: boolean } = {}) {
    super(seed);
    this.#hasThreads = hasThreads;
    const { settings } = this;
    this.settings = { ...settings, fsync: "always", persist: true, remains: ["nothing"], gcInterval: 100_000 };
    this.weather = { faults: {}, calls: NOTHING_FAILS, everyMs: RECOVERY_MS };
    this.options = {
      fsync: "always",
      gcInterval: 100_000,
      recover: "strict",
      persist: true,
      maxMemberBacklogBytes: 1_000_000,
      stallTimeout: 1000,
      compactAfterBytes: 1000,
      levels: spokenLevels(1),
      ...options,
    };
  }

  override startProcess(): Process {
    const process = new FaultyProcess(this, ++this.#processCount);
    process.hasThreads = this.#hasThreads;
    this.processes.add(process);
    return process;
  }

  /** The ledger judges here, not the history of random simulations. */
  override expect(): void {}

  /** Notes the first thing that is wrong. */
  note(check: () => void): void {
    super.expect(check);
  }

  /** Puts a file on the disk. */
  put(path: string, content: Buffer): void {
    const inode = this.disk.create(path);
    inode.write(content, 0);
    inode.sync();
  }

  /** Lets time pass. */
  async pass(ms: number, isDone = () => false): Promise<boolean> {
    const { scheduler } = this;
    const until = scheduler.time + ms;
    const isOver = await scheduler.run(until, () => this.failure !== null || isDone());
    if (this.failure) throw this.failure;
    if (!isOver) scheduler.time = until;
    return isOver;
  }

  /** Returns when a condition holds; a disk that fails forever is healed when it is waited for. */
  async until(what: string, isDone: () => boolean): Promise<void> {
    for (let waitedMs = 0; waitedMs < RECOVERY_MS; waitedMs += this.patienceMs) {
      if (await this.pass(this.patienceMs, isDone)) return;
      if (!this.seam.isBroken) continue;
      const isTold = [...this.cast].some(({ errors, refusal }) => errors.length > 0 || refusal !== null);
      this.note(() => assert(isTold, `no member reported why this has to wait: ${what}`));
      this.heal();
    }
    const told = [...this.cast].map(
      ({ name, status, isJoined, errors }) => `${name} ${status} ${isJoined} ${errors.at(-1)}`,
    );
    throw new Violation(`expected within ${RECOVERY_MS} ms: ${what}; ${told.join("; ")}`);
  }

  /** Whether the disk did not tell which members are alive: then what they have left, and what they wrote, stays. */
  get isLifeUnknown(): boolean {
    return [...this.seam.failedSites].some((site) => site.startsWith("member-socket.js"));
  }

  heal(): void {
    if (this.seam.fault?.answer === "full") this.note(() => this.#expectWholeFrames());
    this.seam.heal();
  }

  /** A member that has joined. When opening fails it is tried once more. */
  async opened(options: Partial<HubOptions> = {}): Promise<Member> {
    let member = await this.#tryToJoin(options);
    if (member === null && this.seam.isBroken) this.heal();
    member ??= await this.#tryToJoin(options);
    assert(member, "the second try to open failed, too");
    return member;
  }

  /** Null when the storage cannot be opened, since its files may not be used. */
  async #tryToJoin(options: Partial<HubOptions>): Promise<Member | null> {
    const member = await this.#tryToOpen(options);
    if (member === null) return null;
    await this.#settled(member);
    if ((member.failure as NodeJS.ErrnoException | null)?.code !== "ERR_STORAGE_DIRECTORY") return member;
    this.kill(member);
    return null;
  }

  /** Returns when a member has all, or has given up. */
  async #settled(member: Member): Promise<void> {
    let isSynced = false;
    member.sync(() => (isSynced = true));
    await this.until(`${member.name} is synced or gives up`, () => isSynced || member.failure !== null);
  }

  async flushed(member: Member): Promise<void> {
    let isFlushed = false;
    member.flush(() => (isFlushed = true));
    await this.until(`${member.name} is flushed`, () => isFlushed);
  }

  async synced(member: Member): Promise<void> {
    let isSynced = false;
    member.sync(() => (isSynced = true));
    await this.until(`${member.name} is synced`, () => isSynced);
  }

  async left(member: Member, destroy = false): Promise<void> {
    member.leave(destroy);
    await this.until(`${member.name} is closed`, () => member.status === "closed");
  }

  kill(member: Member): void {
    this.cast.delete(member);
    this.ledger.gone(member.name);
    member.process.kill();
  }

  /** A member is closed: its process ends. */
  closed(member: Member, isRemoved: boolean): void {
    if (isRemoved) this.ledger.clear();
    this.cast.delete(member);
    this.ledger.gone(member.name);
    this.scheduler.world.in(5, () => member.process.kill());
  }

  /** Nothing fails any more: all pending writes get confirmed, nothing was lost, and a cold start finds the same. */
  async finish(ending: Ending): Promise<void> {
    this.heal();
    for (const member of this.cast) {
      member.write(1);
      await this.flushed(member);
    }
    for (const member of this.cast) await this.synced(member);
    for (const member of this.cast) member.checkAll();
    this.#expectNoLeaks();
    await this.#end(ending);
    await this.#startCold();
  }

  async #end(ending: Ending): Promise<void> {
    if (ending !== "close") {
      if (ending === "power") await this.pass(SETTLING_MS);
      for (const member of [...this.cast]) this.kill(member);
      if (ending === "power" && !this.#hasGivenUp()) this.cutPower();
      return;
    }
    for (const member of [...this.cast]) {
      await this.left(member);
      assert.equal(member.refusal, null, `${member.name} cannot close when nothing fails`);
    }
    if (!this.options.persist) this.ledger.clear();
  }

  /**
   * Whether a disk that failed forever refused both a sync and the repeated write, until the manager had left: then
   * its successor cannot know that a loss of power would leave a hole, which is found and reported.
   */
  #hasGivenUp(): boolean {
    const segments = [...this.disk.segments.values()];
    return this.seam.fault?.isLasting === true && segments.some(({ links, hasDropped }) => links > 0 && hasDropped);
  }

  async #startCold(): Promise<void> {
    if (!this.options.persist) this.ledger.mayBeVoid = true;
    const member = await this.opened();
    member.checkAll();
    await this.left(member);
    assert.equal(member.refusal, null, "a cold start cannot close");
    await this.pass(100);
    this.#expectNoStrays();
  }

  /** What a full disk took of a frame that it did not take as a whole is cut off. */
  #expectWholeFrames(): void {
    const names = this.disk.list("/data/app.db.d").filter((name) => name.startsWith("log."));
    for (const name of names) {
      const path = `/data/app.db.d/${name}`;
      const content = this.disk.find(path)?.content ?? Buffer.alloc(0);
      for (let at = 0; at < content.length && !this.brokenPaths.has(path); ) {
        const length = content.length - at < HEADER_BYTES ? 0 : lengthOf(content, at);
        const isWhole = isFrameLength(length) && at + length <= content.length && isIntact(content, at, at + length);
        assert(isWhole, `${name} has a part of a frame at byte ${at} of ${content.length}`);
        at += length;
      }
    }
  }

  /** A member has no file open once it has joined, a hub its seat and its segment. */
  #expectNoLeaks(): void {
    for (const [{ name, isAlive }, { openPaths }] of this.views) {
      if (!isAlive || openPaths.length === 0) continue;
      const isHub = (name.includes("hub") || !this.#hasThreads) && openPaths.length <= 2;
      // Without threads the hub compacts in the event loop of its member.
      const isCompaction = name.includes("compaction") || (!this.#hasThreads && openPaths.length > 2);
      assert(isHub || isCompaction, `${name} has left open: ${openPaths}`);
    }
  }

  /** Of a closed storage one snapshot, one seat and the note of its copy are left; a loss of power may leave a socket that belongs to no process. */
  #expectNoStrays(): void {
    if (!this.options.persist) return;
    const mayStay = this.isLifeUnknown ? /^(torn|corrupt|hub|member)\./ : /^(torn|corrupt|hub)\./;
    const names = this.disk.list("/data/app.db.d").filter((name) => !mayStay.test(name));
    const kinds = names.map((name) => name.slice(0, name.indexOf("."))).sort();
    assert.deepEqual(kinds, ["copy", "seat", "snapshot"], `left: ${names}`);
  }

  async #tryToOpen(options: Partial<HubOptions>): Promise<Member | null> {
    const process = this.startProcess();
    let opened: Member | Error | null = null;
    process.main.in(0, () => {
      try {
        opened = new Member(this, process, options);
      } catch (error) {
        opened = error as Error;
      }
    });
    await this.pass(RECOVERY_MS, () => opened !== null);
    if ((opened as unknown) instanceof Member) {
      this.cast.add(opened as unknown as Member);
      return opened;
    }
    const { code, stack } = opened as unknown as NodeJS.ErrnoException;
    assert.equal(code, "ERR_STORAGE_DIRECTORY", stack);
    process.kill();
    return null;
  }
}
