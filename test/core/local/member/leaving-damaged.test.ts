/** How a member leaves that takes over files which are damaged: it has to write what they held. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HELLO, LEAVE } from "../../../../dist/core/log/frame.js";
import { batchFrame } from "../machine/manual-machine.js";
import { Manager, World } from "./manual-log.js";

test("it follows its own hub before that leaves, so that it holds all that it writes again", () => {
  for (const isReachable of [true, false]) {
    const world = new World();
    const manager = new Manager(world, 7);
    world.open();
    world.log.append(batchFrame(1));
    world.clock.run();
    manager.kill();
    const ends: unknown[] = [];
    world.log.close((error) => ends.push(error));
    world.clock.pass(20);
    const own = world.serve(8, true, true);
    assert.deepEqual(own.kinds, [HELLO]);
    assert.deepEqual(world.claims[0]?.calls, []);
    if (isReachable) own.welcome();
    else own.cutOff();
    world.clock.pass(20);
    assert.deepEqual(world.claims[0]?.calls, ["close false true"], "also when it cannot be reached");
    assert.deepEqual(own.kinds.includes(LEAVE), false);
    world.claims[0]?.report({ kind: "ended", isNoted: true });
    world.clock.run();
    assert.deepEqual(ends, [undefined]);
  }
});
