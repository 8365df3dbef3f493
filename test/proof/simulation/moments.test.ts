/** Moments that random seeds meet too rarely: each is brought about on the simulated machine, and nothing else goes wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seatPath } from "../../../dist/core/local/disk/file-names.js";
import { seqOf } from "../../../dist/core/log/frame.js";
import { place } from "../../core/local/disk/stored.js";
import { joined, onCalmMachine, openedIn, until, writer } from "./calm.js";
import type { Member } from "./member.js";

/** Events within which a process opens a storage that others have left, and is idle then. */
const OPENING_EVENTS = 60;
/** Machines on which the moments are tried: what happens between two threads comes in another order on each. */
const SEEDS = 10;
/** Writes while a member stands still. */
const STANDING_WRITES = 2000;

test("a member that leaves at any moment after its hub has taken the seat folds what others have left", async () => {
  let seatedCount = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    for (let moment = 0; moment < OPENING_EVENTS; moment++) {
      await onCalmMachine(seed, async (world) => {
        (await writer(world)).kill();
        const { epoch } = world.history;
        const member = await openedIn(world, world.startProcess());
        const from = world.scheduler.count;
        await until(world, "the moment", () => world.scheduler.count >= from + moment);
        const isSeated = world.history.epoch > epoch;
        member.process.main.in(0, () => member.leave(false));
        await until(world, "the end", () => world.members.size === 0);
        if (!isSeated) return;
        seatedCount++;
        const copy = world.disk.find("/data/app.db")?.content;
        assert.equal(copy && seqOf(copy, 0), world.history.length, `seed ${seed}, left after ${moment} events`);
      });
    }
  }
  assert.ok(seatedCount > SEEDS, `seated in ${seatedCount} moments`);
});

test("a member that may not be the manager finds the manager whose challenger died after it had claimed the next epoch", async () => {
  await onCalmMachine(1, async (world) => {
    const manager = await writer(world);
    const { files, identity } = manager.machine(manager.main);
    const content = { socket: "hub.0", token: "00".repeat(32), ...identity, protocol: 2 };
    files.close(files.open("/data/app.db.d/hub.0", "create"));
    const seat = files.open(seatPath({ ...place, directory: "/data/app.db.d" }, world.history.epoch + 1), "create");
    files.write(seat, [Buffer.from(JSON.stringify(content))], 0);
    files.close(seat);
    const process = world.startProcess();
    process.isCandidate = false;
    const member = await openedIn(world, process);
    await joined(world, member);
  });
});

test("a member that stands still is dropped when much waits for it, and catches up; the others go on meanwhile", async () => {
  for (let seed = 1; seed <= 3; seed++) {
    await onCalmMachine(seed, async (world) => {
      world.settings = { ...world.settings, maxMemberBacklogBytes: 2000, stallTimeout: 1000, maxInFlight: 1000 };
      const { main } = await writer(world);
      const [manager] = [...world.members] as [Member];
      const member = await openedIn(world, world.startProcess());
      await joined(world, member);
      member.process.freeze();
      let written = 0;
      // More than the kernel holds for a connection, and the hub after that.
      for (let count = 0; count < STANDING_WRITES; count++) {
        main.in(count, () => {
          manager.clear();
          written++;
        });
      }
      await until(world, "confirmed writes", () => written === STANDING_WRITES && !manager.replica.hasPending);
      const { time } = world.scheduler;
      await until(world, "the end of patience", () => world.scheduler.time > time + world.settings.stallTimeout);
      member.process.thaw();
      await until(world, "the loss of the connection", () => world.tally.counts.get("part") === 1);
      await joined(world, member);
      member.process.main.in(0, () => member.check());
    });
  }
});
