import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runs } from "../budget.js";
import { type Contents, checkWritten, convergedContents, type Writer } from "./history.js";
import { type Member, Processes, temporaryDirectory, until } from "./processes.js";

/** How often the manager is killed; a campaign sets more. */
const KILLS = 3 * runs;
const MEMBERS = 5;
const WIDTH = 5;

test(`nothing confirmed is lost, doubled or reordered when the manager is killed ${KILLS} times under load`, async (t) => {
  const directory = temporaryDirectory(t);
  const processes = new Processes(t, { path: directory });
  const writers = new Map<string, Member>();
  let started = 0;
  const startWriter = async () => {
    const member = processes.start();
    const label = `w${++started}`;
    writers.set(label, member);
    await member.call("startWriting", label, WIDTH, Number.MAX_SAFE_INTEGER);
  };
  for (let index = 0; index < MEMBERS; index++) await startWriter();
  const killed = new Set<number>();
  while (killed.size < KILLS) {
    const manager = await processes.manager();
    const progress = [...writers.values()].map((member) => member.confirmed);
    await until("writes go on", () =>
      processes.living.some((member) => member.confirmed > (progress[[...writers.values()].indexOf(member)] ?? 0)),
    );
    await sleep(Math.random() * 60);
    await manager.kill();
    killed.add(manager.pid);
    await startWriter();
  }
  for (const member of processes.living) await member.call("stopWriting");
  const contents = await convergedContents(processes.living);
  const known: Writer[] = [...writers].map(([label, member]) => ({ label, confirmed: member.confirmed }));
  const total = checkWritten(contents, known);
  for (const member of writers.values()) assert.equal(member.failure, "");
  t.diagnostic(`${killed.size} managers killed, ${total} writes, 0 lost, 0 doubled`);
  await Promise.all(processes.living.map((member) => member.kill()));
  const [restarted] = await processes.startJoined(1);
  assert.deepEqual(
    await (restarted as Member).call<Contents>("contents"),
    contents,
    "a cold start from the files gives the same state",
  );
});

test("all members killed at the same moment lose nothing confirmed", async (t) => {
  const processes = new Processes(t, { path: temporaryDirectory(t) });
  const writers: Member[] = [];
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 3; index++) {
      const member = processes.start();
      await member.call("startWriting", `w${writers.length}`, WIDTH, Number.MAX_SAFE_INTEGER);
      writers.push(member);
    }
    const running = writers.slice(-3);
    await until("writes", () => running.every((member) => member.confirmed > 50));
    await Promise.all(running.map((member) => member.kill()));
  }
  const survivors = await processes.startJoined(2);
  const contents = await convergedContents(survivors);
  checkWritten(
    contents,
    writers.map((member, index) => ({ label: `w${index}`, confirmed: member.confirmed })),
  );
});
