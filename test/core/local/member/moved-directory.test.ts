/** A member whose directory is moved, away or away and back: where it has its own socket when it follows, claims or leaves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFrame, LEAVE } from "../../../../dist/core/log/frame.js";
import { moveDirectory, place } from "../machine/manual-machine.js";
import { Manager, World } from "./manual-log.js";

/** A member of a manager, whose directory was moved away. */
function movedAway() {
  const world = new World();
  const manager = new Manager(world, 7);
  world.open();
  moveDirectory(world.files, place.directory, "/data/away");
  return { world, manager };
}

test("a member whose directory was moved enters the one at the path before it claims a seat there", () => {
  const { world, manager } = movedAway();
  world.sockets.bindFault = () => "EMFILE";
  manager.cutOff();
  world.settle();
  assert.deepEqual([world.claims.length, world.troubles], [0, ["EMFILE"]], "without a socket it would count as dead");
  world.sockets.bindFault = null;
  world.clock.pass(1000);
  assert.equal(world.claims.length, 1);
  assert.equal(world.answerOf(world.ownPath), "");
});

test("a member whose directory was moved away and back is alive there all the time, and follows the manager there", () => {
  const { world, manager } = movedAway();
  manager.cutOff();
  world.settle();
  world.claims[0]?.report({ kind: "serving", epoch: 8 });
  moveDirectory(world.files, place.directory, "/data/other");
  moveDirectory(world.files, "/data/away", place.directory);
  assert.equal(world.answerOf(world.ownPath), "");
  world.claims[0]?.report({ kind: "failed", code: "ERR_STORAGE_DIRECTORY", message: "it was moved" });
  world.settle();
  assert.equal(world.isConnected, true);
});

test("a member that leaves while it enters a directory that has come to the path has left soon, and claims nothing", () => {
  for (const code of [undefined, "EMFILE"]) {
    const { world, manager } = movedAway();
    const ends: unknown[] = [];
    world.sockets.bindFault = () => {
      world.log.close((error) => ends.push(error));
      return code;
    };
    manager.cutOff();
    world.clock.pass(1000);
    assert.deepEqual([ends, world.claims.length], [[undefined], 0]);
    assert.equal(world.files.names.has(world.ownPath), false, "it has written nothing");
    const asked = world.sockets.asked.length;
    world.clock.pass(60_000);
    assert.deepEqual([ends.length, world.claims.length, world.sockets.asked.length], [1, 0, asked]);
  }
});

test("a member that leaves while it enters notifies the manager all the same, where the directory with that is back", () => {
  const { world, manager } = movedAway();
  const ends: unknown[] = [];
  world.sockets.bindFault = () => {
    moveDirectory(world.files, place.directory, "/data/other");
    moveDirectory(world.files, "/data/away", place.directory);
    world.log.close((error) => ends.push(error));
    return undefined;
  };
  manager.cutOff();
  world.settle();
  assert.deepEqual([manager.kinds.at(-1), ends], [LEAVE, []]);
  manager.send(encodeFrame(LEAVE, {}));
  world.clock.run();
  assert.deepEqual(ends, [undefined]);
});
