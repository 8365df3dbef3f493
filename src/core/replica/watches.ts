/** What is watched: each version of the confirmed values under some keys, and each message, in the order of the log. */
import { CLEAR, DELETE, type Entry, EXPIRE, type Path, PUBLISH } from "../log/entry.js";
import { APPLIED, type Status } from "../state/executor.js";
import { shows } from "../state/patch.js";
import type { Table } from "../state/table.js";
import { DueKeys } from "./due-keys.js";
import type { Announcer } from "./events.js";
import { Messages } from "./messages.js";
import type { PendingQueue } from "./pending-queue.js";
import { Prefixes } from "./prefixes.js";
import type { Tables } from "./tables.js";

/** One change of what is confirmed, in any member at the same place. */
export interface Version {
  /** `set`: a value is there; `delete`: it was removed; `expire`: it has expired. */
  readonly type: "set" | "delete" | "expire";
  readonly path: Path;
  /** The first key of the path. */
  readonly key: string;
  /** What is at the path then, frozen; null when nothing is. */
  readonly value: unknown;
  /** That of the batch. */
  readonly seq: number;
  /** Whether this process has written it. */
  readonly isOwn: boolean;
  /** Whether it was found in a snapshot, so that there may have been others before it. */
  readonly isReload: boolean;
}

/** Where versions go. Its calls do not throw. */
export interface Watcher {
  /** @param isInitial It is not a change, but was there when the watcher came. */
  changed(version: Version, isInitial: boolean): void;
  /** Nothing more comes. */
  failed(error: Error): void;
}

interface Watch {
  readonly watcher: Watcher;
  readonly wantsInitial: boolean;
  isEnded: boolean;
}

/** What was under a key before the whole state was replaced. */
interface Before {
  readonly value: unknown;
  readonly expiresAt: number;
}

/**
 * Invariants:
 * 1. A watcher gets versions only once this member has everything, and from then on each one, in the order of the log.
 * 2. `#due` has each watched key under which something expires, not later than that does. What has expired by `#time`, which is a log
 *    time, was announced. So every member announces an expiry at the same place: right before the first batch that comes after it.
 */
export class Watches {
  readonly #pending: PendingQueue;
  readonly #tables: Tables;
  readonly #announcer: Announcer;
  readonly messages: Messages;
  readonly #watches = new Prefixes<Watch>();
  #due = new DueKeys();
  #time = 0;
  #isActive = false;

  constructor(pending: PendingQueue, tables: Tables, announcer: Announcer) {
    this.#pending = pending;
    this.#tables = tables;
    this.#announcer = announcer;
    this.messages = new Messages(tables, announcer);
  }

  /** Whether nothing has to be done. */
  get isIdle(): boolean {
    return !this.#isActive || (this.#watches.isEmpty && this.messages.isIdle);
  }

  /**
   * Adds a watcher of all top-level keys that begin with `prefix`.
   * @param wantsInitial Whether it gets what is there now, as versions, before the changes.
   * @returns what removes it; it gets nothing afterwards.
   */
  add(prefix: string, watcher: Watcher, wantsInitial: boolean): () => void {
    if (this.#watches.isEmpty) {
      this.#due = new DueKeys();
      this.#time = this.#tables.shown.time;
    }
    const watch: Watch = { watcher, wantsInitial, isEnded: false };
    this.#watches.add(prefix, watch);
    if (this.#isActive) this.#begin(watch, prefix);
    return () => {
      watch.isEnded = true;
      this.#watches.delete(prefix, watch);
    };
  }

  /** This member has everything, for the first time. */
  activate(): void {
    this.#isActive = true;
    this.#time = this.#tables.shown.time;
    for (const [prefix, watch] of this.#watches.entries()) this.#begin(watch, prefix);
  }

  /** The next batch follows in the log, at `time`: what has expired until then comes before it. */
  advance(time: number): void {
    const since = this.#time;
    this.#time = time;
    const { shown } = this.#tables;
    const expired: { path: Path; at: number }[] = [];
    for (const key of this.#due.take(time)) {
      if (!this.#watches.has(key)) continue;
      this.#pending.onConfirmed(shown, key, () => this.#due.note(key, shown.expired(key, since, time, expired)));
    }
    if (expired.length > 1) expired.sort((a, b) => a.at - b.at || compare(a.path, b.path));
    for (const { path } of expired) this.#announce("expire", path, null, false);
  }

  /** An entry is about to be executed at its place in the log. */
  before({ type }: Entry, isOwn: boolean): void {
    if (type !== CLEAR) return;
    const { shown } = this.#tables;
    const keys = this.#pending.onConfirmed(shown, null, () => [...shown.keys(shown.time)]);
    for (const key of keys.filter((each) => this.#watches.has(each)).sort())
      this.#announce("delete", [key], null, isOwn);
  }

  /** An entry was executed at its place in the log. */
  after(entry: Entry, status: Status | 0, isOwn: boolean): void {
    const { type, path } = entry;
    if (type === PUBLISH) this.messages.deliver(entry, isOwn);
    if (status !== APPLIED || type === CLEAR) return;
    const key = path[0] as string;
    if (!this.#watches.has(key)) return;
    const { shown } = this.#tables;
    this.#pending.onConfirmed(shown, key, () => {
      this.#due.note(key, shown.nextExpiry(key));
      if (type === DELETE) this.#announce("delete", path, null, isOwn);
      else if (!shown.isPresent(path, shown.time)) this.#announce("expire", path, null, isOwn);
      else if (type !== EXPIRE) this.#announce("set", path, shown.get(path, shown.time), isOwn);
    });
  }

  /** The whole state is about to be replaced: announces what differs. */
  reload(next: Table): void {
    const { shown } = this.#tables;
    const before = this.#pending.onConfirmed(shown, null, () => this.#contentsOf(shown));
    const after = this.#contentsOf(next);
    this.#due = new DueKeys();
    this.#time = next.time;
    for (const key of [...new Set([...before.keys(), ...after.keys()])].sort()) {
      const [was, is] = [before.get(key), after.get(key)];
      this.#due.note(key, next.nextExpiry(key));
      if (is !== undefined && was !== undefined && shows(was.value, undefined, is.value, 0)) continue;
      const type = is !== undefined ? "set" : (was as Before).expiresAt <= next.time ? "expire" : "delete";
      const found = { seq: next.seq, isOwn: false, isReload: true };
      this.#send({ type, path: [key], key, value: is === undefined ? null : is.value, ...found });
    }
  }

  /** Nothing more is delivered. */
  fail(error: Error): void {
    for (const [, { watcher }] of this.#watches.entries()) this.#announcer.push(() => watcher.failed(error));
  }

  /** Notes what expires, and gives a new watcher what is there. */
  #begin(watch: Watch, prefix: string): void {
    const { shown, now } = this.#tables;
    this.#pending.onConfirmed(shown, null, () => {
      // What has expired since the last batch is announced with the next one, as in the other members.
      const keys = [...shown.keys(shown.time)].filter((key) => key.startsWith(prefix));
      for (const key of keys.sort()) {
        this.#due.note(key, shown.nextExpiry(key));
        if (!watch.wantsInitial || !shown.hasKey(key, now)) continue;
        const found = { seq: shown.seq, isOwn: false, isReload: false };
        this.#sendTo(watch, { type: "set", path: [key], key, value: shown.getKey(key, now) ?? null, ...found }, true);
      }
    });
  }

  #contentsOf(table: Table): Map<string, Before> {
    const contents = new Map<string, Before>();
    for (const key of table.keys(table.time)) {
      if (!this.#watches.has(key)) continue;
      const expiresAt = table.expiresAt([key], table.time) ?? Infinity;
      contents.set(key, { value: table.getKey(key, table.time) ?? null, expiresAt });
    }
    return contents;
  }

  #announce(type: Version["type"], path: Path, value: unknown, isOwn: boolean): void {
    const key = path[0] as string;
    this.#send({ type, path, key, value, seq: this.#tables.shown.seq, isOwn, isReload: false });
  }

  #send(version: Version): void {
    for (const watch of this.#watches.of(version.key)) this.#sendTo(watch, version, false);
  }

  #sendTo(watch: Watch, version: Version, isInitial: boolean): void {
    this.#announcer.push(() => {
      if (!watch.isEnded) watch.watcher.changed(version, isInitial);
    });
  }
}

/** Paths in one order for all members. */
function compare(one: Path, other: Path): number {
  const [a, b] = [JSON.stringify(one), JSON.stringify(other)];
  return a < b ? -1 : a > b ? 1 : 0;
}
