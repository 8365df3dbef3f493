/** What the members of a simulation do: every operation of a storage, on few keys, so that they meet. */
import assert from "node:assert/strict";
import {
  ALWAYS,
  addEntry,
  clearEntry,
  deleteEntry,
  type Entry,
  expireEntry,
  IF_ABSENT,
  KEEP,
  patchEntry,
  publishEntry,
  setEntry,
  swapEntry,
} from "../../../dist/core/log/entry.js";
import { keysOf, stepKindsOf } from "../model/paths.js";
import type { Life } from "./clocks.js";
import { Dice } from "./dice.js";
import { expectRefusal, LimitWorkload } from "./limit-workload.js";
import type { Member } from "./member.js";
import { expectOpen, expectResult, expectUpdated } from "./promises.js";
import type { Written } from "./view.js";

const KEYS = ["a", "b", "c", "d", "n", "m"];
const FIELDS = ["x", "y", "0", "1"];
const STEPS = [...FIELDS, 0, 1];
const TTLS = [0, 0, 0, 1, 50, 400, 3000];

/** What came later than the other kinds of steps. */
const COORDINATING = ["update", "take", "publish"];

type Path = (string | number)[];

export class Workload {
  readonly #dice: Dice;
  readonly #weights: Record<string, number> = {};
  readonly #isBulky: boolean;
  #value = 0;
  /** The lives of the values that expire, by their JSON. */
  readonly lives = new Map<string, Life>();
  /** Writes that were made. */
  writeCount = 0;
  readonly limits: LimitWorkload;

  constructor(dice: Dice, seed: number) {
    this.#dice = dice;
    this.limits = new LimitWorkload(seed, () => this.writeCount++);
    const kinds = [
      "set",
      "delete",
      "touch",
      "increment",
      "add",
      "patch",
      "patchMatching",
      "batch",
      "flush",
      "sync",
      "read",
    ];
    for (const kind of kinds) this.#weights[kind] = dice.chance(0.75) ? dice.between(0.2, 2) : 0;
    this.#weights.set = dice.between(0.5, 4);
    this.#weights.clear = dice.chance(0.4) ? dice.between(0, 0.3) : 0;
    this.#isBulky = dice.chance(0.3);
    // With dice of their own, so that what a seed has done before there were these is not changed by them.
    const more = new Dice(Math.floor(this.#weights.set * 2 ** 30));
    for (const kind of COORDINATING) this.#weights[kind] = more.chance(0.75) ? more.between(0.2, 2) : 0;
  }

  /** Members coordinate nothing. */
  coordinateNothing(): void {
    for (const kind of COORDINATING) this.#weights[kind] = 0;
  }

  /** One step of a member. */
  step(member: Member): void {
    if (this.limits.isDue) this.limits.step(member);
    else this.#do(member, this.#dice.weighted(this.#weights));
    member.check();
  }

  /** Waits until a member has joined, as an application does. */
  joined(_member: Member): void {}

  /** A write that no other member makes, until it is confirmed. */
  mark(member: Member, done: () => void): void {
    this.#set(member, ["z", String(member.process.pid)]);
    member.flush(done, () => member.isOpen && member.view.failure === null && this.mark(member, done));
  }

  clear(member: Member): Written | null {
    return this.#write(member, clearEntry(), () => member.replica.clear());
  }

  #do(member: Member, kind: string): void {
    const { replica } = member;
    const dice = this.#dice;
    const path = this.#path();
    if (kind === "set") this.#set(member, path);
    else if (kind === "delete") this.#write(member, deleteEntry(keysOf(path)), () => replica.delete(path));
    else if (kind === "touch") this.#touch(member, path);
    else if (kind === "increment") this.#increment(member);
    else if (kind === "add") this.#add(member, path);
    else if (kind === "patch") this.#patch(member, path);
    else if (kind === "patchMatching") this.#patchMatching(member, path);
    else if (kind === "update") this.#update(member);
    else if (kind === "take") this.#take(member, path);
    else if (kind === "publish") this.#publish(member);
    else if (kind === "batch") this.#batch(member);
    else if (kind === "clear") this.clear(member);
    else if (kind === "flush") member.flush();
    else if (kind === "sync") member.sync();
    else {
      const keys = replica.keys();
      if (keys.length > 0) replica.get([dice.pick(keys)]);
    }
  }

  #set(member: Member, path: Path): void {
    const value = this.#newValue();
    const ttl = path[0] === "z" ? 0 : this.#dice.pick(TTLS);
    const json = JSON.stringify(value);
    const stamp = ttl === 0 ? this.#stampOf(value) : "";
    const entry = setEntry(keysOf(path), json, expiryOf(ttl, member), ALWAYS, stepKindsOf(path), stamp);
    const { clocks } = member.world;
    if (ttl > 0 && clocks.isNoticed) this.lives.set(json, clocks.lifeOf(Math.max(1, ttl - 1)));
    this.#write(member, entry, () => member.replica.set(path, value, ttl, stamp));
  }

  /** The field of a value that gets a stamp. */
  #stampOf(value: unknown): string {
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject && this.#dice.chance(0.7) ? this.#dice.pick(["at", "x"]) : "";
  }

  #touch(member: Member, path: Path): void {
    const ttl = this.#dice.pick(TTLS);
    this.#write(member, expireEntry(keysOf(path), expiryOf(ttl, member)), () => member.replica.touch(path, ttl));
  }

  #increment(member: Member): void {
    const path = [this.#dice.pick(["n", "n", "m", "a"])];
    const by = 1 + this.#dice.below(3);
    this.#write(member, addEntry(path, by, 0), () => member.replica.increment(path, by));
  }

  #add(member: Member, path: Path): void {
    const value = this.#newValue();
    const stamp = this.#stampOf(value);
    const entry = setEntry(keysOf(path), JSON.stringify(value), 0, IF_ABSENT, stepKindsOf(path), stamp);
    this.#write(member, entry, () => member.replica.add(path, value, 0, stamp));
  }

  /** Changes an object if one of its fields has the value that this member sees, or one that no member sees. */
  #patchMatching(member: Member, path: Path): void {
    const seen = member.replica.get(path);
    const fields = typeof seen === "object" && seen !== null && !Array.isArray(seen) ? Object.entries(seen) : [];
    const [field, value] = fields.length > 0 ? this.#dice.pick(fields) : [this.#dice.pick(FIELDS), 0];
    const changes = { [field]: this.#newValue() };
    const match = { [field]: value };
    const entry = patchEntry(keysOf(path), JSON.stringify({ set: changes, match }), KEEP);
    this.#write(member, entry, () => member.replica.patch(path, changes, { match }));
  }

  #patch(member: Member, path: Path): void {
    const field = this.#dice.pick(FIELDS);
    const changes: Record<string, unknown> = { [this.#dice.pick(FIELDS)]: this.#newValue() };
    if (this.#dice.chance(0.3)) changes[field] = undefined;
    const remove = Object.keys(changes).filter((name) => changes[name] === undefined);
    const stamp = this.#dice.chance(0.3) ? "at" : "";
    const entry = patchEntry(keysOf(path), JSON.stringify({ set: changes, remove }), KEEP, stamp);
    this.#write(member, entry, () => member.replica.patch(path, changes, {}, stamp));
  }

  #publish(member: Member): void {
    const [channel, data] = [this.#dice.pick(KEYS), this.#newValue()];
    const entry = publishEntry(channel, JSON.stringify(data), member.view.now + 5000);
    this.#write(member, entry, () => member.replica.coordination.publish(channel, data));
  }

  #take(member: Member, path: Path): void {
    this.#write(member, deleteEntry(keysOf(path)), () => member.replica.coordination.take(path));
  }

  /** Adds to a number of all members, or to one below a path; each try is a write. */
  #update(member: Member): void {
    const path = this.#dice.chance(0.7) ? ["u"] : this.#path();
    const by = 1 + this.#dice.below(3);
    const ttl = this.#dice.chance(0.8) ? undefined : this.#dice.pick(TTLS);
    const tries: Written[] = [];
    const fn = (current: unknown): unknown => {
      const expected = member.view.expected();
      const { now } = member.view;
      const from = expected.find(keysOf(path), now) === undefined ? undefined : current;
      const to = typeof current === "number" ? current + by : by;
      const expiresAt = ttl === undefined ? KEEP : expiryOf(ttl, member);
      const entry = swapEntry(keysOf(path), JSON.stringify({ from, to }), expiresAt, stepKindsOf(path));
      this.writeCount++;
      if (expected.execute(entry, now, 0) !== "too far") tries.push(member.view.wrote(entry));
      return to;
    };
    member.follow(
      member.replica.coordination.update(path, fn, { ttl }, () => expectOpen(member)),
      (value) => expectUpdated(member, tries, value),
      (error) => {
        const last = tries.at(-1);
        if (error.name !== "RangeError" && last !== undefined) expectRefusal(member, last, error);
      },
    );
  }

  #batch(member: Member): void {
    const count = member.view.pending.length;
    const fails = this.#dice.chance(0.1);
    const run = () =>
      member.replica.batch(() => {
        const steps = 2 + this.#dice.below(3);
        for (let step = 0; step < steps; step++) this.#do(member, this.#dice.pick(["set", "delete", "set", "patch"]));
        if (fails) throw new SyntaxError("rolled back");
      });
    if (!fails) {
      run();
      return;
    }
    assert.throws(run, SyntaxError);
    member.view.pending.length = count;
  }

  /** Writes to a member, and follows what becomes of it. */
  #write(member: Member, entry: Entry, call: () => unknown): Written | null {
    let result: unknown;
    try {
      result = call();
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
    if (result === false) return null;
    this.writeCount++;
    const written = member.view.wrote(entry);
    if (result instanceof Promise) {
      member.follow(
        result,
        (value) => expectResult(member, written, value),
        (error) => expectRefusal(member, written, error),
      );
    }
    return written;
  }

  #newValue(): unknown {
    const id = ++this.#value;
    if (this.#isBulky && this.#dice.chance(0.5)) return { id, text: "x".repeat(this.#dice.below(2000)) };
    return this.#dice.chance(0.3) ? { id, x: { y: id } } : this.#dice.chance(0.2) ? [id, { x: id }] : id;
  }

  #path(): Path {
    const path: Path = [this.#dice.pick(KEYS)];
    while (path.length < 3 && this.#dice.chance(0.35)) path.push(this.#dice.pick(STEPS));
    return path;
  }
}

function expiryOf(ttl: number, member: Member): number {
  return ttl === 0 ? 0 : member.view.now + Math.max(1, ttl - 1);
}
