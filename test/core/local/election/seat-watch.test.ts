/** What a member knows of a manager that it does not reach, over a clock that the test moves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seatPath } from "../../../../dist/core/local/disk/file-names.js";
import type { SeatContent } from "../../../../dist/core/local/election/seat.js";
import { SeatWatch } from "../../../../dist/core/local/election/seat-watch.js";
import { ManualClock, manualMachine, place, seatContent } from "../machine/manual-machine.js";
import { MemoryFiles } from "../machine/memory-files.js";

const LEASE_MS = 4000;
/** Between two looks, and a little more, where the silence that is allowed is longer than the lease. */
const LOOK_MS = 401;
const REPORT_MS = 1500;
const SEAT = seatPath(place, 3);

/** A process whose wall clock may jump, and that may stand still: then time goes on, and its timers are late. */
class OddClock extends ManualClock {
  stoppedMs = 0;
  jumpedMs = 0;

  override elapsed(): number {
    return super.elapsed() + this.stoppedMs;
  }

  override now(): number {
    return super.now() + this.jumpedMs;
  }
}

function watched({ silenceMs = 5000, ...content }: Partial<SeatContent> & { silenceMs?: number } = {}) {
  const files = new MemoryFiles();
  const clock = new OddClock();
  const seat = { epoch: 3, content: { ...seatContent(), ...content } };
  files.put(SEAT, Buffer.from(JSON.stringify(seat.content)));
  let refreshCount = 0;
  let lookCount = 0;
  const machine = manualMachine(files, clock);
  const watch = new SeatWatch(machine, place, seat, silenceMs, () => lookCount++);
  return {
    files,
    clock,
    watch,
    seat,
    machine,
    /** The manager touches its seat, by whatever clock it has. */
    refresh: (time = 1_000_000 + ++refreshCount) => files.touch(SEAT, time),
    /** Lets time pass while the manager refreshes its seat every second. */
    passAlive(ms: number) {
      for (let passed = 0; passed < ms; passed += 1000) {
        this.refresh();
        clock.pass(Math.min(1000, ms - passed));
      }
    },
    get lookCount() {
      return lookCount;
    },
  };
}

test("a manager that refreshes its seat is never overdue, and never still", () => {
  const scene = watched();
  for (let second = 0; second < 60; second++) {
    scene.passAlive(1000);
    assert.deepEqual([scene.watch.isOverdue, scene.watch.isStill], [false, false], `second ${second}`);
  }
  assert.ok(scene.lookCount > 60, "it looks again and again");
  assert.ok(scene.lookCount < 120, "and not more often than needed");
});

test("a manager whose seat is not refreshed for a lease is overdue, and not before", () => {
  const { clock, watch, refresh } = watched();
  clock.pass(LEASE_MS - 1);
  assert.equal(watch.isOverdue, false);
  clock.pass(1);
  assert.equal(watch.isOverdue, true);
  refresh();
  clock.pass(LOOK_MS);
  assert.equal(watch.isOverdue, false, "it is alive after all");
  clock.pass(LEASE_MS);
  assert.equal(watch.isOverdue, true);
});

test("the lease does not depend on how much silence a member allows; only how often it looks does", () => {
  for (const silenceMs of [500, 1000, 5000, 60_000]) {
    const { clock, watch, lookCount } = watched({ silenceMs });
    assert.equal(lookCount, 0);
    clock.pass(LEASE_MS - 1);
    assert.equal(watch.isOverdue, false, `${silenceMs}`);
    clock.pass(1);
    assert.equal(watch.isOverdue, true, `${silenceMs}`);
  }
});

test("a silent manager is still once its seat was not refreshed for nearly as long as the silence that is allowed", () => {
  for (const [silenceMs, stillMs] of [
    [500, 400],
    [5000, 3200],
  ] as const) {
    const { clock, watch } = watched({ silenceMs });
    clock.pass(stillMs - 1);
    assert.equal(watch.isStill, false);
    clock.pass(1);
    assert.equal(watch.isStill, true);
  }
});

test("looks of a process that stood still do not count, so it takes nobody for dead when it wakes up", () => {
  const { clock, watch } = watched();
  clock.pass(LEASE_MS - 100);
  clock.stoppedMs += 3_600_000;
  clock.pass(LEASE_MS - 1);
  assert.deepEqual([watch.isOverdue, watch.isStill], [false, true], "the count has begun again");
  clock.pass(LOOK_MS);
  assert.equal(watch.isOverdue, true);
});

test("a process that is slow all the time never takes its manager for dead by this", () => {
  const { clock, watch } = watched();
  for (let look = 0; look < 100; look++) {
    clock.stoppedMs += 1000;
    clock.pass(LOOK_MS);
    assert.equal(watch.isOverdue || watch.isStill, false);
  }
});

test("the wall clocks of the two sides do not matter, and may jump", () => {
  const { clock, watch, refresh, files } = watched();
  clock.jumpedMs = -10 * 365 * 86_400_000;
  refresh(5_000_000_000_000);
  clock.pass(1000);
  for (let second = 0; second < 10; second++) {
    // Its manager's clock falls, and its own one jumps.
    clock.jumpedMs += 86_400_000;
    refresh(5_000_000_000_000 - second * 1000);
    clock.pass(1000);
    assert.equal(watch.isOverdue, false);
  }
  files.touch(SEAT, clock.now());
  clock.pass(LOOK_MS);
  clock.pass(LEASE_MS);
  assert.equal(watch.isOverdue, true, "a time that stays is no refresh, however new it is");
});

test("a seat that cannot be looked at counts as not refreshed, also when it can be looked at again", () => {
  const { clock, watch, files } = watched();
  const { modifiedAt } = files;
  for (const found of [undefined, "EACCES"]) {
    files.modifiedAt = () => {
      if (found === undefined) return undefined;
      throw Object.assign(new Error(found), { code: found });
    };
    clock.pass(LEASE_MS / 2);
  }
  assert.equal(watch.isOverdue, true);
  files.modifiedAt = modifiedAt;
  clock.pass(LOOK_MS);
  assert.equal(watch.isOverdue, true, "the same time is no refresh");
});

test("a time that is known only after a while is no refresh; one after that is", () => {
  const files = new MemoryFiles();
  const clock = new ManualClock();
  files.modifiedAt = () => undefined;
  const watch = new SeatWatch(manualMachine(files, clock), place, { epoch: 3, content: seatContent() }, 5000, () => {});
  clock.pass(1000);
  files.modifiedAt = () => 5;
  clock.pass(REPORT_MS);
  assert.equal(watch.isOutOfReach, false);
  clock.pass(LEASE_MS - 1000 - REPORT_MS);
  assert.equal(watch.isOverdue, true);
  files.modifiedAt = () => 6;
  clock.pass(LOOK_MS);
  assert.deepEqual([watch.isOverdue, watch.isOutOfReach], [false, true]);
});

test("a manager is out of reach once it was refreshed since it was lost, and that lasts", () => {
  const scene = watched();
  const { clock, watch } = scene;
  clock.pass(REPORT_MS + 1);
  assert.equal(watch.isOutOfReach, false, "nothing shows that it is alive");
  scene.refresh();
  clock.pass(LOOK_MS);
  assert.equal(watch.isOutOfReach, true);
  watch.lost();
  assert.equal(watch.isOutOfReach, false, "it was reached meanwhile");
  scene.passAlive(REPORT_MS);
  assert.equal(watch.isOutOfReach, false, "not longer than one that starts needs");
  clock.pass(1);
  assert.equal(watch.isOutOfReach, true);
  watch.lost();
  clock.pass(60_000);
  assert.equal(watch.isOutOfReach, false, "a refresh before it was lost shows nothing");
});

test("a refusal proves death only where the manager has bound its socket on this machine, since its start, by this file system", () => {
  assert.equal(watched().watch.isRefusalProof, true);
  assert.equal(watched({ bootId: "another" }).watch.isRefusalProof, false);
  assert.equal(watched({ device: "another" }).watch.isRefusalProof, false);
  const scene = watched();
  scene.files.deviceOf = () => {
    throw Object.assign(new Error("EIO"), { code: "EIO" });
  };
  assert.equal(scene.watch.isRefusalProof, false, "when that is not known");
});

test("it is the watch of one seat, also where epochs begin again in another directory", () => {
  const { watch, seat } = watched();
  assert.equal(watch.isOf(seat), true);
  assert.equal(watch.isOf({ epoch: 4, content: seat.content }), false);
  assert.equal(watch.isOf({ epoch: 3, content: { ...seat.content, token: "00" } }), false);
  assert.equal(watch.isOf({ epoch: 3, content: null }), false);
});

const codeError = (code: string) => Object.assign(new Error(code), { code });

test("who cannot reach its manager is told how both sides see it, and what to do", () => {
  const there = { pid: 7, uid: 1000, host: "one", directory: "/there/app.db.d", socket: "hub.a1" };
  for (const [cause, reason] of [
    [codeError("EACCES"), "EACCES"],
    [codeError("ENOENT"), "ENOENT"],
    [null, "no answer"],
  ] as const) {
    const error = watched(there).watch.unreachable(cause);
    assert.deepEqual([error.code, error.cause], ["ERR_STORAGE_UNREACHABLE", cause ?? undefined]);
    const parts = [
      "process 7 of user 1000 on one, which has it at /there/app.db.d",
      `by its socket hub.a1, got ${reason} in process 42 of user 1 on here, which has it at ${place.directory}`,
      "run both as one user on one machine",
    ];
    for (const part of parts) assert.ok(error.message.includes(part), error.message);
  }
});

test("a manager of another machine is told from one that is out of reach: its socket refuses, though it is alive", () => {
  const there = { host: "other", bootId: "another", directory: "/mnt/app.db.d" };
  const remote = watched(there).watch.unreachable(codeError("ECONNREFUSED"));
  assert.equal(remote.code, "ERR_STORAGE_REMOTE");
  for (const part of ["this machine, here, but other uses it, at /mnt/app.db.d", place.directory]) {
    assert.ok(remote.message.includes(part), remote.message);
  }
  for (const code of ["ENOENT", "EACCES", "EAGAIN"]) {
    assert.equal(watched(there).watch.unreachable(codeError(code)).code, "ERR_STORAGE_UNREACHABLE", code);
  }
  const through = watched({ device: "another" }).watch.unreachable(codeError("ECONNREFUSED"));
  assert.equal(through.code, "ERR_STORAGE_UNREACHABLE", "of this machine, by another file system");
});

test("a watch that was cancelled looks no more", () => {
  const scene = watched();
  scene.clock.pass(1000);
  const before = scene.lookCount;
  scene.watch.cancel();
  scene.clock.pass(60_000);
  assert.deepEqual([scene.lookCount, scene.clock.timerCount], [before, 0]);
});
