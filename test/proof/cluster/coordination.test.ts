/** Processes agree on something while the manager is killed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { runs } from "../budget.js";
import { convergedContents } from "./history.js";
import { type Member, Processes, temporaryDirectory, until } from "./processes.js";

const PROGRAM = fileURLToPath(new URL("./coordination-member.js", import.meta.url));
const MEMBERS = 4;
const KILLS = 2 * runs;
const CODES = 1000;

interface Told {
  readonly updates: number;
  readonly tries: number;
  readonly taken: readonly string[];
  readonly unknown: number;
}

/** Kills the manager; the others go on. */
async function killManager(processes: Processes): Promise<Member> {
  const manager = await processes.manager();
  await manager.kill();
  return manager;
}

test("no update is lost or doubled by four processes that change one value, while managers are killed", async (t) => {
  const processes = new Processes(t, { path: temporaryDirectory(t) }, "app", PROGRAM);
  const labels = new Map<Member, string>();
  const start = async () => {
    const member = processes.start();
    labels.set(member, `w${labels.size}`);
    await member.call("startUpdating", labels.get(member));
  };
  for (let index = 0; index < MEMBERS; index++) await start();
  for (let kills = 0; kills < KILLS; kills++) {
    const before = new Map(processes.living.map((member) => [member, member.confirmed]));
    await until("all update", () =>
      processes.living.every((member) => member.confirmed > (before.get(member) as number) + 20),
    );
    await sleep(Math.random() * 50);
    await killManager(processes);
    await start();
  }
  const told = await Promise.all(processes.living.map((member) => member.call<Told>("stopUpdating")));
  const contents = new Map(await convergedContents(processes.living));
  const counts = contents.get("list") as Record<string, number>;
  let total = 0;
  for (const [member, label] of labels) {
    assert.equal(member.failure, "");
    // One more may have been on its way when its process was killed.
    const [count, most] = [counts[label] ?? 0, member.confirmed + (member.isGone ? 1 : 0)];
    assert.ok(count >= member.confirmed && count <= most + 1, `${label}: ${count} of ${member.confirmed}`);
    total += member.confirmed;
  }
  const sum = contents.get("sum") as number;
  // One more of each process may have been on its way when it was killed, or stopped before it was counted.
  assert.ok(sum >= total && sum <= total + labels.size, `${sum} of ${total}`);
  const tries = told.reduce((all, { tries: each }) => all + each, 0);
  t.diagnostic(`${KILLS} managers killed, ${sum} updates, ${tries} tries of those that lived`);
});

test("of four processes that take the same values exactly one gets each, while a manager is killed", async (t) => {
  const processes = new Processes(t, { path: temporaryDirectory(t) }, "app", PROGRAM);
  const members = await processes.startJoined(MEMBERS);
  const [writer] = members as [Member];
  await writer.call("fillCodes", CODES);
  await convergedContents(members);
  const manager = await processes.manager();
  const others = members.filter((member) => member !== manager);
  void manager.call("takeAll", CODES, 3).catch(() => {});
  const taking = others.map((member, index) => member.call<Told>("takeAll", CODES, index));
  await until("the manager takes", () => manager.taken.length > 0);
  await manager.kill();
  const told = await Promise.all(taking);
  const taken = [...told.flatMap((each) => each.taken), ...manager.taken];
  assert.equal(new Set(taken).size, taken.length, "nobody got a value that another one had");
  // What the killed process took, and had not reported yet, nobody else has.
  const unknown = told.reduce((count, each) => count + each.unknown, 2);
  assert.ok(taken.length >= CODES - unknown, `${taken.length} of ${CODES} values, ${unknown} unknown`);
  const contents = await convergedContents(processes.living);
  assert.deepEqual(contents, []);
  t.diagnostic(`${taken.length} of ${CODES} values taken, ${manager.taken.length} by the killed manager`);
});

test("watches of four processes report one order, whole batches with their messages, while managers are killed", async (t) => {
  const processes = new Processes(t, { path: temporaryDirectory(t) }, "app", PROGRAM);
  const members = await processes.startJoined(MEMBERS);
  for (const [index, member] of members.entries()) await member.call("startWatching", `w${index}`);
  for (let kills = 0; kills < 2; kills++) {
    const before = new Map(processes.living.map((member) => [member, member.confirmed]));
    await until("all write", () =>
      processes.living.every((member) => member.confirmed > (before.get(member) as number) + 20),
    );
    await killManager(processes);
  }
  for (const member of processes.living) await member.call("stopWatching");
  for (const member of processes.living) await member.call("sync");
  const dropped = (await Promise.all(processes.living.map((member) => member.stats()))).map((stats) => stats.dropped);
  // On a machine that is busy with something else, messages may come too late, and to each process at another time.
  const isPunctual = dropped.every((count) => count === 0);
  const all = (await Promise.all(processes.living.map((member) => member.call<string[]>("watched")))).map((seen) =>
    seen.filter((text) => isPunctual || !text.includes(" message ")),
  );
  // Each has begun at another place, and from there on all have the same.
  const seqOf = (text: string): number => Number(text.split(" ")[0]);
  const from = Math.max(...all.map((seen) => seqOf(seen[0] as string))) + 1;
  const common = all.map((seen) => seen.filter((text) => seqOf(text) >= from));
  for (const seen of common) assert.deepEqual(seen, common[0]);
  const [seen] = common as [string[]];
  assert.ok(seen.every((text) => !text.endsWith("reload") && !text.endsWith("without its write")));
  const seqs = seen.map(seqOf);
  assert.deepEqual(
    seqs,
    [...seqs].sort((a, b) => a - b),
  );
  for (const text of seen.filter((each) => each.includes(" set one."))) {
    const [seq, , key, value] = text.split(" ") as [string, string, string, string];
    const label = key.slice("one.".length);
    assert.ok(seen.includes(`${seq} set two ${label} ${value}`), `the other half of the batch of "${text}"`);
    if (isPunctual)
      assert.ok(seen.includes(`${seq} message ${label} ${value}`), `the message of the batch of "${text}"`);
  }
  t.diagnostic(
    `${seen.length} changes and messages, ${seen.filter((text) => text.includes(" expire ")).length} of them expiries`,
  );
});
