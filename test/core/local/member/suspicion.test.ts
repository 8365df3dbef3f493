/** Which managers a member takes for dead, and claims their seats, over a scripted machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seatPath } from "../../../../dist/core/local/disk/file-names.js";
import type { TimeNote } from "../../../../dist/core/local/machine/machine.js";
import { START_MS } from "../machine/manual-clock.js";
import { place } from "../machine/manual-machine.js";
import { BEAT_MS, Manager, STALL_MS, World } from "./manual-log.js";

const LEASE_MS = 4000;

test("a manager whose socket refuses is dead, and its seat is claimed at once", () => {
  const world = new World();
  const manager = new Manager(world, 7);
  manager.kill();
  const before = world.clock.time;
  world.open();
  assert.equal(world.claims.length, 1);
  assert.equal(world.claims[0]?.request.epoch, 7);
  assert.ok(world.clock.time - before < 10);
});

test("a manager that dies later is replaced at once, from where the member stands", () => {
  const world = new World();
  const manager = new Manager(world, 7);
  world.open();
  manager.kill();
  world.clock.pass(20);
  assert.deepEqual([world.claims.length, world.claims[0]?.request.position?.seq], [1, 3]);
  world.serve(8);
  world.settle();
  assert.deepEqual(world.told.slice(2), ["disconnected", "manager 42 true", "connected"]);
});

test("a member tells its hub what time it is, if a manager has told it, however the wall clock was set since", () => {
  const world = new World();
  world.open();
  assert.equal(world.claims[0]?.request.time, null);
  const other = new World();
  const manager = new Manager(other, 7);
  other.open();
  manager.kill();
  other.clock.setMs = -3_600_000;
  other.clock.pass(20);
  const note = other.claims[0]?.request.time as TimeNote;
  assert.deepEqual([note.time - note.monotonic, note.domain], [START_MS, "boot"]);
});

test("a manager of another start of the machine that refuses and lives is another machine's: the member gives up", () => {
  const world = new World();
  const manager = new Manager(world, 7, { bootId: "another" });
  world.sockets.kill(manager.path);
  world.open();
  world.clock.pass(3 * LEASE_MS);
  assert.deepEqual(world.told, ["failed ERR_STORAGE_REMOTE"]);
  assert.equal(world.claims.length, 0);
});

test("one that refuses and was not refreshed is of a machine that has been started anew: it is replaced after the lease", () => {
  const world = new World();
  new Manager(world, 7, { bootId: "another" }).kill();
  world.open();
  world.clock.pass(LEASE_MS - 200);
  assert.equal(world.claims.length, 0);
  world.clock.pass(400);
  assert.equal(world.claims.length, 1);
  assert.deepEqual(world.told, [], "a restart is no trouble");
});

test("a socket that was bound through another file system refuses without proof", () => {
  const world = new World();
  const manager = new Manager(world, 7, { device: "another" });
  world.sockets.kill(manager.path);
  world.open();
  world.clock.pass(3 * LEASE_MS);
  assert.deepEqual([world.claims.length, world.troubles], [0, ["ERR_STORAGE_UNREACHABLE"]]);
  manager.isRefreshing = false;
  world.clock.pass(LEASE_MS + BEAT_MS + 500);
  assert.equal(world.claims.length, 1);
});

for (const code of ["ENOENT", "EACCES", "EAGAIN", "EMFILE"]) {
  test(`a manager that is alive and cannot be reached (${code}) is waited for, and that is reported`, () => {
    const world = new World();
    const manager = new Manager(world, 7);
    world.sockets.fault = (path) => (path === manager.path ? code : undefined);
    world.open();
    world.clock.pass(10 * LEASE_MS);
    assert.equal(world.claims.length, 0);
    assert.deepEqual(world.troubles, ["ERR_STORAGE_UNREACHABLE"]);
    world.sockets.fault = null;
    world.clock.pass(1100);
    assert.equal(world.isConnected, true, "it goes on by itself when it can");
    assert.equal(world.claims.length, 0);
  });
}

test("a manager that was reached a moment before, however long that lasted, is not reported as out of reach", () => {
  const world = new World();
  const manager = new Manager(world, 7);
  world.open();
  world.clock.pass(60_000);
  world.sockets.fault = (path) => (path === manager.path ? "EAGAIN" : undefined);
  manager.cutOff();
  world.clock.pass(1400);
  assert.deepEqual(world.troubles, []);
  world.clock.pass(2000);
  assert.deepEqual(world.troubles, ["ERR_STORAGE_UNREACHABLE"]);
});

test("a manager that starts is not reported as out of reach in its first moments", () => {
  const world = new World();
  const manager = new Manager(world, 7);
  world.sockets.fault = (path) => (path === manager.path ? "EAGAIN" : undefined);
  world.open();
  world.clock.pass(1400);
  assert.deepEqual(world.told, []);
});

test("a manager out of reach that does not refresh its seat counts as dead after the lease, and not before", () => {
  const world = new World();
  const manager = new Manager(world, 7);
  manager.isRefreshing = false;
  world.files.unlink(manager.path);
  world.open();
  world.clock.pass(LEASE_MS - 1);
  assert.equal(world.claims.length, 0);
  world.clock.pass(2);
  assert.equal(world.claims.length, 1, "it does not wait for its next try");
});

test("a manager that is silent and refreshes its seat is not replaced: it is busy, or its connections are", () => {
  const world = new World();
  const manager = new Manager(world, 7);
  world.open();
  manager.isMute = true;
  world.clock.pass(10 * STALL_MS);
  assert.equal(world.claims.length, 0);
  assert.ok(manager.connectionCount > 1, "it is connected to again");
});

test("a manager that is silent and does not refresh its seat is replaced after the silence that is allowed", () => {
  const world = new World();
  const manager = new Manager(world, 7);
  world.open();
  manager.isMute = true;
  manager.isRefreshing = false;
  world.clock.pass(STALL_MS - 600);
  assert.equal(world.claims.length, 0);
  world.clock.pass(BEAT_MS + 200);
  assert.equal(world.claims.length, 1);
});

test("where little silence is allowed, a silent manager that does not refresh its seat is replaced sooner than one out of reach", () => {
  const world = new World({ stallTimeout: 1000 });
  const manager = new Manager(world, 7);
  world.open();
  manager.isMute = true;
  manager.isRefreshing = false;
  world.clock.pass(800);
  assert.equal(world.claims.length, 0);
  world.clock.pass(500);
  assert.equal(world.claims.length, 1);
});

test("a member that may not be the manager goes on with one that was taken for dead and answers again", () => {
  const world = new World({ candidate: false });
  const manager = new Manager(world, 7);
  world.open();
  manager.isMute = true;
  manager.isRefreshing = false;
  world.clock.pass(3 * STALL_MS);
  assert.equal(world.isConnected, false);
  manager.isMute = false;
  world.clock.pass(2 * STALL_MS);
  assert.equal(world.isConnected, true);
});

test("a seat that says nothing is that of a dead manager", () => {
  const world = new World();
  world.files.put(seatPath(place, 7), Buffer.alloc(0));
  world.open();
  assert.deepEqual(
    world.claims.map(({ request }) => request.epoch),
    [7],
  );
});

test("a seat with the number of one that was dead is another one", () => {
  const world = new World();
  new Manager(world, 7).kill();
  world.open();
  assert.equal(world.claims.length, 1);
  for (const path of [...world.files.names.keys()]) if (path !== world.ownPath) world.files.unlink(path);
  new Manager(world, 7, { token: "5b".repeat(32), socket: "hub.5b" });
  world.claims[0]?.report({ kind: "replaced" });
  world.settle();
  assert.equal(world.isConnected, true);
  assert.equal(world.claims.length, 1);
});
