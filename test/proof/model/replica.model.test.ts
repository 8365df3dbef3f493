import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DELETE, LIMIT, PUBLISH } from "../../../dist/core/log/entry.js";
import { hotWrites, warmUp } from "./hot-writes.js";
import { smallLimits } from "./limits.js";
import type { NaiveHit } from "./naive-limits.js";
import { checkUpdates, updates } from "./updates.js";
import { type Member, World } from "./world.js";
import { batches, clears, named, patches, paths, writes } from "./writes.js";

const RUNS = 1500 * Number(process.env.CLUSTER_STORAGE_RUNS ?? 1);
const HOUR_MS = 60 * 60 * 1000;

type Step = (world: World) => unknown;

type Write = fc.Arbitrary<(member: Member) => void>;

/** Any kind of write, of two keys. */
const ANY: Write = fc.oneof(
  { weight: 8, arbitrary: writes },
  { weight: 4, arbitrary: patches },
  { weight: 3, arbitrary: smallLimits },
  { weight: 3, arbitrary: updates },
  { weight: 2, arbitrary: batches },
  { weight: 1, arbitrary: clears },
);
const HOT: Write = fc.oneof({ weight: 20, arbitrary: hotWrites }, { weight: 1, arbitrary: clears });

function stepsOf(memberCount: number, write: Write): fc.Arbitrary<Step> {
  const who = fc.nat(memberCount - 1);
  const on = (name: string, arbitrary: fc.Arbitrary<(member: Member, world: World) => unknown>): fc.Arbitrary<Step> =>
    fc.tuple(who, arbitrary).map(([index, act]) =>
      named(`${index} ${name}`, (act as { title?: unknown }).title, (world: World) => {
        act(world.members[index] as Member, world);
      }),
    );
  return fc.oneof(
    { weight: 15, arbitrary: on("writes", write) },
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
      weight: 2,
      arbitrary: on(
        "view",
        fc.constantFrom("open", "read", "finish").map((what) =>
          named("", what, (member: Member) => {
            if (what === "open") member.openView();
            else if (what === "read") member.views.read();
            else member.views.finish();
          }),
        ),
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
  // Each round one more update of each path takes effect at least.
  const isUpdating = () => world.members.some(({ updates }) => updates.some(({ isSettled }) => !isSettled));
  for (let round = 0; round < 3 || isUpdating(); round++) {
    assert.ok(round < 200, "everything is confirmed");
    for (let job = 0; job < 10; job++) await Promise.resolve();
    for (const member of world.members) {
      member.connect(undefined);
      member.join();
      while (member.stale.length > 0) world.order(member.stale.shift() as Buffer);
      while (member.wire.length > 0) world.order(member.wire.shift() as Buffer);
    }
    for (const member of world.members) while (member.deliver(true));
  }
}

/** What is known of a hit. */
const hitOf = ({ isCounted, used, expiresAt }: NaiveHit): NaiveHit => ({ isCounted, used, expiresAt });

async function checkResults(member: Member): Promise<void> {
  for (const { promise, error } of member.rolledBack) await assert.rejects(promise, (reason) => reason === error);
  for (const { promise, hit } of member.refusals) assert.deepEqual(hitOf((await promise) as NaiveHit), hit);
  for (const { promise, write } of member.waiting) {
    const [settled] = await Promise.allSettled([promise]);
    const actual = settled.status === "fulfilled" ? settled.value : settled.reason;
    const code = settled.status === "rejected" ? (actual.code ?? actual.name) : undefined;
    if (write.isCovered && code === "ERR_STORAGE_EXPIRED") continue;
    const result = write.result;
    // What became of a hit is not known: its member decides by what it knows.
    const isUnknown = write.isCovered || result === "expired";
    if (write.entry.type === LIMIT && isUnknown && code === undefined) {
      assert.equal(typeof actual.isCounted, "boolean");
      continue;
    }
    if (result === "expired") assert.equal(code, "ERR_STORAGE_EXPIRED");
    else if (result === "no number") assert.equal(code, "ERR_STORAGE_NOT_A_NUMBER");
    else if (result === "too far") assert.equal(code, "RangeError");
    else if (typeof result === "number") assert.equal(actual, result);
    else if (write.entry.type === PUBLISH) assert.equal(actual, undefined);
    else if (write.entry.type === DELETE)
      assert.deepEqual(actual, typeof result === "object" && "taken" in result ? result.taken : null);
    else if (typeof result === "object") assert.deepEqual(hitOf(actual), result);
    else assert.equal(actual, result === "applied");
  }
}

/** Writes gather while one batch is on its way, while two are, never. */
const IN_FLIGHT = fc.constantFrom(1, 2, 1000);

/** Lets steps happen, and compares every member with the naive model. */
async function run(world: World, steps: Step[], isEager: boolean): Promise<void> {
  for (const step of steps) {
    const done = step(world);
    if (done instanceof Promise) await done;
    if (isEager) for (const member of world.members) member.check();
  }
  for (const member of world.members) member.check();
  await settle(world);
  for (const member of world.members) {
    member.check();
    member.openView();
    while (member.views.count > 0) member.views.finish();
    member.checkReturned();
    assert.equal(member.replica.pendingBytes, 0);
    assert.deepEqual(member.expected().view(world.now), world.state.view(world.now));
    await checkResults(member);
    await checkUpdates(member);
    member.watches.check();
  }
}

const worldsOf = (write: Write, memberCounts: fc.Arbitrary<number>) =>
  memberCounts.chain((count) =>
    fc.tuple(fc.constant(count), IN_FLIGHT, fc.array(stepsOf(count, write), { maxLength: 60, size: "max" })),
  );

for (const isEager of [true, false]) {
  const reads = isEager ? "read at every step" : "read seldom";

  test(`every member sees the log so far and then its own pending writes, ${reads}`, async () => {
    await fc.assert(
      fc.asyncProperty(worldsOf(ANY, fc.integer({ min: 1, max: 3 })), ([count, maxInFlight, steps]) =>
        run(new World(count, maxInFlight), steps, isEager),
      ),
      { numRuns: RUNS, includeErrorInReport: true },
    );
  });

  test(`the same of what all members write to the same keys, ${reads}`, async () => {
    await fc.assert(
      fc.asyncProperty(worldsOf(HOT, fc.integer({ min: 2, max: 3 })), async ([count, maxInFlight, steps]) => {
        const world = new World(count, maxInFlight);
        await warmUp(world);
        await run(world, steps, isEager);
      }),
      { numRuns: RUNS / 2, includeErrorInReport: true },
    );
  });
}
