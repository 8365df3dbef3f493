/** Members that see another boot id, as on another machine, after its restart, or where a sandbox makes one up for each start. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { commonDirectory, noNamespaces, withMounts } from "./strange-machine.js";
import { StrangeMember } from "./strange-member.js";

/** The lease of a manager that is out of reach, in ms, and how long it may take on a busy machine until it is replaced. */
const LEASE_MS = 4000;
const REPLACED_MS = 2 * LEASE_MS;
/** Less than the lease. */
const AT_ONCE_MS = 3000;

/** A member of another start of the machine. */
function ofOtherBoot(t: TestContext, ...commands: string[]): StrangeMember {
  const file = join(commonDirectory(t), "boot_id");
  writeFileSync(file, `${randomUUID()}\n`);
  return new StrangeMember(t, {
    within: withMounts(`mount --bind '${file}' /proc/sys/kernel/random/boot_id`, ...commands),
  });
}

/** The ms that a member takes to open the storage. */
async function opening(member: StrangeMember, path: string): Promise<number> {
  await member.ask(() => 0);
  const started = performance.now();
  await member.open({ path });
  return performance.now() - started;
}

/** A socket that refuses, outside of the storage's directory. */
async function deadSocket(t: TestContext): Promise<string> {
  const directory = commonDirectory(t);
  const server = createServer().listen(join(directory, "bound"));
  await once(server, "listening");
  renameSync(join(directory, "bound"), join(directory, "dead"));
  server.close();
  return join(directory, "dead");
}

describe("with another boot id", { skip: noNamespaces, concurrency: true }, () => {
  it("a dead manager is replaced after its lease, by whoever is of another boot", async (t) => {
    const path = commonDirectory(t);
    const a = ofOtherBoot(t);
    await a.open({ path });
    await a.set("a", 1);
    await a.kill();
    const b = new StrangeMember(t);
    const ms = await opening(b, path);
    assert.ok(ms > LEASE_MS / 2, `a refusal proves nothing here, so it waits: ${ms} ms`);
    assert.ok(ms < REPLACED_MS, `${ms} ms`);
    assert.deepEqual([await b.get("a"), (await b.facts()).epoch, await b.codes()], [1, 2, []]);
    await b.kill();
    const c = new StrangeMember(t);
    assert.ok((await opening(c, path)) < AT_ONCE_MS, "a refusal proves that a manager of this boot is dead");
  });

  it("a manager that answers is of this machine, and is joined at once", async (t) => {
    const path = commonDirectory(t);
    const a = ofOtherBoot(t);
    await a.open({ path });
    await a.set("a", 1);
    const [b, c] = [new StrangeMember(t), ofOtherBoot(t)];
    for (const member of [b, c]) assert.ok((await opening(member, path)) < AT_ONCE_MS);
    await c.set("c", 3);
    assert.deepEqual([await b.get("a"), await a.get("c")], [1, 3]);
    assert.deepEqual(await a.facts(), { epoch: 1, members: 3, isManager: true });
    await a.kill();
    await b.set("b", 2);
    assert.equal(await c.get("b"), 2);
    assert.equal((await c.facts()).epoch, 2);
  });

  it("a manager that refreshes its seat, and refuses, is on another machine: nobody claims its seat", async (t) => {
    const path = commonDirectory(t);
    const a = new StrangeMember(t);
    await a.open({ path });
    await a.set("a", 1);
    const directory = join(path, "app.db.d");
    const socket = readdirSync(directory).find((name) => name.startsWith("hub.")) as string;
    // As on a shared folder: the files are there, and the socket leads nowhere.
    const dead = await deadSocket(t);
    const b = ofOtherBoot(t, `mount --bind '${dead}' '${join(directory, socket)}'`);
    await assert.rejects(b.open({ path }), { code: "ERR_STORAGE_REMOTE", message: /uses it, at/ });
    const c = ofOtherBoot(t, `mount --bind '${dead}' '${join(directory, socket)}'`);
    const refused = assert.rejects(c.open({ path }), { code: "ERR_STORAGE_REMOTE" });
    const end = performance.now() + LEASE_MS + 1000;
    for (let index = 0; performance.now() < end; index++) await a.set("count", index);
    assert.deepEqual([await a.facts(), await a.codes()], [{ epoch: 1, members: 1, isManager: true }, []]);
    await refused;
    const d = new StrangeMember(t);
    assert.ok((await opening(d, path)) < AT_ONCE_MS, "a process of its own machine joins");
  });
});
