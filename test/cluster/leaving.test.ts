import assert from "node:assert/strict";
import { test } from "node:test";
import { type Member, Processes, temporaryDirectory, until } from "./processes.js";

test("a member that leaves when the manager has just died takes nothing from a busy member that stays", async (t) => {
  for (const persist of [true, false]) {
    const processes = new Processes(t, { path: temporaryDirectory(t), persist });
    const members = await processes.startJoined(3);
    const manager = await processes.manager();
    const [leaving, staying] = members.filter((member) => member !== manager) as [Member, Member];
    await staying.call("set", "key", "confirmed");
    await staying.call("flush");
    const blocked = staying.call("block", 600);
    await manager.kill();
    await until("the leaving member notices", async () => !(await leaving.call<boolean>("connected")));
    await leaving.call("close");
    await blocked;
    await staying.call("sync");
    assert.equal(await staying.call("get", "key"), "confirmed", `persist: ${persist}`);
  }
});
