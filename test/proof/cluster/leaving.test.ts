import assert from "node:assert/strict";
import { copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Member, Processes, temporaryDirectory, until } from "./processes.js";

test("a member that leaves when the manager has just died takes nothing from a busy member that stays", async (t) => {
  for (const persist of [true, false]) {
    const directory = temporaryDirectory(t);
    const processes = new Processes(t, { path: directory, persist });
    const members = await processes.startJoined(3);
    const manager = await processes.manager();
    const [leaving, staying] = members.filter((member) => member !== manager) as [Member, Member];
    await staying.call("set", "key", "confirmed");
    await staying.call("flush");
    const end = join(directory, "end");
    const blocked = staying.call("block", end);
    await manager.kill();
    await until("the leaving member notices", async () => !(await leaving.call<boolean>("connected")));
    await leaving.call("close");
    writeFileSync(end, "");
    await blocked;
    await staying.call("sync");
    assert.equal(await staying.call("get", "key"), "confirmed", `persist: ${persist}`);
  }
});

test("a manager that was frozen while all others left creates the copy when it leaves", async (t) => {
  const directory = temporaryDirectory(t);
  const processes = new Processes(t, { path: directory });
  const members = await processes.startJoined(4);
  const manager = await processes.manager();
  await manager.call("set", "key", "confirmed");
  await manager.call("flush");
  manager.signal("SIGSTOP");
  await Promise.all(members.filter((member) => member !== manager).map((member) => member.call("close")));
  manager.signal("SIGCONT");
  await manager.call("close");
  assert.deepEqual(
    readdirSync(join(directory, "app.db.d")).filter((name) => name.startsWith("log.")),
    [],
  );
  const restored = temporaryDirectory(t);
  copyFileSync(join(directory, "app.db"), join(restored, "app.db"));
  const [heir] = await new Processes(t, { path: restored }).startJoined(1);
  assert.equal(await heir?.call("get", "key"), "confirmed");
});
