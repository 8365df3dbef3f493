import {
  ALWAYS,
  addEntry,
  type Condition,
  clearEntry,
  deleteEntry,
  type Entry,
  expireEntry,
  IF_ABSENT,
  KEEP,
  type Path,
  patchEntry,
  setEntry,
} from "../log/entry.js";
import type { Log, LogSink } from "../log/log.js";
import { APPLIED } from "../state/executor.js";
import { kindsOf, parsePath, type UserPath } from "../state/path.js";
import { NO_SLOT, type Table } from "../state/table.js";
import { Coordination } from "./coordination.js";
import { Announcer, type ReplicaEvents } from "./events.js";
import { Limits } from "./limits.js";
import { Locks } from "./locks.js";
import { LogApplier } from "./log-applier.js";
import { Outbox, originFrom } from "./outbox.js";
import { checkPatchOptions, type PatchOptions, patchJsonOf } from "./patch-text.js";
import { PendingQueue } from "./pending-queue.js";
import { type ReplicaClock, Tables } from "./tables.js";
import { expiryOf, jsonOf } from "./value.js";
import { Watches } from "./watches.js";
import { Writer } from "./writer.js";

export type { Change, ReplicaEvents } from "./events.js";
export type { ReplicaClock } from "./tables.js";

/** What a replica needs besides its log. */
export interface ReplicaOptions {
  readonly clock: ReplicaClock;
  readonly events: ReplicaEvents;
  /** Unpredictable bytes, from which the number of an origin is made. */
  readonly random: (bytes: number) => Buffer;
  /** Most UTF-8 bytes of the JSON text of one value. */
  readonly maxValueBytes: number;
  /** Most bytes of pending writes. */
  readonly maxPendingBytes: number;
  /** Most batches on their way; a long batch is sent all the same. What is written meanwhile becomes one batch. */
  readonly maxInFlight: number;
}

const NO_KEY = (): boolean => false;

/**
 * The whole storage as one member sees it: the confirmed state with this member's pending writes on top. Gives every
 * read, takes every write, without waiting.
 */
export class Replica {
  readonly limits: Limits;
  readonly #maxValueBytes: number;
  readonly #pending = new PendingQueue();
  readonly #tables: Tables;
  readonly #applier: LogApplier;
  readonly #writer: Writer;
  /** Writes by which processes agree. */
  readonly coordination: Coordination;
  readonly watches: Watches;
  readonly locks: Locks;
  readonly #now = (): number => this.#tables.now;
  readonly #hasKey = (key: string): boolean => this.#table.holds(key) && this.#table.hasKey(key, this.now());

  /** @param log Still to be opened, with `sink`. */
  constructor(log: Log, options: ReplicaOptions) {
    const { clock, events, random, maxValueBytes, maxPendingBytes, maxInFlight } = options;
    this.#maxValueBytes = maxValueBytes;
    const pending = this.#pending;
    const tables = new Tables(clock);
    const outbox = new Outbox(
      pending,
      (frame) => log.append(frame),
      () => originFrom(random(7)),
      maxInFlight,
    );
    const writer = new Writer(log, pending, outbox, tables, maxPendingBytes);
    this.#tables = tables;
    this.#writer = writer;
    this.limits = new Limits({ tables, writer, table: () => this.#table, parse: (path) => this.#parse(path) });
    this.coordination = new Coordination({ writer, pending, tables, maxValueBytes, hasKey: this.#hasKey });
    const announcer = new Announcer(events, clock);
    this.watches = new Watches(pending, tables, announcer);
    this.locks = new Locks({ writer, pending, tables, random, member: log.member }, announcer);
    const { watches, locks } = this;
    this.#applier = new LogApplier({ clock, tables, pending, outbox, writer, announcer, watches, locks });
  }

  /** Bytes of writes that are not confirmed. */
  get pendingBytes(): number {
    return this.#pending.bytes;
  }

  /** Whether there are writes that are not confirmed. */
  get hasPending(): boolean {
    return this.#pending.batches.length > 0;
  }

  /** Writes that are not confirmed. */
  get pendingCount(): number {
    return this.#pending.batches.reduce((count, batch) => count + batch.ops.length, 0);
  }

  /** How long the oldest pending write has been waiting, in ms of storage time; 0 when there is none. */
  get lagMs(): number {
    const oldest = this.#pending.batches[0]?.ops[0];
    return oldest === undefined ? 0 : Math.max(0, this.now() - oldest.time);
  }

  /** ms from when the last batch was ordered until it, or its confirmation, came here. */
  get delayMs(): number {
    return this.#applier.delayMs;
  }

  /** Storage time in ms since 1970, never earlier than the log. */
  now(): number {
    return this.#tables.now;
  }

  /** The value at a path, frozen; null when there is none. */
  get(path: UserPath): unknown {
    const key: unknown = Array.isArray(path) && path.length === 1 ? path[0] : path;
    const value = typeof key === "string" ? this.#table.frozenValue(key, this.#now) : undefined;
    if (value !== undefined && value !== NO_SLOT) return value;
    return this.#table.read(parsePath(path, value === NO_SLOT ? NO_KEY : this.#hasKey), this.#now) ?? null;
  }

  has(path: UserPath): boolean {
    return this.#table.has(this.#parse(path), this.now());
  }

  /** ms until what is at a path expires; `Infinity`: never; null: nothing is there. */
  ttl(path: UserPath): number | null {
    const keys = this.#parse(path);
    const now = this.now();
    const expiresAt = this.#table.expiresAt(keys, now);
    return expiresAt === undefined ? null : expiresAt - now;
  }

  /** The live top-level keys that begin with `prefix`, in no order. */
  keys(prefix = ""): string[] {
    const keys = [...this.#table.keys(this.now())];
    return prefix === "" ? keys : keys.filter((key) => key.startsWith(prefix));
  }

  /** {@link Table.keyParts}. Each part takes a few ms at most. */
  keyParts(prefix: string): Iterable<readonly string[]> {
    // Between two parts, entries may be lifted off what was confirmed.
    return this.#table.keyParts(prefix, () => {
      this.#perform();
      return this.now();
    });
  }

  /** Whether something is under a top-level key, be it expired: then it is for a second at least until it is dropped. */
  holds(key: string): boolean {
    return this.#table.holds(key);
  }

  /** As `get`, of a top-level key, but what was not read before stays text: the value, which is not frozen then, is of this call alone. */
  peek(key: string): unknown {
    return this.#table.peek(key, this.now()) ?? null;
  }

  /** {@link PendingQueue.keys} */
  get pendingKeys(): ReadonlyMap<string, unknown> | null {
    return this.#pending.keys;
  }

  /** The live top-level keys that begin with `prefix`, with their values, frozen. */
  entries(prefix = ""): [key: string, value: unknown][] {
    const now = this.now();
    return this.keys(prefix).map((key) => [key, this.#table.getKey(key, now) ?? null]);
  }

  /** How many live top-level keys there are. */
  get size(): number {
    return this.#table.size(this.now());
  }

  /**
   * @param ttl In ms; undefined, null or 0: never expires.
   * @param stamp A field of the value, which must be an object then, that gets the place of this write in the log: see `stamps.ts`.
   */
  set(path: UserPath, value: unknown, ttl?: number | null, stamp = ""): void {
    this.#writer.write(this.#setEntry(path, value, ttl, ALWAYS, stamp));
  }

  delete(path: UserPath): void {
    this.#writer.write(deleteEntry(this.#parse(path)));
  }

  /** As `set`, if nothing is there, at its place in the log. Resolves with whether nothing was. */
  add(path: UserPath, value: unknown, ttl?: number | null, stamp = ""): Promise<boolean> {
    const entry = this.#setEntry(path, value, ttl, IF_ABSENT, stamp);
    return this.#writer.promise(entry, (op) => op.status === APPLIED);
  }

  /** Gives what is at a path another expiry, or none. False, and nothing is written, when nothing is known to be there. */
  touch(path: UserPath, ttl: number | null): boolean {
    const keys = this.#parse(path);
    if (ttl === undefined) throw new TypeError("expected a ttl in ms, or 0 for one that never ends, got undefined");
    const now = this.now();
    const expiresAt = expiryOf(ttl, this.#now);
    if (!this.#table.isPresent(keys, now)) return false;
    this.#writer.write(expireEntry(keys, expiresAt));
    return true;
  }

  /**
   * Adds to the number at a path. Resolves with the sum at its place in the log. Throws at once what `set` throws.
   * @param ttl In ms, from the creation on, if it is created.
   */
  increment(path: UserPath, by = 1, ttl?: number | null): Promise<number> {
    if (typeof by !== "number") throw new TypeError(`expected an amount as a number, got ${typeof by}`);
    if (!Number.isFinite(by)) throw new RangeError(`expected a finite amount, got ${by}`);
    const keys = this.#parse(path);
    const entry = addEntry(keys, by, expiryOf(ttl, this.#now), kindsOf(path, keys));
    return this.#writer.promise(entry, (op) => op.number);
  }

  /**
   * Changes fields of the object at a path, at its place in the log. Resolves with whether it was there and matched. Throws
   * at once what `set` throws.
   * @param changes The new values by field; undefined: the field is removed.
   * @param stamp A field of the object that gets the place of this patch in the log, after all changes.
   */
  patch(path: UserPath, changes: unknown, options: PatchOptions = {}, stamp = ""): Promise<boolean> {
    const keys = this.#parse(path);
    const { ttl, match } = checkPatchOptions(options);
    const json = patchJsonOf(changes, match, keys.length, this.#maxValueBytes);
    const expiresAt = ttl === undefined ? KEEP : expiryOf(ttl, this.#now);
    return this.#writer.promise(patchEntry(keys, json, expiresAt, stamp), (op) => op.status === APPLIED);
  }

  clear(): void {
    this.#writer.write(clearEntry());
  }

  /** {@link Writer.batch} */
  batch(fn: () => unknown): void {
    this.#writer.batch(fn);
  }

  /** {@link Writer.isInBatch} */
  get isInBatch(): boolean {
    return this.#writer.isInBatch;
  }

  /** {@link Writer.flush} */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /** {@link Writer.sync} */
  sync(): Promise<void> {
    return this.#writer.sync();
  }

  /** {@link Writer.fail} */
  fail(error: Error): void {
    this.#writer.fail(error);
    this.limits.end();
    this.locks.fail(error);
  }

  /** The seq of the last batch that was delivered; 0 when there is no state yet. */
  get seq(): number {
    return this.#applier.seq;
  }

  /** Frames that the log has delivered; grows while there is progress. */
  get deliveredCount(): number {
    return this.#applier.deliveredCount;
  }

  /** What the log delivers to. */
  get sink(): LogSink {
    return this.#applier;
  }

  /** What the user sees. */
  get #table(): Table {
    this.#perform();
    return this.#tables.shown;
  }

  #perform(): void {
    if (this.#pending.isLifted) this.#pending.perform(this.#tables.shown);
  }

  #parse(path: UserPath): Path {
    return parsePath(path, this.#hasKey);
  }

  #setEntry(
    path: UserPath,
    value: unknown,
    ttl: number | null | undefined,
    condition: Condition,
    stamp: string,
  ): Entry {
    const keys = this.#parse(path);
    const expiresAt = expiryOf(ttl, this.#now);
    const json = jsonOf(value, keys.length, this.#maxValueBytes);
    if (stamp !== "" && !json.startsWith("{")) throw new TypeError("expected an object to stamp, got another value");
    return setEntry(keys, json, expiresAt, condition, kindsOf(path, keys), stamp);
  }
}
