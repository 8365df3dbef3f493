/** Replicas over one log in memory, each compared with the naive model after every step. */
import assert from "node:assert/strict";
import { decodeEntries } from "../../../dist/core/log/codec.js";
import type { Batch, Entry } from "../../../dist/core/log/entry.js";
import { bornOf, checkAndStamp, isIntact, numberOf, originOf } from "../../../dist/core/log/frame.js";
import { spokenLevels } from "../../../dist/core/log/levels.js";
import type { Log, SnapshotHead } from "../../../dist/core/log/log.js";
import { Replica } from "../../../dist/core/replica/replica.js";
import { Table } from "../../../dist/core/state/table.js";
import { assertFrozen, framesOf, handled } from "./comparing.js";
import { Naive, pendingStamp, type Result } from "./naive.js";
import { type GivenPath, keysOf } from "./paths.js";
import { Views } from "./views.js";
import { Watchings } from "./watching.js";

interface Ordered {
  readonly batch: Batch;
  readonly frame: Buffer;
  readonly results: Result[] | "seen" | "expired";
}

export interface Written {
  readonly entry: Entry;
  readonly time: number;
  /** What its field with a stamp shows while it is pending. */
  readonly stamp: number;
  /** Its result at its place in the log; undefined: it is not in the log. */
  result: Result | "expired" | undefined;
  /** A snapshot brought it, so its result may be unknown. */
  isCovered: boolean;
}

const counts = { epoch: 1, members: 1, bytes: 0, compactions: 0, healed: 0 };
const stats = () => ({ ...counts, compactionError: null, clockOffsetMs: 0 });

/** The log as all members will see it. */
export class World {
  now = 1_700_000_000_000;
  logTime = this.now;
  readonly log: Ordered[] = [];
  readonly state = new Naive();
  readonly members: Member[];
  #origins = 0;

  /** @param maxInFlight {@link ReplicaOptions.maxInFlight} */
  constructor(count: number, maxInFlight: number) {
    this.members = Array.from({ length: count }, () => new Member(this, maxInFlight));
  }

  nextOrigin(): Buffer {
    const bytes = Buffer.alloc(7);
    bytes.writeUIntLE(++this.#origins, 0, 6);
    return bytes;
  }

  order(sent: Buffer): void {
    const frame = Buffer.from(sent);
    this.logTime = Math.max(this.logTime, this.now);
    const seq = this.log.length + 1;
    assert(checkAndStamp(frame, 0, frame.length, 1, seq, this.logTime));
    const batch: Batch = {
      seq,
      time: this.logTime,
      origin: originOf(frame, 0),
      born: bornOf(frame, 0),
      number: numberOf(frame, 0),
      entries: decodeEntries(frame, 0, frame.length),
    };
    this.log.push({ batch, frame, results: this.state.apply(batch) });
  }
}

export class Member {
  readonly replica: Replica;
  /** The log as it was delivered and is shown. */
  shown = new Naive();
  readonly pending: Written[] = [];
  /** Sent and not yet delivered: how many writes each batch has. */
  readonly sent: { origin: number; number: number; count: number }[] = [];
  readonly wire: Buffer[] = [];
  readonly returned: { value: unknown; json: string }[] = [];
  readonly waiting: { promise: Promise<unknown>; write: Written }[] = [];
  readonly refusals: { promise: Promise<unknown>; hit: Result }[] = []; // hits that the replica refused by itself
  /** Promises of writes that a batch took back, and what it threw. */
  readonly rolledBack: { promise: Promise<unknown>; error: unknown }[] = [];
  readonly updates: { promise: Promise<unknown>; writes: Written[]; isSettled: boolean }[] = [];
  readonly barriers: (() => void)[] = [];
  readonly views = new Views();
  readonly watches = new Watchings(["", "a"], () => this.now);
  /** Old connections' frames that may still reach the log. */
  stale: Buffer[] = [];
  mode: "parted" | "catching" | "joined" = "parted";
  #restored: Naive | null = null;
  #coveredSeq = 0;
  /** What the snapshot remembers of origins: of a forgotten one it is not known what was applied. */
  #remembered: SnapshotHead["origins"] = [];
  #joinedAt = 0;
  #wasJoined = false;
  #stampCount = 0;
  readonly #later: (() => void)[] = [];
  readonly #world: World;

  constructor(world: World, maxInFlight: number) {
    this.#world = world;
    const none = () => {};
    const log: Log = {
      ...{ isPushed: true, readCount: 0, member: "me" },
      open: () => {},
      append: (frame) => this.#append(frame),
      barrier: (done) => this.barriers.push(done),
      needLevel: none,
      levels: spokenLevels(1),
      hold: () => {},
      close: (done) => done(),
      destroy: (done) => done(),
      get stats() {
        return stats();
      },
    };
    this.replica = new Replica(log, {
      clock: {
        now: () => Math.max(world.now, this.#joinedAt),
        microtask: queueMicrotask,
        soon: (call) => this.#later.push(call),
        after: () => ({ cancel: none }),
      },
      random: () => world.nextOrigin(),
      maxValueBytes: 1 << 20,
      maxPendingBytes: 1 << 30,
      maxInFlight,
      events: {
        hasListeners: () => true,
        changed: none,
        reloaded: none,
        expired: none,
        connected: none,
        disconnected: none,
        managerChanged: none,
        diskTrouble: none,
        forgotten: none,
        warned: none,
        failed: none,
      },
    });
  }

  get now(): number {
    return Math.max(this.#world.now, this.shown.time, this.#joinedAt);
  }

  /** Notes a write that the replica took. */
  wrote(entry: Entry, promise?: Promise<unknown>): Written {
    const stamp = pendingStamp(entry.stamp === "" ? this.#stampCount : this.#stampCount++);
    const write: Written = { entry, time: this.now, stamp, result: undefined, isCovered: false };
    this.pending.push(write);
    if (promise) this.waiting.push({ promise: handled(promise), write });
    return write;
  }

  part(keptCount: number): void {
    if (this.mode === "parted") return;
    this.mode = "parted";
    this.stale.push(...this.wire.splice(0).slice(0, keptCount));
    this.replica.sink.disconnected();
  }

  /** Begins to catch up, from a snapshot at `seq` or from where it was. */
  connect(seq: number | undefined): void {
    if (this.mode !== "parted") return;
    this.mode = "catching";
    if (seq === undefined) return;
    const table = new Table();
    this.#restored = new Naive();
    this.#coveredSeq = seq;
    for (const { batch } of this.#world.log.slice(0, seq)) {
      table.apply(batch);
      this.#restored.apply(batch);
    }
    this.#remembered = table.head().origins;
    this.replica.sink.restoring(table.head());
    for (const frame of framesOf(table)) this.replica.sink.restored(frame, 0, frame.length);
  }

  /** Delivers the next batch of the log. False when there is none. */
  deliver(byConfirmation: boolean): boolean {
    const state = this.#restored ?? this.shown;
    const next = this.#world.log[state.seq];
    if (this.mode === "parted" || next === undefined) return false;
    const { origin, number } = next.batch;
    const place = this.sent.findIndex((batch) => batch.origin === origin && batch.number === number);
    const isOwn = place >= 0;
    if (place === 0 && byConfirmation && this.#restored === null && this.mode === "joined") {
      assert.equal(this.replica.sink.confirmed(next.batch.seq, next.batch.time), next.frame.length);
    } else {
      const padded = Buffer.concat([Buffer.alloc(3), next.frame]);
      this.replica.sink.batch(padded, 3, padded.length);
    }
    state.apply(next.batch, this.#wasJoined && state === this.shown ? this.watches.of(isOwn) : undefined);
    if (!isOwn || this.#restored !== null) return true;
    for (let older = 0; older < place; older++) this.#leave("expired");
    this.#leave(next.results);
    return true;
  }

  join(): void {
    if (this.mode !== "catching") return;
    while (this.deliver(false));
    if (this.#restored !== null) {
      if (this.#wasJoined) this.watches.reload(this.shown, this.#restored);
      this.shown = this.#restored;
      this.#restored = null;
      this.#leaveFound();
    }
    this.mode = "joined";
    this.#joinedAt = this.#world.logTime;
    this.#wasJoined ||= this.watches.begin(this.replica, this.shown, this.now);
    this.replica.sink.connected();
  }

  runLater(): void {
    for (const call of this.#later.splice(0)) call();
  }

  /** The naive view: the log so far, then the pending writes. */
  expected(): Naive {
    const view = this.shown.clone();
    for (const { entry, time, stamp } of this.pending) view.execute(entry, time, stamp);
    return view;
  }

  check(): void {
    const view = this.expected().view(this.now);
    const keys = this.replica.keys();
    assert.deepEqual([...keys].sort(), Object.keys(view).sort());
    assert.equal(this.replica.size, keys.length);
    for (const key of keys) assert.deepEqual(this.replica.get([key]), view[key], `value of ${key}`);
  }

  /** Takes a view of the confirmed state, as the log gives it to others. */
  openView(): void {
    const view = this.replica.sink.view();
    assert.equal(view !== null, this.#wasJoined && this.#restored === null, "there is a view of every whole state");
    if (view !== null) this.views.add(view, this.shown.clone());
  }

  read(given: GivenPath): void {
    const path = keysOf(given);
    const expected = this.expected();
    const isText = path.length > 1 && typeof expected.find(path.slice(0, -1), this.now) === "string";
    if (!isText && path.at(-1) !== "length") {
      assert.equal(this.replica.has(given), expected.find(path, this.now) !== undefined);
      const expiresAt = expected.expiresAt(path, this.now);
      assert.equal(this.replica.ttl(given), expiresAt === undefined ? null : expiresAt - this.now);
    }
    const value = this.replica.get(given);
    this.returned.push({ value, json: JSON.stringify(value) });
  }

  checkReturned(): void {
    for (const { value, json } of this.returned) {
      assert.equal(JSON.stringify(value), json, "a returned value has changed");
      assertFrozen(value);
    }
  }

  #append(frame: Buffer): void {
    assert(isIntact(frame, 0, frame.length));
    const origin = originOf(frame, 0);
    const number = numberOf(frame, 0);
    const count = decodeEntries(frame, 0, frame.length).length;
    if (!this.sent.some((batch) => batch.origin === origin && batch.number === number)) {
      this.sent.push({ origin, number, count });
    }
    this.wire.push(frame);
  }

  #leave(results: Result[] | "seen" | "expired"): void {
    const left = this.pending.splice(0, (this.sent.shift() as { count: number }).count);
    left.forEach((write, index) => {
      write.result = typeof results === "string" ? "expired" : (results[index] as Result);
    });
  }

  /** This member's batches that the restored state has leave the pending ones, and so do all older batches. */
  #leaveFound(): void {
    const places = this.sent.map(({ origin, number }) =>
      this.#world.log.slice(0, this.shown.seq).find(({ batch, results }) => {
        const isRemembered = this.#remembered.some(([known, highest]) => known === origin && highest >= number);
        const isTold = batch.seq > this.#coveredSeq || (Array.isArray(results) && isRemembered);
        return batch.origin === origin && batch.number === number && isTold;
      }),
    );
    for (const found of places.slice(0, places.findLastIndex((place) => place !== undefined) + 1)) {
      for (const write of this.pending.slice(0, this.sent[0]?.count)) write.isCovered = true;
      this.#leave(found?.results ?? "expired");
    }
  }
}
