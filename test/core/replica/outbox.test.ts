import assert from "node:assert/strict";
import { test } from "node:test";
import { numberOf, originOf } from "../../../dist/core/log/frame.js";
import { NOW, openReplica } from "./opened-replica.js";

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Origin and number of each batch that was sent. */
const sentBy = (sent: readonly Buffer[]): number[][] => sent.map((frame) => [originOf(frame, 0), numberOf(frame, 0)]);

/** A member that has written, and then finds another storage at the place of its own. */
async function moved() {
  const open = openReplica();
  open.join();
  open.replica.set("before", 1);
  await settled();
  open.confirm();
  open.replica.sink.disconnected();
  open.replica.set("meanwhile", 1);
  await settled();
  open.replica.sink.restoring({ seq: 0, time: NOW });
  open.seq = 0;
  return open;
}

test("what was written to another storage keeps its origin, which is refused; what is written after that has a new one", async () => {
  const open = await moved();
  open.replica.set("in the same job", 1);
  open.join();
  open.replica.set("after", 1);
  await settled();
  const [before, meanwhile, same, after] = sentBy(open.sent) as [number[], number[], number[], number[]];
  const [origin] = before as [number];
  assert.deepEqual(
    [before, meanwhile, same],
    [1, 2, 3].map((number) => [origin, number]),
  );
  assert.notEqual(after[0], origin);
  assert.equal(after[1], 1);
});

test("a member that has written nothing before has one origin for what it wrote before and after it joined", async () => {
  const open = openReplica();
  open.replica.set("early", 1);
  await settled();
  open.replica.sink.restoring({ seq: 0, time: NOW });
  open.join();
  open.replica.set("late", 1);
  await settled();
  const [early, late] = sentBy(open.sent) as [number[], number[]];
  assert.deepEqual(late, [early[0], 2]);
});
