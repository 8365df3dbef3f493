import assert from "node:assert/strict";
import { test } from "node:test";
import type { Machine } from "../../dist/core/local/machine.js";
import { hasLiving, Presence } from "../../dist/core/local/presence.js";
import { manualMachine, place } from "./manual-machine.js";
import { MemoryFiles } from "./memory-files.js";

function begun(): { files: MemoryFiles; machine: Machine; presence: Presence } {
  const files = new MemoryFiles();
  const machine = manualMachine(files);
  return { files, machine, presence: new Presence(machine, place, "abc1") };
}

test("a member that could not show itself tries again, and then shows itself once", () => {
  const { files, machine, presence } = begun();
  files.fault = () => ({ code: "ENOSPC" });
  assert.throws(() => presence.enter(), { code: "ENOSPC" });
  assert.equal(hasLiving(machine, place, "other"), false);
  files.fault = null;
  presence.enter();
  presence.enter();
  assert.equal(hasLiving(machine, place, "other"), true);
  presence.leave();
  assert.equal(hasLiving(machine, place, "other"), false);
});

test("a member leaves although its file cannot be removed, and without ever having been there", () => {
  const { files, presence } = begun();
  presence.leave();
  presence.enter();
  files.fault = () => ({ code: "EIO" });
  presence.leave();
});
