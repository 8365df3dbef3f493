/** Clocks that are set, and a machine that is suspended, at the moments at which a manager begins or members compare their time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { joined, onCalmMachine, openedIn, until, writer } from "./calm.js";
import type { Member } from "./member.js";
import type { World } from "./world.js";

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
const JUMPS_MS = [-5 * YEAR_MS, -9 * HOUR_MS, -7000, 7000, 9 * HOUR_MS, 5 * YEAR_MS];
/** Enough simulated time for a heartbeat of the manager. */
const BEAT_MS = 2000;

async function member(world: World): Promise<Member> {
  const opened = await openedIn(world, world.startProcess());
  await joined(world, opened);
  return opened;
}

/** Lets so much time pass. */
async function pass(world: World, ms: number): Promise<void> {
  const end = world.scheduler.time + ms;
  world.scheduler.world.in(ms, () => {});
  await until(world, "the end of a pause", () => world.scheduler.time >= end);
}

/** All members have the same time, and it is that which has elapsed. */
function expectOneTime(members: readonly Member[]): void {
  const times = members.map(({ replica }) => replica.now());
  assert.equal(new Set(times).size, 1, `members have the times ${times}`);
  for (const each of members) each.check();
}

for (const jumpMs of JUMPS_MS) {
  test(`all members have one time, to the millisecond, whatever is done to the clocks (${jumpMs} ms)`, async () => {
    await onCalmMachine(1, async (world) => {
      const manager = await writer(world);
      const members = [world.memberOf(manager) as Member, await member(world), await member(world)];
      expectOneTime(members);
      for (const { process } of members) {
        process.skewMs += jumpMs;
        await pass(world, BEAT_MS);
        expectOneTime(members);
      }
      world.clocks.errorMs -= jumpMs;
      world.clocks.suspend();
      await pass(world, BEAT_MS);
      expectOneTime(members);
      manager.kill();
      const left = members.slice(1);
      await until(world, "another manager", () => left.every(({ view }) => view.isJoined && world.history.epoch > 1));
      for (const each of left) await joined(world, each);
      expectOneTime(left);
    });
  });

  test(`a manager that has just been opened goes on with the time of members that stand still (${jumpMs} ms)`, async () => {
    await onCalmMachine(2, async (world) => {
      const manager = await writer(world);
      const other = await member(world);
      world.clocks.errorMs += jumpMs;
      manager.kill();
      other.process.freeze();
      const next = await member(world);
      assert.equal(world.history.epoch, 2);
      other.process.thaw();
      await joined(world, other);
      expectOneTime([other, next]);
    });
  });

  test(`what is written before a manager is known expires when its ttl is over (${jumpMs} ms)`, async () => {
    await onCalmMachine(3, async (world) => {
      await writer(world);
      await pass(world, BEAT_MS);
      const process = world.startProcess();
      process.skewMs = jumpMs;
      const late = await openedIn(world, process);
      assert.equal(late.view.isJoined, false);
      late.replica.set(["code"], "4711", 10_000);
      late.view.pending.length = 0;
      const writtenAt = world.scheduler.time;
      await until(world, "a member that has joined", () => late.knowsTime && !late.replica.hasPending);
      const isThere = () => late.replica.get("code") !== null;
      assert.ok(isThere());
      await pass(world, 9900 - (world.scheduler.time - writtenAt));
      assert.ok(isThere(), "it is there until then");
      await pass(world, 110);
      assert.ok(!isThere(), "it is gone after that");
    });
  });
}
