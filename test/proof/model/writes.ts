/** What members write in the model test: single writes, and batches of them, nested, that end well or are taken back. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ALWAYS,
  addEntry,
  clearEntry,
  deleteEntry,
  expireEntry,
  IF_ABSENT,
  KEEP,
  patchEntry,
  publishEntry,
  setEntry,
} from "../../../dist/core/log/entry.js";
import { type GivenPath, keysOf, stepKindsOf } from "./paths.js";
import type { Member } from "./world.js";

/** Shows what a step does when fast-check prints a failure. */
export function named<F extends object>(name: string, args: unknown, act: F): F {
  return Object.assign(act, { [fc.toStringMethod]: () => `${name} ${JSON.stringify(args)}`, title: [name, args] });
}

export const titleOf = (act: unknown): unknown => (act as { title: unknown }).title;

const keys = fc.constantFrom("a", "b");
const arrayPaths = fc.oneof(
  fc.tuple(keys),
  fc.tuple(keys, fc.constantFrom("x", "y", "0", "1", 0, 1)),
  fc.tuple(keys, fc.constantFrom("x", "0", 0), fc.constantFrom("x", "1", 1, "length", "70000", 70000)),
);
export const paths: fc.Arbitrary<GivenPath> = fc.oneof(
  { weight: 3, arbitrary: arrayPaths },
  { weight: 1, arbitrary: arrayPaths.map((path) => path.join(".")) },
);
const values = fc.oneof(
  fc.constantFrom<unknown>(1, 2, null, "text", {}, [], { x: { x: 1 } }, { x: 1, y: [1] }, [[1, 2], { x: 3 }]),
  fc.jsonValue({ maxDepth: 2 }).filter((value) => !JSON.stringify(value).includes("__proto__")),
);
/** The field that gets a stamp; none mostly. */
const stamps = fc.constantFrom("", "", "", "x", "y");
const ttls = fc.constantFrom(0, 0, 0, 1, 900, 1000, 5000);
const fields = fc.constantFrom("x", "y", "0", "1");
const changes = fc.dictionary(fields, fc.option(values, { nil: undefined, freq: 4 }), {
  maxKeys: 3,
  noNullPrototype: true,
});
/** What a patch asks for: nothing, some values, or a field as its member sees it. */
const matches = fc.oneof(
  fc.constantFrom("none" as const, "seen" as const, "seen" as const),
  fc.dictionary(fields, values, { maxKeys: 1, noNullPrototype: true }),
);

/** The last ms of a ttl is left out, but for a ttl of 1. */
export const expiryOf = (ttl: number, member: Member): number => (ttl === 0 ? 0 : member.now + Math.max(1, ttl - 1));

/** The value of one field of what a member sees at a path. */
function seenAt(member: Member, path: GivenPath): Record<string, unknown> | undefined {
  const seen: unknown = member.replica.get(path);
  if (typeof seen !== "object" || seen === null || Array.isArray(seen)) return undefined;
  return Object.fromEntries(Object.entries(seen).slice(-1));
}

/** What writes are made of. */
export interface Parts {
  readonly paths: fc.Arbitrary<GivenPath>;
  readonly values: fc.Arbitrary<unknown>;
  readonly amounts: fc.Arbitrary<number>;
  readonly ttls: fc.Arbitrary<number>;
  /** `undefined`: the expiry stays as it is. */
  readonly patchTtls: fc.Arbitrary<number | undefined>;
  readonly changes: fc.Arbitrary<Record<string, unknown>>;
  readonly matches: fc.Arbitrary<"none" | "seen" | Record<string, unknown>>;
}

/** Only an object can have a stamp. */
const stampIn = (value: unknown, stamp: string): string =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? stamp : "";

/** Writes to a member, and notes it unless an array would grow too far. */
export function write(member: Member, call: () => unknown, entry: Parameters<Member["wrote"]>[0]): void {
  try {
    const result = call();
    if (result === false) return;
    member.wrote(entry, result instanceof Promise ? result : undefined);
  } catch (error) {
    assert(error instanceof RangeError, String(error));
  }
}

/** Increments of what their parts may be. */
export function incrementsOf({ paths, amounts, ttls }: Parts) {
  return fc.tuple(paths, amounts, ttls).map(([path, by, ttl]) =>
    named("increment", [path, by, ttl], (member: Member) => {
      const entry = addEntry(keysOf(path), by, expiryOf(ttl, member), stepKindsOf(path));
      write(member, () => member.replica.increment(path, by, ttl), entry);
    }),
  );
}

/** Single writes of what their parts may be, but patches. */
export function writesOf(parts: Parts) {
  const { paths, values, ttls } = parts;
  return fc.oneof(
    fc.tuple(paths, values, ttls, stamps).map(([path, value, ttl, asked]) =>
      named("set", [path, value, ttl, asked], (member: Member) => {
        const stamp = stampIn(value, asked);
        const json = JSON.stringify(value);
        const entry = setEntry(keysOf(path), json, expiryOf(ttl, member), ALWAYS, stepKindsOf(path), stamp);
        write(member, () => member.replica.set(path, value, ttl, stamp), entry);
      }),
    ),
    paths.map((path) =>
      named("delete", path, (member: Member) =>
        write(member, () => member.replica.delete(path), deleteEntry(keysOf(path))),
      ),
    ),
    fc.tuple(fc.constantFrom("a", "b", "ab", "c"), values).map(([channel, data]) =>
      named("publish", [channel, data], (member: Member) => {
        const entry = publishEntry(channel, JSON.stringify(data), member.now + 5000);
        write(member, () => member.replica.coordination.publish(channel, data), entry);
      }),
    ),
    paths.map((path) =>
      named("take", path, (member: Member) =>
        write(member, () => member.replica.coordination.take(path), deleteEntry(keysOf(path))),
      ),
    ),
    incrementsOf(parts),
    fc.tuple(paths, ttls).map(([path, ttl]) =>
      named("touch", [path, ttl], (member: Member) => {
        const entry = expireEntry(keysOf(path), expiryOf(ttl, member));
        write(member, () => member.replica.touch(path, ttl), entry);
      }),
    ),
    fc.tuple(paths, values, ttls, stamps).map(([path, value, ttl, asked]) =>
      named("add", [path, value, ttl, asked], (member: Member) => {
        const stamp = stampIn(value, asked);
        const json = JSON.stringify(value);
        const entry = setEntry(keysOf(path), json, expiryOf(ttl, member), IF_ABSENT, stepKindsOf(path), stamp);
        write(member, () => member.replica.add(path, value, ttl, stamp), entry);
      }),
    ),
  );
}

/** Patches of what their parts may be. */
export function patchesOf({ paths, changes, matches, patchTtls }: Parts) {
  return fc.tuple(paths, changes, matches, patchTtls, stamps).map(([path, changed, asks, ttl, stamp]) =>
    named("patch", [path, changed, asks, ttl, stamp], (member: Member) => {
      const match = asks === "none" ? undefined : asks === "seen" ? seenAt(member, path) : asks;
      const remove = Object.keys(changed).filter((field) => changed[field] === undefined);
      const expiresAt = ttl === undefined ? KEEP : expiryOf(ttl, member);
      const entry = patchEntry(keysOf(path), JSON.stringify({ set: changed, remove, match }), expiresAt, stamp);
      write(member, () => member.replica.patch(path, changed, { ttl, match }, stamp), entry);
    }),
  );
}

/** Any kind of write, of two keys. */
export const anyParts: Parts = {
  paths,
  values,
  amounts: fc.integer({ min: -2, max: 2 }),
  ttls,
  patchTtls: fc.option(ttls, { nil: undefined }),
  changes,
  matches,
};
export const writes = writesOf(anyParts);
export const patches = patchesOf(anyParts);

export const clears = fc.constant(
  named("clear", [], (member: Member) => write(member, () => member.replica.clear(), clearEntry())),
);
/** Why a batch is taken back. */
class RolledBack extends Error {}

/** The function of a batch, or of one within it, has thrown or has returned a promise. */
function expectRolledBack(error: unknown): void {
  assert(error instanceof RolledBack || error instanceof TypeError, String(error));
}

/** Runs a batch of a member; when it throws, none of its writes has happened, whatever the batches inside it did. */
function runBatch(member: Member, acts: ((member: Member) => void)[], end: "returns" | "throws" | "promises"): void {
  const count = member.pending.length;
  const waitingCount = member.waiting.length;
  const run = () => {
    for (const act of acts) act(member);
    if (end === "throws") throw new RolledBack();
    return end === "promises" ? Promise.resolve() : undefined;
  };
  try {
    member.replica.batch(run);
    assert.equal(end, "returns", "a batch of a function that ends otherwise throws");
  } catch (error) {
    expectRolledBack(error);
    member.pending.length = count;
    for (const { promise } of member.waiting.splice(waitingCount)) member.rolledBack.push({ promise, error });
    throw error;
  }
}

const catching =
  (act: (member: Member) => void) =>
  (member: Member): void => {
    try {
      act(member);
    } catch (error) {
      expectRolledBack(error);
    }
  };

/** Batches of single writes, of clears and of batches. */
export function batchesOf(singles: fc.Arbitrary<(member: Member) => void>) {
  const { batch } = fc.letrec<{ batch: (member: Member) => void }>((tie) => ({
    batch: fc
      .tuple(
        fc.array(
          fc.oneof(
            { weight: 6, arbitrary: singles },
            { weight: 1, arbitrary: clears },
            { weight: 2, arbitrary: tie("batch") },
            { weight: 2, arbitrary: tie("batch").map((inner) => named("catch", titleOf(inner), catching(inner))) },
          ),
          { maxLength: 4, depthIdentifier: "batch" },
        ),
        fc.constantFrom("returns" as const, "returns" as const, "throws" as const, "promises" as const),
      )
      .map(([inner, end]) =>
        named("batch", [inner.map(titleOf), end], (member: Member) => runBatch(member, inner, end)),
      ),
  }));
  return batch.map((outermost) => named("outermost", titleOf(outermost), catching(outermost)));
}
export const batches = batchesOf(fc.oneof(writes, patches));
