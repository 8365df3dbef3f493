/** Files are damaged while processes have the storage open: what the processes hold is written again, and survives the end of all of them. */
import assert from "node:assert/strict";
import { closeSync, openSync, readdirSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Contents } from "./history.js";
import { type Member, Processes, temporaryDirectory, until } from "./processes.js";

const KEYS = 20;
const BYTES = 400_000;

/** The first file of a kind. */
function fileOf(directory: string, kind: string): string {
  const name = readdirSync(directory).find((found) => found.startsWith(kind));
  assert.ok(name, `expected a file ${kind}* in ${directory}`);
  return join(directory, name);
}

/** Turns a bit in the middle of a file. */
function damage(path: string): void {
  const file = openSync(path, "r+");
  const at = Math.floor(statSync(path).size / 2);
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  writeSync(file, Buffer.from([(byte[0] as number) ^ 1]), 0, 1, at);
  closeSync(file);
}

async function warnings(members: readonly Member[]): Promise<string[]> {
  const events = await Promise.all(members.map((member) => member.call<string[]>("events")));
  return events.flat().filter((event) => event.startsWith("error"));
}

test("a segment and then a snapshot that are damaged while members are open are healed, and all killed members lose nothing", async (t) => {
  const path = temporaryDirectory(t);
  const directory = join(path, "app.db.d");
  const processes = new Processes(t, { path });
  const members = await processes.startJoined(3);
  const manager = await processes.manager();
  for (const [round, kind] of ["log.", "snapshot."].entries()) {
    await manager.call("fill", "key", KEYS, BYTES);
    damage(fileOf(directory, kind));
    for (const member of members) await member.call("fill", "key", KEYS, BYTES);
    await until("the files are healed", async () => (await manager.stats()).healed === round + 1);
    const told = await warnings(members);
    assert.equal(told.filter((event) => event.includes("ERR_STORAGE_DAMAGED")).length, round + 1, told.join("\n"));
    assert.ok(told.at(-1)?.includes(directory), "the report names the file");
    await until("the healed files are read back", async () => (await manager.stats()).compactions > round);
  }
  const contents = await manager.call<Contents>("contents");
  await Promise.all(members.map((member) => member.kill()));
  const [restarted] = await processes.startJoined(1);
  assert.deepEqual(await (restarted as Member).call<Contents>("contents"), contents);
});

test("members keep what they hold when the directory, or all files in it, are removed, and a restart finds it", async (t) => {
  for (const what of ["the directory", "all files"]) {
    const path = temporaryDirectory(t);
    const directory = join(path, "app.db.d");
    const processes = new Processes(t, { path });
    const members = await processes.startJoined(3);
    for (const member of members) await member.call("fill", `before.${member.pid}.`, KEYS, 10);
    if (what === "the directory") rmSync(directory, { recursive: true });
    else for (const name of readdirSync(directory)) rmSync(join(directory, name));
    for (const member of members) await member.call("fill", `after.${member.pid}.`, KEYS, 10);
    for (const member of members) await member.call("sync");
    const contents = await (members[0] as Member).call<Contents>("contents");
    assert.equal(contents.length, 2 * members.length * KEYS, what);
    const told = (await warnings(members)).filter((event) => event.includes("ERR_STORAGE_DAMAGED"));
    assert.equal(told.length, 1, told.join("\n"));
    assert.match(told[0] ?? "", /was removed/);
    await Promise.all(members.map((member) => member.kill()));
    const [restarted] = await processes.startJoined(1);
    assert.deepEqual(await (restarted as Member).call<Contents>("contents"), contents, what);
  }
});
