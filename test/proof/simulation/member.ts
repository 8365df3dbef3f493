/** One member: the real engine and replica, opened and closed as a storage does it, and what it was promised. */
import assert from "node:assert/strict";
import { StorageError } from "../../../dist/core/errors.js";
import { preparePlace } from "../../../dist/core/local/disk/directory.js";
import type { Machine } from "../../../dist/core/local/machine/machine.js";
import { LocalLog } from "../../../dist/core/local/member/local-log.js";
import { withHubsAnyway } from "../../../dist/core/local/threads-or-loop.js";
import { spokenLevels } from "../../../dist/core/log/levels.js";
import type { Log } from "../../../dist/core/log/log.js";
import { type Change, Replica, type ReplicaEvents } from "../../../dist/core/replica/replica.js";
import { changeText, RELOAD } from "./changes.js";
import type { FilesOf } from "./files-of.js";
import type { Process } from "./process.js";
import { View, type Written } from "./view.js";
import type { World } from "./world.js";

const CLOSE_WAIT_MS = 10_000;
const MAX_BYTES = 1 << 20;

export class Member implements ReplicaEvents {
  readonly world: World;
  readonly process: Process;
  readonly view: View;
  readonly replica: Replica;
  readonly #log: LocalLog;
  readonly #machine: Machine;
  readonly #changes: string[] = [];
  status: "open" | "closing" | "closed" | "failed" = "open";
  /** Promises that are not settled. */
  openPromiseCount = 0;

  constructor(world: World, process: Process) {
    this.world = world;
    this.process = process;
    this.#machine = process.machine(process.main);
    const { fsync, persist, gcInterval, compactAfterBytes, maxMemberBacklogBytes, stallTimeout } = world.settings;
    const place = preparePlace(this.#machine, "app", { path: "/data", persist });
    const limits = { maxMemberBacklogBytes, stallTimeout, compactAfterBytes, levels: spokenLevels(1) };
    const hub = { fsync, gcInterval, recover: "strict" as const, persist, ...limits };
    this.#log = new LocalLog(withHubsAnyway(this.#machine), place, { candidate: process.isCandidate, hub });
    this.view = new View({
      history: () => world.history,
      now: () => this.#log.clock.now(),
      time: () => world.scheduler.time,
      count: () => world.scheduler.count,
      epoch: () => this.#log.stats.epoch,
    });
    this.replica = new Replica(this.#tapped(), {
      clock: this.#log.clock,
      random: (bytes) => this.#machine.random(bytes),
      events: this,
      maxValueBytes: MAX_BYTES,
      maxPendingBytes: MAX_BYTES,
      maxInFlight: world.settings.maxInFlight,
    });
    this.#log.open(this.view.before(this.replica));
  }

  /** {@link Log.member} */
  get id(): string {
    return this.#log.member;
  }

  /** Whether a manager has told it what time it is. */
  get knowsTime(): boolean {
    return this.#log.clock.note !== null;
  }

  get isOpen(): boolean {
    return this.status === "open" && this.process.isAlive;
  }

  get name(): string {
    return this.process.main.name;
  }

  /** The replica shows exactly what the view says. */
  check(): void {
    const { view, replica } = this;
    const isCurrent = this.#log.stats.epoch === this.world.history.epoch;
    if (view.isJoined) this.world.clocks.expectTime(this.name, replica.now(), isCurrent);
    const shown = view.expected().view(view.now);
    view.watching.check(`${this.name}: what a watch reports`);
    const vague = view.vagueKeys();
    const keys = replica.keys().filter((key) => !vague.has(key));
    const shownKeys = Object.keys(shown).filter((key) => !vague.has(key));
    assert.equal(keys.length, shownKeys.length, `${this.name} shows the keys ${keys}, expected ${shownKeys}`);
    for (const key of keys) {
      const value = replica.get([key]);
      if (JSON.stringify(value) !== JSON.stringify(shown[key]))
        assert.deepEqual(value, shown[key], `${this.name}: value of ${key}`);
    }
    assert.equal(replica.pendingCount, view.pending.length, `${this.name}: pending writes`);
    if (this.#changes.length > 0 || view.changes.length > 0) {
      assert.deepEqual(this.#changes.splice(0), view.changes.splice(0), `${this.name}: changes that are announced`);
    }
  }

  /** Follows a promise of the storage: it is settled once, with a true result. */
  follow<T>(
    promise: Promise<T>,
    fulfilled: (value: T) => void,
    rejected: (error: NodeJS.ErrnoException) => void,
  ): void {
    this.openPromiseCount++;
    const settled = (check: () => void) => {
      this.world.scheduler.stirCount++;
      if (!this.process.isAlive) return;
      this.openPromiseCount--;
      this.world.expect(check);
    };
    promise.then(
      (value) => settled(() => fulfilled(value)),
      (error) => settled(() => rejected(error)),
    );
  }

  /** All that this member wrote before is confirmed. */
  flush(done: () => void = () => {}, refused: () => void = () => {}): void {
    const before = [...this.view.pending];
    this.follow(
      this.replica.flush(),
      () => {
        for (const written of before)
          assert(written.result !== undefined, `${this.name}: flushed a write that is pending`);
        this.world.tally.add("flush");
        done();
      },
      (error) => {
        this.#expectRefusal(error, before);
        refused();
      },
    );
  }

  /** All that any member had confirmed before is visible here. */
  sync(done: () => void = () => {}): void {
    const { history, confirmedSeq: seq } = this.world;
    this.follow(
      this.replica.sync(),
      () => {
        const { shown } = this.view;
        assert(
          shown.seq >= seq || history !== this.world.history,
          `${this.name}: synced at seq ${shown.seq}, and ${seq} was confirmed before`,
        );
        this.world.tally.add("sync");
        done();
      },
      (error) => this.#expectOver(error),
    );
  }

  /** Closes as a storage does, or removes everything. */
  leave(destroy: boolean): void {
    if (!this.isOpen) return;
    if (destroy) this.clear();
    this.status = "closing";
    this.world.scheduler.chainCount++;
    this.world.trace(`${this.name} ${destroy ? "destroys" : "closes"}`);
    this.follow(
      this.#leave(destroy),
      () => this.#closed(),
      (error) => {
        this.world.trace(`${this.name} closed with ${error.message}`);
        assert(error.code?.startsWith("ERR_STORAGE_"), String(error.stack));
        this.#closed();
      },
    );
  }

  clear(): void {
    const written = this.world.workload.clear(this);
    if (written) this.world.trace(`${this.name} clears`);
  }

  hasListeners(): boolean {
    return true;
  }

  changed(change: Change): void {
    this.#changes.push(changeText(change.type, change.path));
  }

  reloaded(): void {
    this.world.tally.add("reload");
    this.#changes.push(RELOAD);
  }

  expired(): void {}

  connected(): void {
    this.world.trace(`${this.name} joined at seq ${this.view.seq}, epoch ${this.#log.stats.epoch}`);
    this.world.workload.joined(this);
  }

  disconnected(): void {
    this.world.tally.add("part");
    this.world.trace(`${this.name} parted at seq ${this.view.seq}`);
  }

  managerChanged(): void {}

  diskTrouble(error: Error | null): void {
    if (error) this.world.trace(`${this.name} gets the error ${error.message}`);
  }

  forgotten(error: Error): void {
    this.world.trace(`${this.name} forgotten: ${error.message}`);
  }

  warned(error: Error): void {
    this.world.tally.add(`warned: ${(error as StorageError).code}`);
    this.world.trace(`${this.name} is warned: ${error.message}`);
    if ((error as StorageError).code === "ERR_STORAGE_DAMAGED" && !this.world.disk.isHurt)
      this.world.failure ??= new Error(`damage is reported where there is none: ${error.message}`);
  }

  failed(error: Error): void {
    this.status = "failed";
    this.world.memberFailed(this, error);
  }

  async #leave(destroy: boolean): Promise<void> {
    const failed = await this.#flushOrGiveUp();
    const isLost = this.replica.pendingCount > 0;
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error) => {
        this.replica.fail(new StorageError("ERR_STORAGE_CLOSED", "expected an open storage, got one that was closed"));
        if (error) reject(new StorageError("ERR_STORAGE_DISK", `the files cannot be written: ${error.message}`));
        else resolve();
      };
      if (destroy) this.#log.destroy(done);
      else this.#log.close(done);
    });
    if (isLost && failed) throw failed;
  }

  #flushOrGiveUp(): Promise<Error | null> {
    const { replica, view } = this;
    if (replica.pendingCount === 0) return Promise.resolve(null);
    return new Promise((resolve) => {
      const gaveUp = new StorageError("ERR_STORAGE_CLOSED", "no manager has confirmed the pending writes");
      const timer = this.#machine.clock.after(view.told ? 0 : CLOSE_WAIT_MS, () => resolve(gaveUp));
      const done = (error: Error | null) => {
        timer.cancel();
        resolve(error);
      };
      replica.flush().then(() => done(null), done);
    });
  }

  #closed(): void {
    this.status = "closed";
    this.world.scheduler.chainCount--;
    const { main, aliveCount } = this.process;
    this.world.trace(`${this.name} is closed`);
    assert.equal(main.timers.size, 0, `${this.name}: timers of a closed member`);
    const files = this.#machine.files as FilesOf;
    files.whenSynced(() =>
      this.world.expect(() => assert.deepEqual(files.openPaths, [], `${this.name}: files of a closed member`)),
    );
    assert.equal(aliveCount, 0, `${this.name}: a closed member keeps its process alive`);
    this.world.memberClosed(this);
  }

  #expectRefusal(error: NodeJS.ErrnoException, writes: readonly Written[]): void {
    if (error.code === "ERR_STORAGE_EXPIRED") {
      assert(
        writes.some(({ result }) => result === "expired"),
        `${this.name}: ${error.message}`,
      );
    } else this.#expectOver(error);
  }

  /** Only a member that is closed or has failed refuses. */
  #expectOver(error: NodeJS.ErrnoException): void {
    const isOver = this.status !== "open" || this.view.failure === error;
    assert(isOver && error instanceof StorageError, `${this.name}: ${error.stack}`);
  }

  /** The log as the replica sees it. */
  #tapped(): Log {
    const log = this.#log;
    const { isPushed, readCount, member, levels, stats } = log;
    return {
      ...{ isPushed, readCount, member, levels, stats },
      open: () => {},
      append: (frame) => {
        this.view.sends(frame);
        log.append(frame);
      },
      barrier: (done) => log.barrier(done),
      needLevel: (level) => log.needLevel(level),
      hold: (alive) => log.hold(alive),
      close: (done) => log.close(done),
      destroy: (done) => log.destroy(done),
    };
  }
}
