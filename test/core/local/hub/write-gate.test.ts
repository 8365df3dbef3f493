import assert from "node:assert/strict";
import { test } from "node:test";
import { WriteGate } from "../../../../dist/core/local/hub/write-gate.js";

test("what waits for a write comes after it, in order, and again waits for a write that one of them begins", () => {
  const gate = new WriteGate();
  const log: string[] = [];
  const ends: (() => void)[] = [];
  const write = (name: string) =>
    gate.write<string>(
      (written) => ends.push(() => written(name)),
      (result) => log.push(`${result} is written`),
    );
  gate.whenWritten(() => log.push("at once"));
  write("one");
  gate.whenWritten(() => write("two"));
  gate.whenWritten(() => log.push("after two"));
  assert.equal(gate.isWriting, true);
  ends.shift()?.();
  assert.deepEqual(log, ["at once", "one is written"]);
  ends.shift()?.();
  assert.deepEqual(log, ["at once", "one is written", "two is written", "after two"]);
  assert.equal(gate.isWriting, false);
});
