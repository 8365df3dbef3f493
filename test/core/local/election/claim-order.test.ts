import assert from "node:assert/strict";
import { test } from "node:test";
import { ClaimOrder } from "../../../../dist/core/local/election/claim-order.js";
import { ManualClock, manualMachine, place } from "../machine/manual-machine.js";
import { MemoryFiles } from "../machine/memory-files.js";

/** Two contenders of one machine. */
function contest(isAlive: boolean) {
  const files = new MemoryFiles();
  const clock = new ManualClock();
  const machine = {
    ...manualMachine(files, clock),
    identity: { pid: 7, uid: 1, host: "h", bootId: "b", isAlive: () => isAlive },
  };
  return { files, clock, first: new ClaimOrder(machine, place), second: new ClaimOrder(machine, place) };
}

test("the first member that announces itself goes ahead; the others do when it takes longer than 300 ms", () => {
  const { clock, first, second } = contest(true);
  assert.equal(first.isMyTurn(5), true);
  assert.equal(second.isMyTurn(5), false);
  clock.pass(300);
  assert.equal(second.isMyTurn(5), false);
  clock.pass(1);
  assert.equal(second.isMyTurn(5), true);
});

test("each epoch is a contest of its own", () => {
  const { clock, first, second } = contest(true);
  first.isMyTurn(5);
  second.isMyTurn(5);
  clock.pass(1000);
  first.isMyTurn(6);
  assert.equal(second.isMyTurn(6), false);
});

test("no member waits for a contender that has died", () => {
  const { first, second } = contest(false);
  assert.equal(first.isMyTurn(5), true);
  assert.equal(second.isMyTurn(5), true);
});
