import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runs } from "../budget.js";
import { checkWritten, convergedContents } from "./history.js";
import { type Member, Processes, temporaryDirectory, until } from "./processes.js";

const ROUNDS = 3 * runs;

test("a frozen manager is replaced, and confirms nothing when it wakes up", async (t) => {
  const processes = new Processes(t, { path: temporaryDirectory(t), stallTimeout: 500 });
  const members = await processes.startJoined(4);
  for (const [index, member] of members.entries()) {
    await member.call("startWriting", `w${index}`, 3, Number.MAX_SAFE_INTEGER);
  }
  for (let round = 0; round < ROUNDS; round++) {
    const manager = await processes.manager();
    await until("the manager's own writes", () => manager.confirmed > 20);
    manager.signal("SIGSTOP");
    const others = members.filter((member) => member !== manager);
    const before = others.map((member) => member.confirmed);
    await until("writes of all others are confirmed by a successor", () =>
      others.every((member, index) => member.confirmed > (before[index] as number) + 50),
    );
    const frozenAt = manager.confirmed;
    manager.signal("SIGCONT");
    await until("the woken member's writes are confirmed by the successor", () => manager.confirmed > frozenAt + 20);
    assert.equal(await manager.call("isManager"), false);
  }
  for (const member of members) await member.call("stopWriting");
  const contents = await convergedContents(members);
  const total = checkWritten(
    contents,
    members.map((member, index) => ({ label: `w${index}`, confirmed: member.confirmed })),
  );
  t.diagnostic(`${ROUNDS} managers frozen and woken, ${total} writes, each exactly once`);
});

test("a frozen member is dropped by the hub, and catches up from the files when it wakes up", async (t) => {
  const limits = { maxValueBytes: 64 * 1024, maxMemberBacklogBytes: 256 * 1024 };
  const processes = new Processes(t, { path: temporaryDirectory(t), ...limits });
  const members = await processes.startJoined(2);
  const awake = await processes.manager();
  const frozen = members.find((member) => member !== awake) as Member;
  frozen.signal("SIGSTOP");
  for (let round = 0; round < 10; round++) await awake.call("fill", `round${round}.`, 100, 10_000);
  await until("the hub drops the frozen member", async () => (await awake.stats()).members === 1);
  frozen.signal("SIGCONT");
  const contents = await convergedContents([awake, frozen]);
  assert.equal(contents.length, 1000);
  const events = await frozen.call<string[]>("events");
  assert.ok(events.filter((event) => event === "connect").length >= 2, `it reconnected: ${events.join(", ")}`);
});

test("a blocked event loop of the manager does not keep others from writing", async (t) => {
  const directory = temporaryDirectory(t);
  const processes = new Processes(t, { path: directory });
  const members = await processes.startJoined(3);
  const manager = await processes.manager();
  const other = members.find((member) => member !== manager) as Member;
  const end = join(directory, "end");
  const blocked = manager.call("block", end);
  await other.call("set", "while.blocked", true);
  let isConfirmed = false;
  void other.call("flush").then(() => {
    isConfirmed = true;
  });
  await until("a write is confirmed while the manager's own loop is blocked", () => isConfirmed);
  writeFileSync(end, "");
  await blocked;
  assert.equal(await manager.call("isManager"), true, "and no other member took its seat");
  await manager.call("sync");
  assert.equal(await manager.call("get", "while.blocked"), true);
});
