/** What a watch must report, and which messages must come, found the simple way: from the naive state before and after each entry of the log. */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { CLEAR, DELETE, type Entry, EXPIRE, LEFT, PUBLISH } from "../../../dist/core/log/entry.js";
import type { Message } from "../../../dist/core/replica/messages.js";
import type { Replica } from "../../../dist/core/replica/replica.js";
import type { Version } from "../../../dist/core/replica/watches.js";
import { isApplied, type Naive, type Observer, type Result } from "./naive.js";

/** The members of objects in one order: the real state may have them in another one. */
const ordered = (_key: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/** A version as a text, to be compared. */
const versionText = ({ type, path, key, value, seq, isOwn, isReload }: Version): string =>
  `${seq} ${type} ${JSON.stringify(path)} ${JSON.stringify(value, ordered)}${isOwn ? " own" : ""}${isReload ? " reload" : ""}${key === path[0] ? "" : ` ${key}`}`;

const messageText = ({ channel, data, seq, isOwn }: Message): string =>
  `${seq} message ${channel} ${JSON.stringify(data, ordered)}${isOwn ? " own" : ""}`;

const sorted = (keys: Iterable<string>): string[] => [...new Set(keys)].sort();

export class Watching implements Observer {
  /** What was reported since the last check, and what must have been, oldest first. */
  readonly #reported: string[] = [];
  readonly #expected: string[] = [];
  readonly #prefix: string;
  readonly #now: () => number;
  #isOwn = false;
  #droppedCount = 0;
  #droppedSoFar = (): number => 0;

  /** @param now The time of the member. */
  constructor(prefix: string, now: () => number) {
    this.#prefix = prefix;
    this.#now = now;
  }

  /** Watches all keys with the prefix, with what is there at the beginning, and gets the messages on such channels. */
  watch({ watches }: Replica): void {
    const prefix = this.#prefix;
    watches.add(prefix, { changed: (version) => this.#reported.push(versionText(version)), failed: () => {} }, true);
    watches.messages.subscribe(prefix, (message) => this.#reported.push(messageText(message)));
    this.#droppedSoFar = () => watches.messages.droppedCount;
  }

  check(what: string): void {
    if (this.#prefix === "")
      assert.equal(this.#droppedSoFar(), this.#droppedCount, `${what}: messages that come too late`);
    if (this.#reported.length === 0 && this.#expected.length === 0) return;
    assert.deepEqual(this.#reported.splice(0), this.#expected.splice(0), what);
  }

  /** The next batch is one of this member, or not. */
  of(isOwn: boolean): this {
    this.#isOwn = isOwn;
    return this;
  }

  /** What is there when the watch begins, at a time. */
  begin(state: Naive, now: number): void {
    const seen = state.view(now);
    for (const key of sorted(Object.keys(seen)))
      this.#expect({ type: "set", path: [key], value: seen[key], seq: state.seq, isOwn: false });
  }

  /** Log time has come from `since` to that of the state. */
  advanced(state: Naive, since: number): void {
    const expired: { path: string[]; at: number }[] = [];
    for (const [key, { expiries }] of state.slots) {
      const passed = [...expiries].filter(([, at]) => at <= state.time).map(([text, at]) => ({ text, at }));
      for (const { text, at } of passed) {
        const below: string[] = JSON.parse(text);
        const above = below.map((_, depth) => JSON.stringify(below.slice(0, depth)));
        if (at > since && !passed.some((other) => above.includes(other.text)))
          expired.push({ path: [key, ...below], at });
      }
    }
    const place = ({ path, at }: { path: string[]; at: number }) =>
      `${String(at).padStart(16)} ${JSON.stringify(path)}`;
    for (const { path } of expired.sort((a, b) => (place(a) < place(b) ? -1 : 1)))
      this.#expect({ type: "expire", path, value: null, seq: state.seq, isOwn: false });
  }

  before(state: Naive, { type }: Entry): void {
    if (type !== CLEAR) return;
    for (const key of sorted(Object.keys(state.view(state.time)))) this.#own("delete", [key], null, state);
  }

  after(state: Naive, { type, path, json, expiresAt }: Entry, result: Result): void {
    const [key] = path as [string];
    if (type === PUBLISH && this.#now() > expiresAt) this.#droppedCount++;
    else if (type === PUBLISH && key.startsWith(this.#prefix))
      this.#expected.push(messageText({ channel: key, data: JSON.parse(json), seq: state.seq, isOwn: this.#isOwn }));
    if (!isApplied(result) || type === CLEAR || type === LEFT) return;
    const seen = state.seen(path, state.time);
    if (type === DELETE) this.#own("delete", path, null, state);
    else if (seen === undefined) this.#own("expire", path, null, state);
    else if (type !== EXPIRE) this.#own("set", path, seen, state);
  }

  /** The whole state is replaced. */
  reload(before: Naive, after: Naive): void {
    const [was, is] = [before.view(before.time), after.view(after.time)];
    for (const key of sorted([...Object.keys(was), ...Object.keys(is)])) {
      if (isDeepStrictEqual(was[key], is[key])) continue;
      const hasExpired = (before.expiresAt([key], before.time) ?? Number.POSITIVE_INFINITY) <= after.time;
      const type = is[key] !== undefined ? "set" : hasExpired ? "expire" : "delete";
      this.#expect({ type, path: [key], value: is[key] ?? null, seq: after.seq, isOwn: false, isReload: true });
    }
  }

  #own(type: Version["type"], path: readonly string[], value: unknown, state: Naive): void {
    this.#expect({ type, path, value, seq: state.seq, isOwn: this.#isOwn });
  }

  #expect(version: Omit<Version, "key" | "isReload"> & { isReload?: boolean }): void {
    const [key] = version.path as [string];
    if (key.startsWith(this.#prefix)) this.#expected.push(versionText({ isReload: false, ...version, key }));
  }
}

/** Watches of several prefixes. */
export class Watchings implements Observer {
  readonly #all: readonly { readonly prefix: string; readonly watching: Watching }[];

  constructor(prefixes: readonly string[], now: () => number) {
    this.#all = prefixes.map((prefix) => ({ prefix, watching: new Watching(prefix, now) }));
  }

  /** Watches a replica that is about to have everything for the first time. */
  begin(replica: Replica, state: Naive, now: number): true {
    for (const { watching } of this.#all) {
      watching.watch(replica);
      watching.begin(state, now);
    }
    return true;
  }

  of(isOwn: boolean): this {
    for (const { watching } of this.#all) watching.of(isOwn);
    return this;
  }

  advanced(state: Naive, since: number): void {
    for (const { watching } of this.#all) watching.advanced(state, since);
  }

  before(state: Naive, entry: Entry): void {
    for (const { watching } of this.#all) watching.before(state, entry);
  }

  after(state: Naive, entry: Entry, result: Result): void {
    for (const { watching } of this.#all) watching.after(state, entry, result);
  }

  reload(before: Naive, after: Naive): void {
    for (const { watching } of this.#all) watching.reload(before, after);
  }

  check(): void {
    for (const { prefix, watching } of this.#all) watching.check(`what a watch of "${prefix}" reports`);
  }
}
