import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addEntry,
  clearEntry,
  deleteEntry,
  expireEntry,
  IF_ABSENT,
  KEEP,
  patchEntry,
  setEntry,
} from "../../../dist/core/log/entry.js";
import { type Member, World } from "./world.js";

const RUNS = 1500 * Number(process.env.CLUSTER_STORAGE_RUNS ?? 1);
const HOUR_MS = 60 * 60 * 1000;

/** Shows what a step does when fast-check prints a failure. */
function named<F extends object>(name: string, args: unknown, act: F): F {
  return Object.assign(act, { [fc.toStringMethod]: () => `${name} ${JSON.stringify(args)}`, title: [name, args] });
}

type Step = (world: World) => unknown;

const keys = fc.constantFrom("a", "b");
const paths = fc.oneof(
  fc.tuple(keys),
  fc.tuple(keys, fc.constantFrom("x", "y", "0", "1")),
  fc.tuple(keys, fc.constantFrom("x", "0"), fc.constantFrom("x", "1", "length", "70000")),
);
const values = fc.oneof(
  fc.constantFrom<unknown>(1, 2, null, "text", {}, [], { x: { x: 1 } }, { x: 1, y: [1] }, [[1, 2], { x: 3 }]),
  fc.jsonValue({ maxDepth: 2 }).filter((value) => !JSON.stringify(value).includes("__proto__")),
);
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
const expiryOf = (ttl: number, member: Member): number => (ttl === 0 ? 0 : member.now + Math.max(1, ttl - 1));

/** The value of one field of what a member sees at a path. */
function seenAt(member: Member, path: string[]): Record<string, unknown> | undefined {
  const seen: unknown = member.replica.get(path);
  if (typeof seen !== "object" || seen === null || Array.isArray(seen)) return undefined;
  return Object.fromEntries(Object.entries(seen).slice(-1));
}

/** Writes to a member, and notes it unless an array would grow too far. */
function write(member: Member, call: () => unknown, entry: Parameters<Member["wrote"]>[0]): void {
  try {
    const result = call();
    if (result === false) return;
    member.wrote(entry, result instanceof Promise ? result : undefined);
  } catch (error) {
    assert(error instanceof RangeError, String(error));
  }
}

const writes = fc.oneof(
  fc.tuple(paths, values, ttls).map(([path, value, ttl]) =>
    named("set", [path, value, ttl], (member: Member) => {
      const expiresAt = expiryOf(ttl, member);
      write(member, () => member.replica.set(path, value, ttl), setEntry(path, JSON.stringify(value), expiresAt));
    }),
  ),
  paths.map((path) =>
    named("delete", path, (member: Member) => write(member, () => member.replica.delete(path), deleteEntry(path))),
  ),
  fc.tuple(paths, fc.integer({ min: -2, max: 2 }), ttls).map(([path, by, ttl]) =>
    named("increment", [path, by, ttl], (member: Member) => {
      const entry = addEntry(path, by, expiryOf(ttl, member));
      write(member, () => member.replica.increment(path, by, ttl), entry);
    }),
  ),
  fc.tuple(paths, ttls).map(([path, ttl]) =>
    named("touch", [path, ttl], (member: Member) => {
      const entry = expireEntry(path, expiryOf(ttl, member));
      write(member, () => member.replica.touch(path, ttl), entry);
    }),
  ),
  fc.tuple(paths, values, ttls).map(([path, value, ttl]) =>
    named("add", [path, value, ttl], (member: Member) => {
      const entry = setEntry(path, JSON.stringify(value), expiryOf(ttl, member), IF_ABSENT);
      write(member, () => member.replica.add(path, value, ttl), entry);
    }),
  ),
);
const patches = fc
  .tuple(paths, changes, matches, fc.option(ttls, { nil: undefined }))
  .map(([path, changed, asks, ttl]) =>
    named("patch", [path, changed, asks, ttl], (member: Member) => {
      const match = asks === "none" ? undefined : asks === "seen" ? seenAt(member, path) : asks;
      const remove = Object.keys(changed).filter((field) => changed[field] === undefined);
      const expiresAt = ttl === undefined ? KEEP : expiryOf(ttl, member);
      const entry = patchEntry(path, JSON.stringify({ set: changed, remove, match }), expiresAt);
      write(member, () => member.replica.patch(path, changed, { ttl, match }), entry);
    }),
  );
const clears = fc.constant(
  named("clear", [], (member: Member) => write(member, () => member.replica.clear(), clearEntry())),
);
const batches = fc.tuple(fc.array(fc.oneof(writes, patches), { maxLength: 4 }), fc.boolean()).map(([inner, fails]) =>
  named("batch", [inner.map((one) => (one as unknown as { title: unknown }).title), fails], (member: Member) => {
    const count = member.pending.length;
    const waitingCount = member.waiting.length;
    const run = () =>
      member.replica.batch(() => {
        for (const one of inner) one(member);
        if (fails) throw new SyntaxError("rolled back");
      });
    if (!fails) return run();
    assert.throws(run, SyntaxError);
    member.pending.length = count;
    for (const { promise } of member.waiting.splice(waitingCount)) promise.catch(() => {});
  }),
);

function stepsOf(memberCount: number): fc.Arbitrary<Step> {
  const who = fc.nat(memberCount - 1);
  const on = (name: string, arbitrary: fc.Arbitrary<(member: Member, world: World) => unknown>): fc.Arbitrary<Step> =>
    fc.tuple(who, arbitrary).map(([index, act]) =>
      named(`${index} ${name}`, (act as { title?: unknown }).title, (world: World) => {
        act(world.members[index] as Member, world);
      }),
    );
  return fc.oneof(
    { weight: 8, arbitrary: on("writes", writes) },
    { weight: 4, arbitrary: on("writes", patches) },
    { weight: 1, arbitrary: on("writes", batches) },
    { weight: 1, arbitrary: on("writes", clears) },
    { weight: 4, arbitrary: fc.constant<Step>(named("end of the tick", [], () => Promise.resolve())) },
    {
      weight: 6,
      arbitrary: on(
        "order",
        fc.constant((member, world) => member.wire[0] && world.order(member.wire.shift() as Buffer)),
      ),
    },
    {
      weight: 1,
      arbitrary: on(
        "order frames of an old connection",
        fc.constant((member, world) => member.stale[0] && world.order(member.stale.shift() as Buffer)),
      ),
    },
    {
      weight: 8,
      arbitrary: on(
        "deliver",
        fc
          .boolean()
          .map((byConfirmation) => named("", byConfirmation, (member: Member) => member.deliver(byConfirmation))),
      ),
    },
    {
      weight: 2,
      arbitrary: on(
        "read",
        paths.map((path) => named("", path, (member: Member) => member.read(path))),
      ),
    },
    {
      weight: 1,
      arbitrary: on(
        "part",
        fc.nat(2).map((kept) => named("", kept, (member: Member) => member.part(kept))),
      ),
    },
    {
      weight: 2,
      arbitrary: on(
        "connect",
        fc.option(fc.nat(100)).map((percent) =>
          named("", percent, (member: Member, world: World) => {
            const seq = percent === null ? undefined : Math.ceil((world.log.length * percent) / 100);
            member.connect(seq === undefined || seq < member.shown.seq ? undefined : seq);
          }),
        ),
      ),
    },
    {
      weight: 2,
      arbitrary: on(
        "join",
        fc.constant((member) => member.join()),
      ),
    },
    {
      weight: 1,
      arbitrary: on(
        "sweep",
        fc.constant((member) => member.runLater()),
      ),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom(1, 999, 1000, 4000, -2000, 13 * HOUR_MS, 25 * HOUR_MS).map<Step>((ms) =>
        named("time", ms, (world: World) => {
          world.now += ms;
        }),
      ),
    },
  );
}

/** Delivers everything to all members. */
async function settle(world: World): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await Promise.resolve();
    for (const member of world.members) {
      member.connect(undefined);
      member.join();
      while (member.stale.length > 0) world.order(member.stale.shift() as Buffer);
      while (member.wire.length > 0) world.order(member.wire.shift() as Buffer);
    }
    for (const member of world.members) while (member.deliver(true));
  }
}

async function checkResults(member: Member): Promise<void> {
  for (const { promise, write } of member.waiting) {
    const [settled] = await Promise.allSettled([promise]);
    const actual = settled.status === "fulfilled" ? settled.value : settled.reason;
    const code = settled.status === "rejected" ? (actual.code ?? actual.name) : undefined;
    if (write.isCovered && code === "ERR_STORAGE_EXPIRED") continue;
    const result = write.result;
    if (result === "expired") assert.equal(code, "ERR_STORAGE_EXPIRED");
    else if (result === "no number") assert.equal(code, "ERR_STORAGE_NOT_A_NUMBER");
    else if (result === "too far") assert.equal(code, "RangeError");
    else if (typeof result === "number") assert.equal(actual, result);
    else assert.equal(actual, result === "applied");
  }
}

/** Writes gather while one batch is on its way, while two are, never. */
const IN_FLIGHT = fc.constantFrom(1, 2, 1000);

for (const isEager of [true, false]) {
  test(`every member sees the log so far and then its own pending writes, ${isEager ? "read at every step" : "read seldom"}`, async () => {
    const run = async (memberCount: number, maxInFlight: number, steps: Step[]) => {
      const world = new World(memberCount, maxInFlight);
      for (const step of steps) {
        const done = step(world);
        if (done instanceof Promise) await done;
        if (isEager) for (const member of world.members) member.check();
      }
      for (const member of world.members) member.check();
      await settle(world);
      for (const member of world.members) {
        member.check();
        member.checkReturned();
        assert.equal(member.replica.pendingBytes, 0);
        assert.deepEqual(member.expected().view(world.now), world.state.view(world.now));
        await checkResults(member);
      }
    };
    const worlds = fc
      .integer({ min: 1, max: 3 })
      .chain((count) =>
        fc.tuple(fc.constant(count), IN_FLIGHT, fc.array(stepsOf(count), { maxLength: 60, size: "max" })),
      );
    await fc.assert(
      fc.asyncProperty(worlds, ([count, maxInFlight, steps]) => run(count, maxInFlight, steps)),
      { numRuns: RUNS, includeErrorInReport: true },
    );
  });
}
