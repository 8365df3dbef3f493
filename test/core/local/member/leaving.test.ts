/** How a member leaves, whatever it is doing at that moment: `done` is called once, and nothing is left of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seatPath } from "../../../../dist/core/local/disk/file-names.js";
import { BATCH, encodeFrame, encodeJson, HELLO, LEAVE, REFUSE } from "../../../../dist/core/log/frame.js";
import { batchFrame, place } from "../machine/manual-machine.js";
import { Manager, World } from "./manual-log.js";

/** Longest time, in ms, that a leaving member looks for a manager, and a little more. */
const LEAVE_MS = 1000;

/** Leaves; `ends` gets the code of the error, or "", of each call of `done`. */
function leave(world: World, how: "close" | "destroy" = "close"): string[] {
  const ends: string[] = [];
  world.log[how]((error) => ends.push((error as NodeJS.ErrnoException | undefined)?.code ?? ""));
  return ends;
}

/** Expects that a member has left, once and for good. */
function expectLeft(world: World, ends: readonly string[], code = ""): void {
  assert.deepEqual(ends, [code]);
  const [asked, claims] = [world.sockets.asked.length, world.claims.length];
  world.clock.pass(60_000);
  assert.deepEqual(ends, [code]);
  assert.deepEqual([world.sockets.asked.length, world.claims.length], [asked, claims], "it still does something");
}

const hasName = (world: World) => world.files.names.has(world.ownPath);

/** A member that follows a manager, and has written or not. */
function following(hasWritten: boolean): { world: World; manager: Manager } {
  const world = new World();
  const manager = new Manager(world, 7);
  world.open();
  if (hasWritten) world.log.append(batchFrame(1));
  world.clock.run();
  return { world, manager };
}

test("one that is live tells the manager, with whether it has written, and has left when that answers", () => {
  for (const hasWritten of [true, false]) {
    const { world, manager } = following(hasWritten);
    const ends = leave(world);
    world.clock.run();
    assert.deepEqual(manager.kinds, [HELLO, ...(hasWritten ? [BATCH] : []), LEAVE]);
    assert.deepEqual(manager.numbers.at(-1), hasWritten ? 1 : 0);
    assert.deepEqual(ends, []);
    manager.send(encodeFrame(LEAVE, {}));
    world.clock.run();
    assert.equal(hasName(world), false, "the log notes it, or need not");
    expectLeft(world, ends);
  }
});

test("one whose manager does not answer leaves after a second, and its name refuses if it has written", () => {
  for (const hasWritten of [true, false]) {
    const { world, manager } = following(hasWritten);
    manager.isMute = true;
    const ends = leave(world);
    world.clock.pass(LEAVE_MS - 1);
    assert.deepEqual(ends, []);
    world.clock.pass(1);
    assert.equal(hasName(world), hasWritten);
    assert.equal(world.answerOf(world.ownPath), hasWritten ? "ECONNREFUSED" : "ENOENT");
    expectLeft(world, ends);
  }
});

test("one that waits for its welcome leaves without a word when it knows nothing of the log", () => {
  const world = new World();
  const manager = new Manager(world, 7);
  manager.isMute = true;
  world.open();
  const ends = leave(world);
  world.clock.run();
  assert.deepEqual(manager.kinds.includes(LEAVE), false);
  assert.equal(hasName(world), false);
  expectLeft(world, ends);
});

test("one that waits for its welcome, and knows the log, tells the manager once it is live", () => {
  const { world, manager } = following(true);
  manager.isMute = true;
  manager.cutOff();
  world.clock.pass(20);
  assert.deepEqual(manager.kinds, [HELLO]);
  const ends = leave(world);
  world.clock.run();
  assert.deepEqual(manager.kinds, [HELLO]);
  manager.welcome();
  world.clock.run();
  assert.deepEqual(manager.kinds, [HELLO, LEAVE]);
  manager.send(encodeFrame(LEAVE, {}));
  world.clock.run();
  expectLeft(world, ends);
});

test("one that is just binding its socket leaves at once, and nothing is left of it", () => {
  const world = new World();
  new Manager(world, 7);
  let ends: string[] = [];
  // Its socket is bound in the next round of the event loop.
  world.sockets.bindFault = () => {
    ends = leave(world);
    return undefined;
  };
  world.open();
  assert.equal(hasName(world), false);
  expectLeft(world, ends);
});

test("one that waits until it can reach its manager leaves when the time is up", () => {
  for (const hasJoined of [true, false]) {
    const world = new World();
    const manager = new Manager(world, 7);
    if (hasJoined) world.open();
    world.sockets.fault = (path) => (path === manager.path ? "EACCES" : undefined);
    if (hasJoined) manager.cutOff();
    else world.open();
    world.clock.pass(20);
    const ends = leave(world);
    world.clock.pass(LEAVE_MS);
    assert.equal(hasName(world), false);
    expectLeft(world, ends);
    assert.equal(world.claims.length, 0);
  }
});

test("one that reaches its manager again in time tells it", () => {
  const { world, manager } = following(true);
  world.sockets.fault = (path) => (path === manager.path ? "EACCES" : undefined);
  manager.cutOff();
  world.clock.pass(20);
  const ends = leave(world);
  world.clock.pass(LEAVE_MS / 4);
  world.sockets.fault = null;
  world.clock.pass(LEAVE_MS / 2);
  assert.equal(manager.kinds.at(-1), LEAVE);
  manager.send(encodeFrame(LEAVE, {}));
  world.clock.run();
  assert.equal(hasName(world), false);
  expectLeft(world, ends);
});

test("one whose manager has just died takes the seat once more, so that the log is folded, and never removes it", () => {
  for (const isContending of [false, true]) {
    const { world, manager } = following(true);
    manager.kill();
    if (isContending) world.clock.pass(20);
    const ends = leave(world, "destroy");
    world.clock.pass(20);
    assert.equal(world.claims.length, 1);
    assert.deepEqual(world.claims[0]?.calls, [], "a contender folds what it takes over first");
    world.serve(8);
    assert.deepEqual(world.claims[0]?.calls, ["close false true"]);
    world.claims[0]?.report({ kind: "ended", isNoted: true });
    world.clock.run();
    assert.equal(hasName(world), false);
    expectLeft(world, ends);
  }
});

test("one that is the manager does not tell its own hub that it leaves, also when that welcomes it just then", () => {
  const world = new World();
  world.open();
  const manager = world.serve(1, true);
  const ends = leave(world);
  assert.deepEqual(world.claims[0]?.calls, ["close false false"]);
  manager.welcome();
  world.clock.run();
  assert.deepEqual(manager.kinds, [HELLO]);
  world.claims[0]?.report({ kind: "ended", isNoted: true });
  world.clock.run();
  expectLeft(world, ends);
});

test("one whose claim comes too late, or fails, while it leaves has left", () => {
  for (const report of [
    { kind: "replaced" } as const,
    { kind: "failed", code: "ENOSPC", message: "no space" } as const,
  ]) {
    const { world, manager } = following(true);
    manager.kill();
    const ends = leave(world);
    world.clock.pass(20);
    assert.equal(world.claims.length, 1);
    world.clock.pass(LEAVE_MS);
    assert.deepEqual(ends, [], "its hub may be folding");
    world.claims[0]?.report(report);
    world.clock.run();
    assert.equal(hasName(world), true, "its departure is not noted");
    expectLeft(world, ends, report.kind === "failed" ? "ENOSPC" : "");
  }
});

test("one that contends and has nothing yet closes its hub at once, and does not wait for one that hangs", () => {
  for (const isHung of [false, true]) {
    const world = new World();
    world.open();
    const ends = leave(world, "destroy");
    assert.deepEqual(world.claims[0]?.calls, ["close true false"]);
    world.claims[0]?.report(isHung ? { kind: "reading" } : { kind: "ended", isNoted: true });
    world.clock.pass(isHung ? 1001 : 0);
    expectLeft(world, ends);
  }
});

test("one that is the manager hands its seat on, however long that takes, and does not tell itself", () => {
  for (const how of ["close", "destroy"] as const) {
    const world = new World();
    world.open();
    const manager = world.serve(1);
    world.log.append(batchFrame(1));
    world.clock.run();
    const ends = leave(world, how);
    world.clock.pass(5 * LEAVE_MS);
    assert.deepEqual([ends, manager.kinds.includes(LEAVE)], [[], false]);
    assert.deepEqual(world.claims[0]?.calls, [`close ${how === "destroy"} true`]);
    manager.cutOff();
    world.clock.pass(LEAVE_MS);
    assert.deepEqual(ends, [], "its hub has closed the connections, and folds");
    world.claims[0]?.report({ kind: "ended", isNoted: true });
    world.clock.run();
    assert.equal(hasName(world), false);
    expectLeft(world, ends);
  }
});

test("one whose hub could not note that it leaves keeps its name, which refuses, for the next manager", () => {
  const world = new World();
  world.open();
  world.serve(1);
  world.log.append(batchFrame(1));
  const ends = leave(world);
  world.claims[0]?.report({ kind: "ended", isNoted: false });
  world.clock.run();
  assert.equal(world.answerOf(world.ownPath), "ECONNREFUSED");
  expectLeft(world, ends);
});

test("one whose hub fails as it hands the seat on has left, with the reason", () => {
  const world = new World();
  world.open();
  world.serve(1);
  const ends = leave(world);
  world.claims[0]?.report({ kind: "failed", code: "ENOSPC", message: "no space" });
  world.clock.run();
  expectLeft(world, ends, "ENOSPC");
});

test("one that may not be the manager does not wait for one that is dead", () => {
  const world = new World({ candidate: false });
  const manager = new Manager(world, 7);
  world.open();
  manager.kill();
  world.clock.pass(20);
  const ends = leave(world);
  world.clock.pass(50);
  expectLeft(world, ends);
});

test("one that finds no seat any more has left, since the storage was removed", () => {
  const { world, manager } = following(true);
  world.files.unlink(seatPath(place, 7));
  manager.cutOff();
  world.clock.pass(0);
  const ends = leave(world);
  world.clock.pass(50);
  expectLeft(world, ends);
});

test("one that has given up has left", () => {
  const world = new World();
  const manager = new Manager(world, 7);
  manager.isMute = true;
  world.open();
  manager.send(encodeJson(REFUSE, {}, { code: "ERR_STORAGE_PROTOCOL", message: "protocol 3" }));
  world.settle();
  assert.deepEqual(world.told, ["failed ERR_STORAGE_PROTOCOL"]);
  const ends = leave(world);
  world.clock.run();
  expectLeft(world, ends);
});

test("while it leaves it keeps its process alive, and no longer", () => {
  const { world, manager } = following(true);
  assert.equal(world.clock.keptCount, 0);
  world.log.hold(true);
  world.log.hold(true);
  assert.equal(world.clock.keptCount, 1);
  leave(world);
  assert.equal(world.clock.keptCount, 2);
  world.clock.run();
  manager.send(encodeFrame(LEAVE, {}));
  world.clock.run();
  assert.equal(world.clock.keptCount, 0);
});
