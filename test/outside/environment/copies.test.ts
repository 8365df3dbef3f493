/** A storage's directory that is copied or restored: a copy is a storage of its own, whoever has the original open. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../../proof/cluster/processes.js";
import type { Scope } from "./evaluator.js";
import { commonDirectory, mount, noMounts } from "./strange-machine.js";
import { StrangeMember } from "./strange-member.js";

/** Longest, in ms, that a copy may take to open whose sockets refuse: less than the lease of a manager that is out of reach. */
const AT_ONCE_MS = 3000;
/** The same for a copy without sockets, or on another file system: the lease, and as much again for a busy machine. */
const LEASE_MS = 8000;

/** An application whose storage two members have open, and a place for a copy. */
async function original(t: TestContext): Promise<{ base: string; path: string; members: StrangeMember[] }> {
  const base = commonDirectory(t);
  const path = join(base, "original");
  mkdirSync(path);
  const members = [new StrangeMember(t), new StrangeMember(t)];
  for (const member of members) await member.open({ path });
  await members[0]?.set("who", "original");
  return { base, path, members };
}

/** Shows that an open copy has what was confirmed, and that nothing which is done in it reaches the original. */
async function expectOwn(
  t: TestContext,
  path: string,
  members: readonly StrangeMember[],
  longestMs: number,
): Promise<void> {
  const [first, second] = members as [StrangeMember, StrangeMember];
  const [before, others] = [await first.facts(), [new StrangeMember(t), new StrangeMember(t)] as const];
  const started = performance.now();
  await others[0].open({ path });
  assert.ok(performance.now() - started < longestMs, "a copy waits for no manager of the original");
  assert.equal(await others[0].get("who"), "original");
  await others[1].open({ path });
  await others[0].set("who", "copy");
  assert.equal(await others[1].get("who"), "copy", "the copy has members of its own");
  assert.equal(await second.get("who"), "original");
  await first.set("later", 1);
  assert.equal(await others[1].get("later"), null);
  await others[1].ask(async ({ storage }) => {
    storage.clear();
    await storage.flush();
  });
  assert.equal(await second.get("who"), "original", "clear in a copy");
  await others[1].ask(({ storage }) => storage.destroy());
  await others[0].ask(({ storage }) => storage.destroy());
  assert.equal(await second.get("who"), "original", "destroy in a copy");
  await second.set("later", 2);
  assert.deepEqual(await first.facts(), before, "the original goes on as if there were no copy");
  for (const member of [...members, ...others]) assert.deepEqual(await member.codes(), []);
}

const WAYS: Readonly<Record<string, (from: string, to: string) => void>> = {
  "cp -r": (from, to) => void execFileSync("cp", ["-r", from, to]),
  "cp -a": (from, to) => void execFileSync("cp", ["-a", from, to]),
  tar(from, to) {
    mkdirSync(to);
    execFileSync("sh", ["-c", 'tar -C "$1" -cf - . 2>/dev/null | tar -C "$2" -xf -', "sh", from, to]);
  },
};

for (const [way, copy] of Object.entries(WAYS)) {
  test(`a copy by ${way} of an open storage is one of its own`, { skip: process.platform === "win32" }, async (t) => {
    const { base, path, members } = await original(t);
    copy(path, join(base, "copy"));
    const isWithSockets = readdirSync(join(base, "copy/app.db.d")).some((name) => name.startsWith("hub."));
    assert.equal(isWithSockets, way !== "tar", "what the test is about");
    await expectOwn(t, join(base, "copy"), members, isWithSockets ? AT_ONCE_MS : LEASE_MS);
  });
}

test("a copy on another file system is one of its own", { skip: noMounts }, async (t) => {
  const { base, path, members } = await original(t);
  mount(t, join(base, "disk"), "-t", "tmpfs", "tmpfs");
  execFileSync("cp", ["-a", path, join(base, "disk/copy")]);
  await expectOwn(t, join(base, "disk/copy"), members, LEASE_MS);
});

test("a copy that is behind opens with what it has, while the original has gone on and was compacted", async (t) => {
  const { base, path, members } = await original(t);
  const [first, second] = members as [StrangeMember, StrangeMember];
  cpSync(path, join(base, "copy"), { recursive: true, filter: (file) => !/\/(hub|member)\./.test(file) });
  execFileSync("cp", ["-a", path, join(base, "whole")]);
  await first.set("who", "has gone on");
  await first.ask(writeMuch);
  await until("a compaction", async () => {
    return (await Promise.all(members.map((member) => member.ask(({ storage }) => storage.stats().compactions)))).some(
      (count) => count > 0,
    );
  });
  for (const name of ["copy", "whole"]) {
    const member = new StrangeMember(t);
    await member.open({ path: join(base, name) });
    assert.deepEqual(
      [await member.get("who"), await member.get("big 1"), await member.codes()],
      ["original", null, []],
    );
    await member.set("who", name);
  }
  assert.equal(await second.get("who"), "has gone on");
});

async function writeMuch({ storage }: Scope): Promise<void> {
  for (let index = 0; index < 40; index++) {
    storage.set(`big ${index}`, "x".repeat(1 << 20));
    await storage.flush();
  }
}

test("a backup that is put back while nobody is there is what the next member opens", async (t) => {
  const { base, path, members } = await original(t);
  execFileSync("cp", ["-a", join(path, "app.db.d"), join(base, "backup")]);
  await members[0]?.set("who", "later");
  await Promise.all(members.map((member) => member.kill()));
  rmSync(join(path, "app.db.d"), { recursive: true });
  execFileSync("cp", ["-a", join(base, "backup"), join(path, "app.db.d")]);
  const [third, fourth] = [new StrangeMember(t), new StrangeMember(t)];
  await third.open({ path });
  await fourth.open({ path });
  assert.deepEqual([await third.get("who"), await fourth.get("who")], ["original", "original"]);
  await third.set("who", "again");
  assert.equal(await fourth.get("who"), "again");
  assert.deepEqual([await third.codes(), await fourth.codes()], [[], []]);
});
