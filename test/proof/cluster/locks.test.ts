/** Processes hold locks one after the other while they are killed and stopped, and managers with them. A checker looks at what they noted. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { runs } from "../budget.js";
import { checkSessions, sessionsOf } from "./lock-checker.js";
import { type Member, Processes, temporaryDirectory, until } from "./processes.js";

const PROGRAM = fileURLToPath(new URL("./lock-member.js", import.meta.url));
const MEMBERS = 4;
/** Far longer than the tests take: who gets a lock of a process that has ended does not wait for its lease. */
const LONG_MS = 3_600_000;

function noted(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

for (const count of [1, 2]) {
  test(`${count} of four processes hold at a time, with tokens that rise, while managers and holders are killed`, async (t) => {
    const directory = temporaryDirectory(t);
    const file = join(directory, "noted");
    const processes = new Processes(t, { path: directory }, "app", PROGRAM);
    const start = async () => processes.start().call("startLocking", file, count, { lease: LONG_MS });
    for (let index = 0; index < MEMBERS; index++) await start();
    const sessions = () => sessionsOf(noted(file));
    const killed: number[] = [];
    const gaps: number[] = [];
    for (let kills = 0; kills < 4 * runs; kills++) {
      const before = sessions().length;
      await until("all go on", () => sessions().length > before + 40);
      const manager = await processes.manager();
      const other = processes.living.find((member) => member !== manager) as Member;
      const victim = kills % 2 === 0 ? manager : other;
      killed.push(victim.pid);
      await victim.kill();
      const killedAt = process.hrtime.bigint();
      const seen = sessions().length;
      await until("another one holds", () => sessions().length > seen + count);
      gaps.push(Number((sessions()[seen]?.from ?? 0n) - killedAt) / 1e6);
      await start();
    }
    for (const member of processes.living) await member.call("stopLocking");
    assert.deepEqual(
      processes.living.map(({ failure }) => failure),
      Array.from({ length: MEMBERS }, () => ""),
    );
    const all = sessions();
    checkSessions(all, count, new Set(killed));
    assert.ok(all.every(({ isLost }) => !isLost));
    t.diagnostic(`${all.length} times held, ${killed.length} kills, next holder after ${gaps.map(Math.round)} ms`);
  });
}

test("a lock of a killed process is free at once, and one of a process that waited bars nobody", async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, "noted");
  const processes = new Processes(t, { path: directory }, "app", PROGRAM);
  const members = await processes.startJoined(MEMBERS);
  const manager = await processes.manager();
  const [one, two, three] = members.filter((member) => member !== manager) as [Member, Member, Member];
  const first = await one.call<number>("acquire", file, { lease: LONG_MS });
  void two.call("acquire", file, { lease: LONG_MS }).catch(() => {});
  await until(
    "the second one waits",
    async () => Object.keys(await one.call<object>("get", ["lock:/resource"])).length === 2,
  );
  const third = three.call<number>("acquire", file, { lease: LONG_MS });
  assert.equal(await three.call("tryOnce"), false);
  // The lock is not free because the manager has ended: its holder lives.
  await manager.kill();
  await until("another manager", async () => (await processes.manager()) !== undefined);
  assert.deepEqual([await one.call("isLost"), await three.call("tryOnce")], [false, false]);
  await Promise.all([two.kill(), one.kill()]);
  assert.ok((await third) > first);
  await three.call("letGo", file);
  assert.deepEqual(await three.call("keys"), []);
});

test("a lock of a stopped process is free after its lease, and its holder finds that it has lost it", async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, "noted");
  const processes = new Processes(t, { path: directory, stallTimeout: 500 }, "app", PROGRAM);
  const members = await processes.startJoined(MEMBERS);
  for (const isManager of [false, true]) {
    const manager = await processes.manager();
    const holder = isManager ? manager : (members.find((member) => member !== manager) as Member);
    const next = members.find((member) => member !== holder && member !== manager) as Member;
    const token = await holder.call<number>("acquire", file, { lease: 2000 });
    await sleep(3000);
    assert.equal(await next.call("tryOnce"), false, "it is renewed");
    const acquired = next.call<number>("acquire", file, { lease: LONG_MS });
    await until("it waits", async () => Object.keys(await next.call<object>("get", ["lock:/resource"])).length === 2);
    await holder.freeze();
    const nextToken = await acquired;
    assert.ok(nextToken > token);
    holder.signal("SIGCONT");
    await until("the holder knows", () => holder.call<boolean>("isLost"));
    await holder.call("letGo", file);
    assert.equal(await holder.call("tryOnce"), false, "its release is none of the next one's");
    await next.call("letGo", file);
  }
  const sessions = sessionsOf(noted(file));
  assert.equal(sessions.filter(({ isLost }) => isLost).length, 2);
  checkSessions(sessions, 1, new Set());
});

test("a process that was cut off for its backlog, and loads all again, still holds its lock", async (t) => {
  const directory = temporaryDirectory(t);
  const limits = { maxValueBytes: 64 * 1024, maxMemberBacklogBytes: 256 * 1024 };
  const processes = new Processes(t, { path: directory, ...limits }, "app", PROGRAM);
  const members = await processes.startJoined(3);
  const manager = await processes.manager();
  const [holder, other] = members.filter((member) => member !== manager) as [Member, Member];
  const file = join(directory, "noted");
  await holder.call("acquire", file, { lease: LONG_MS });
  await holder.freeze();
  await other.call("fill", "key", 600, 60_000);
  await until("it is cut off", async () => (await other.stats()).members === 2);
  holder.signal("SIGCONT");
  await holder.call("sync");
  assert.deepEqual([await holder.call("isLost"), await other.call("tryOnce")], [false, false]);
  await holder.call("letGo", file);
  assert.equal(await other.call("tryOnce"), true);
});
