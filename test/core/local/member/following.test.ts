/** A member on its way to a manager: when it follows, waits or claims, over a scripted machine. */
import assert from "node:assert/strict";
import { basename } from "node:path";
import { test } from "node:test";
import { seatPath } from "../../../../dist/core/local/disk/file-names.js";
import type { Held } from "../../../../dist/core/local/machine/healing.js";
import { decodeHeld } from "../../../../dist/core/local/wire/healing-messages.js";
import { encodeFrame, encodeJson, HELLO, REFUSE } from "../../../../dist/core/log/frame.js";
import { HISTORY } from "../disk/stored.js";
import { place } from "../machine/manual-machine.js";
import { Manager, World } from "./manual-log.js";

const LEASE_MS = 4000;

test("a member binds its own socket before anything else, and takes a seat that nobody has", () => {
  const world = new World();
  world.sockets.bindFault = () => "EMFILE";
  world.open();
  assert.deepEqual([world.claims.length, world.troubles], [0, ["EMFILE"]], "without a socket it would count as dead");
  world.sockets.bindFault = null;
  world.settle();
  assert.equal(world.files.names.has(world.ownPath), true);
  assert.equal(world.claims.length, 1);
  assert.deepEqual([world.claims[0]?.request.epoch, world.claims[0]?.request.member], [0, world.log.member]);
});

test("a member follows a manager that answers, and reports it once it has caught up", () => {
  const world = new World();
  const manager = new Manager(world, 7);
  world.open();
  assert.deepEqual(world.told, ["manager 1007 false", "connected"]);
  assert.deepEqual([world.claims.length, world.log.stats.epoch], [0, 7]);
  assert.equal(manager.kinds[0], HELLO);
  world.clock.pass(60_000);
  assert.equal(world.isConnected, true);
});

test("while a member waits for a manager it looks for the newest seat again and again", () => {
  const world = new World();
  const manager = new Manager(world, 7);
  world.files.unlink(manager.path);
  world.open();
  world.clock.pass(2 * LEASE_MS);
  new Manager(world, 8);
  world.clock.pass(1100);
  assert.deepEqual(world.told.at(-2), "manager 1008 false");
  assert.equal(world.isConnected, true);
});

test("an epoch that begins again in a directory that has come to the path is followed, although its number is lower", () => {
  const world = new World();
  const older = new Manager(world, 7);
  world.open();
  for (const path of [...world.files.names.keys()]) if (path !== world.ownPath) world.files.unlink(path);
  new Manager(world, 2);
  older.kill();
  world.settle();
  assert.equal(world.claims.length, 0);
  assert.deepEqual(world.told.slice(2), ["disconnected", "manager 1002 false", "connected"]);
  assert.equal(world.log.stats.epoch, 2);
});

test("a seat that another member takes at the very moment is followed, and not replaced", () => {
  for (const seatBefore of [false, true]) {
    const world = new World();
    if (seatBefore) new Manager(world, 1).kill();
    const list = world.files.list.bind(world.files);
    let isTaken = false;
    world.files.list = (directory) => {
      const names = list(directory);
      // It has just looked for the newest seat, and has decided by what it saw.
      if (directory === place.directory && !isTaken && world.sockets.asked.length === (seatBefore ? 1 : 0)) {
        isTaken = true;
        new Manager(world, seatBefore ? 2 : 1);
      }
      return names;
    };
    world.open().settle();
    assert.deepEqual([isTaken, world.claims.length, world.isConnected], [true, 0, true]);
  }
});

test("a seat that is fenced while a member reads it is not that of a dead manager: the one above it is followed", () => {
  const world = new World();
  const fenced = new Manager(world, 1);
  const { open } = world.files;
  world.files.open = (path, how) => {
    if (path === seatPath(place, 1)) {
      world.files.open = open;
      world.files.unlink(path);
      fenced.kill();
      new Manager(world, 2);
    }
    return open.call(world.files, path, how);
  };
  world.open().settle();
  assert.deepEqual([world.claims.length, world.told.at(-2), world.isConnected], [0, "manager 1002 false", true]);
});

test("a contender that is replaced follows the one that was first", () => {
  const world = new World();
  world.open();
  new Manager(world, 1);
  world.claims[0]?.report({ kind: "replaced" });
  world.settle();
  assert.equal(world.isConnected, true);
  assert.equal(world.claims.length, 1);
});

test("a claim that fails is tried again after growing pauses, and the reason is reported", () => {
  const world = new World();
  world.open();
  let reported = 0;
  for (let ms = 0; ms < 10_000; ms += 10) {
    if (world.claims.length > reported) {
      world.claims[reported]?.report({ kind: "failed", code: "ENOSPC", message: "no space" });
      reported++;
    }
    world.clock.pass(10);
  }
  assert.deepEqual(world.troubles, ["ENOSPC"]);
  assert.ok(reported > 5 && reported < 30, `${reported} claims in 10 s`);
});

test("a claim that can never succeed is final for a member that has nothing yet, and trouble for one that has", () => {
  for (const hasJoined of [false, true]) {
    const world = new World();
    if (hasJoined) {
      const manager = new Manager(world, 7);
      world.open();
      manager.kill();
      world.clock.pass(20);
    } else world.open();
    world.claims[0]?.report({ kind: "failed", code: "EROFS", message: "read-only" });
    world.clock.pass(2000);
    assert.equal(world.told.at(-1), hasJoined ? "trouble ERR_STORAGE_DIRECTORY" : "failed ERR_STORAGE_DIRECTORY");
    assert.equal(world.claims.length > 1, hasJoined);
  }
});

test("a manager that had served, and whose directory was moved, is trouble for its member, also when that has nothing yet", () => {
  const world = new World();
  world.open();
  world.claims[0]?.report({ kind: "serving", epoch: 1 });
  world.claims[0]?.report({ kind: "failed", code: "ERR_STORAGE_DIRECTORY", message: "it was moved" });
  assert.deepEqual(world.told, ["trouble ERR_STORAGE_DIRECTORY"]);
  world.clock.pass(1000);
  assert.ok(world.claims.length > 1, "it goes on with what is at the path");
});

test("a member that may not be the manager claims nothing, and reports once why it waits", () => {
  const world = new World({ candidate: false });
  world.open();
  world.clock.pass(60_000);
  assert.equal(world.claims.length, 0);
  assert.deepEqual(world.told, ["trouble ERR_STORAGE_NOT_READY"]);
  new Manager(world, 1);
  world.clock.pass(100);
  assert.equal(world.isConnected, true);
});

test("a manager that refuses the member is not tried again", () => {
  const world = new World();
  const manager = new Manager(world, 7);
  manager.isMute = true;
  world.open();
  manager.send(encodeJson(REFUSE, {}, { code: "ERR_STORAGE_PROTOCOL", message: "protocol 3" }));
  world.settle();
  assert.deepEqual(world.told, ["failed ERR_STORAGE_PROTOCOL"]);
  world.clock.pass(60_000);
  assert.deepEqual([manager.connectionCount, world.claims.length], [1, 0]);
});

test("a member whose own name was removed enters again while it follows", () => {
  const world = new World();
  new Manager(world, 7);
  world.open();
  world.files.unlink(world.ownPath);
  world.clock.pass(LEASE_MS);
  assert.equal(world.files.names.has(world.ownPath), true);
  assert.equal(world.isConnected, true);
});

test("barriers that were not answered are asked again on the next connection", () => {
  const world = new World();
  const manager = new Manager(world, 7);
  world.open();
  const passed: string[] = [];
  world.log.barrier(() => passed.push("one"));
  world.clock.run();
  const barrier = manager.kinds.at(-1) as number;
  manager.cutOff();
  world.settle();
  assert.deepEqual(manager.kinds, [HELLO, barrier]);
  manager.send(encodeFrame(barrier, { number: 1 }));
  manager.send(encodeFrame(barrier, { number: 1 }));
  world.settle();
  assert.deepEqual(passed, ["one"]);
  manager.cutOff();
  world.settle();
  assert.deepEqual(manager.kinds, [HELLO]);
});

/** What a member says that it holds, to whoever connects to its socket. */
function heldBy(world: World): Held | null {
  let held: Held | null = null;
  world.sockets.connect(place.directory, basename(world.ownPath), {
    data: (chunk) => {
      held = decodeHeld(chunk, 0, chunk.length);
    },
    closed: () => {},
  });
  world.clock.pass(10);
  return held;
}

test("a member says what it holds once it has joined, also while there is no manager, unless it may not be the manager", () => {
  for (const candidate of [true, false]) {
    assert.equal(heldBy(new World({ candidate }).open()), null);
    const world = new World({ candidate });
    const manager = new Manager(world, 7);
    world.open();
    const held = candidate ? { epoch: 7, seq: 3, history: HISTORY } : null;
    assert.deepEqual(heldBy(world), held);
    manager.kill();
    world.settle();
    assert.equal(world.isConnected, false);
    assert.deepEqual(heldBy(world), held);
  }
});

test("a contender gives way to a member that holds more than the files, follows it, and reports when none takes over", () => {
  const world = new World();
  world.open();
  world.claims[0]?.report({ kind: "behind" });
  world.clock.pass(100);
  assert.deepEqual([world.claims.length, world.told], [1, []], "it neither fails nor claims at once");
  for (let claim = 1; claim < 5; claim++) {
    world.clock.pass(1000);
    assert.deepEqual([world.claims.length, world.troubles], [claim + 1, []]);
    world.claims[claim]?.report({ kind: "behind" });
  }
  assert.deepEqual(world.troubles, ["ERR_STORAGE_DAMAGED"]);
  new Manager(world, 7);
  world.clock.pass(1000);
  assert.equal(world.isConnected, true);
});

test("a member that cannot read the files, and finds nobody that holds what they held, fails", () => {
  const world = new World();
  world.open();
  world.claims[0]?.report({ kind: "failed", code: "ERR_STORAGE_CORRUPT", message: "log.1.1 is corrupt" });
  world.clock.pass(1000);
  assert.deepEqual([world.told, world.claims.length], [["failed ERR_STORAGE_CORRUPT"], 1]);
});

test("epochs go on after those that a member knows where all files were removed", () => {
  const world = new World();
  const manager = new Manager(world, 7);
  world.open();
  for (const path of [...world.files.names.keys()]) if (path !== world.ownPath) world.files.unlink(path);
  manager.kill();
  world.settle();
  assert.equal(world.claims[0]?.request.epoch, 7);
});
