import assert from "node:assert/strict";
import { test } from "node:test";
import { hasLiving, MemberFile } from "../../../../dist/core/local/election/member-file.js";
import type { Machine } from "../../../../dist/core/local/machine/machine.js";
import { manualMachine, place } from "../machine/manual-machine.js";
import { MemoryFiles } from "../machine/memory-files.js";

function begun(): { files: MemoryFiles; machine: Machine; presence: MemberFile } {
  const files = new MemoryFiles();
  const machine = manualMachine(files);
  return { files, machine, presence: new MemberFile(machine, place, "abc1") };
}

test("a member that could not create its file tries again, and then creates it once", () => {
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

test("a member leaves although its file cannot be removed, and also when it never had one", () => {
  const { files, presence } = begun();
  presence.leave();
  presence.enter();
  files.fault = () => ({ code: "EIO" });
  presence.leave();
});
