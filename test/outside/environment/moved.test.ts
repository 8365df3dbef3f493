/** A storage's directory that is renamed, or covered by a mount, while it is open: nothing is written into a directory that is another one. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { freeze, until } from "../../proof/cluster/processes.js";
import { teardown } from "../../proof/cluster/teardown.js";
import type { Scope } from "./evaluator.js";
import { commonDirectory, noMounts } from "./strange-machine.js";
import { StrangeMember } from "./strange-member.js";

const skip = process.platform === "win32" && "a directory that is in use cannot be renamed on Windows";

/** 0 for a name that was removed meanwhile. */
const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Two members that have a storage open, the first one as its manager. */
async function pair(t: TestContext): Promise<{ path: string; directory: string; members: StrangeMember[] }> {
  const path = commonDirectory(t);
  const members = [new StrangeMember(t), new StrangeMember(t)];
  for (const member of members) await member.open({ path });
  await members[0]?.set("before", 1);
  return { path, directory: join(path, "app.db.d"), members };
}

/** Enough that its manager begins new segments, and folds them. */
async function writeMuch({ storage }: Scope, prefix: string): Promise<void> {
  for (let index = 0; index < 40; index++) {
    storage.set(`${prefix} ${index}`, "x".repeat(1 << 20));
    await storage.flush();
  }
}

/** Sets a key. The first write of a process that has moved on to another storage is refused. */
async function setThere(member: StrangeMember, key: string, value: number): Promise<void> {
  await member.set(key, value).catch((error: NodeJS.ErrnoException) => {
    assert.equal(error.code, "ERR_STORAGE_EXPIRED");
    return member.set(key, value);
  });
}

/** Waits until all members have one manager, see one another's writes and hold the same. */
async function expectOne(members: readonly StrangeMember[], mark: string): Promise<string[]> {
  await until("one manager", async () => {
    const facts = await Promise.all(members.map((member) => member.facts()));
    return (
      facts.filter(({ isManager }) => isManager).length === 1 &&
      facts.every(({ epoch, members: count }) => epoch === facts[0]?.epoch && count === members.length)
    );
  });
  await Promise.all(members.map((member, index) => setThere(member, `${mark} ${index}`, index)));
  const seen = await Promise.all(
    members.map((member) =>
      member.ask(async ({ storage }) => {
        await storage.sync();
        return storage
          .entries()
          .map(([key, value]) => `${key}=${String(value).length > 9 ? "long" : value}`)
          .sort();
      }),
    ),
  );
  for (const keys of seen) assert.deepEqual(keys, seen[0], "all members hold the same");
  return seen[0] as string[];
}

/** The sockets of members in a directory. */
const socketsIn = (directory: string): string[] => readdirSync(directory).filter((name) => name.startsWith("member."));

/** How many members take connections in a directory. */
async function memberCount(directory: string): Promise<number> {
  const answers = socketsIn(directory).map(
    (name) =>
      new Promise<boolean>((resolve) => {
        const socket = connect(join(directory, name), () => resolve(true));
        socket.on("error", () => resolve(false)).resume();
      }),
  );
  return (await Promise.all(answers)).filter((isAlive) => isAlive).length;
}

/** What a process finds that opens a directory which no process has open. */
async function contentOf(t: TestContext, directory: string): Promise<string[]> {
  const path = commonDirectory(t);
  renameSync(directory, join(path, "app.db.d"));
  const member = new StrangeMember(t);
  await member.open({ path });
  const keys = await member.ask(({ storage }) => storage.keys().sort());
  assert.deepEqual(await member.codes(), [], "nothing in it is damaged");
  return keys;
}

test("after a rename the members go on together at the path, and neither directory is damaged", { skip }, async (t) => {
  const { path, directory, members } = await pair(t);
  const moved = join(path, "moved");
  renameSync(directory, moved);
  const third = new StrangeMember(t);
  await third.open({ path });
  const all = [...members, third];
  await expectOne(all, "joined");
  // Through the one that was the manager before the move.
  await members[0]?.ask(writeMuch, "big");
  await until("a compaction", async () => {
    return (await Promise.all(all.map((member) => member.ask(({ storage }) => storage.stats().compactions)))).some(
      (count) => count > 0,
    );
  });
  const seen = await expectOne(all, "after");
  assert.ok(seen.includes("big 39=long"));
  for (const member of all) await member.kill();
  const fourth = new StrangeMember(t);
  await fourth.open({ path });
  assert.equal(await fourth.ask(({ storage }) => storage.size), seen.length, "what was confirmed at the path");
  assert.deepEqual(await fourth.codes(), []);
  assert.ok((await contentOf(t, moved)).includes("before"), "what was confirmed before the move is in the moved one");
});

test("what was written around a rename is in one of the two directories, or reported as lost", { skip }, async (t) => {
  const { path, directory, members } = await pair(t);
  const first = members[0] as StrangeMember;
  const flushed = first.ask(async ({ storage }) => {
    for (let index = 0; index < 40; index++) {
      storage.batch(() => storage.set(`big ${index}`, "x".repeat(1 << 20)));
      await null;
    }
    return storage.flush().then(
      () => "confirmed",
      ({ code }) => code as string,
    );
  });
  const moved = join(path, "moved");
  await until("some writes", () => readdirSync(directory).some((name) => sizeOf(join(directory, name)) > 1 << 20));
  renameSync(directory, moved);
  const third = new StrangeMember(t);
  await third.open({ path });
  const seen = await expectOne([...members, third], "joined");
  const lost = (await first.codes()).filter((code) => code === "ERR_STORAGE_EXPIRED").length;
  for (const member of [...members, third]) await member.kill();
  const old = await contentOf(t, moved);
  assert.ok(old.includes("before"));
  const keys = Array.from({ length: 40 }, (_, index) => `big ${index}`);
  const missing = keys.filter((key) => !old.includes(key) && !seen.includes(`${key}=long`));
  assert.ok(missing.length <= lost, "each write that is in neither was reported");
  assert.ok(["confirmed", lost > 0 ? "ERR_STORAGE_EXPIRED" : "confirmed"].includes(await flushed));
});

test("a directory that is moved away and back, before anybody looks or after, has one manager", { skip }, async (t) => {
  const { path, directory, members } = await pair(t);
  const [moved, other] = [join(path, "moved"), join(path, "other")];
  renameSync(directory, moved);
  renameSync(moved, directory);
  await expectOne(members, "at once");
  renameSync(directory, moved);
  await until("a new directory at the path", () => readdirSync(path).includes("app.db.d"));
  await until("the members listen there", () => socketsIn(directory).length === members.length);
  await expectOne(members, "meanwhile");
  renameSync(directory, other);
  renameSync(moved, directory);
  const third = new StrangeMember(t);
  await third.open({ path });
  const seen = await expectOne([...members, third], "back");
  assert.ok(
    seen.includes("before=1") && seen.includes("at once 0=0"),
    "what was confirmed in the directory that is back",
  );
  assert.equal(await memberCount(directory), 3, "each member listens where it is");
  assert.ok((await contentOf(t, other)).includes("meanwhile 0"), "what was confirmed in the other one");
});

test("a file system that is mounted over the open directory is another storage, until it is unmounted", {
  skip: noMounts,
}, async (t) => {
  const { path, directory, members } = await pair(t);
  const other = join(path, "other");
  mkdirSync(other, { mode: 0o700 });
  let isMounted = true;
  const unmount = () => {
    if (isMounted) execFileSync("umount", ["-l", directory]);
    isMounted = false;
  };
  // They go on with what is mounted, too, and would bring along what they hold if they were first.
  for (const member of members) await freeze(member.process);
  execFileSync("mount", ["--bind", other, directory]);
  teardown(t, unmount);
  const third = new StrangeMember(t);
  await third.open({ path });
  assert.equal(await third.get("before"), null);
  for (const member of members) member.process.kill("SIGCONT");
  await expectOne([...members, third], "covered");
  unmount();
  const fourth = new StrangeMember(t);
  await fourth.open({ path });
  const seen = await expectOne([...members, third, fourth], "uncovered");
  assert.ok(seen.includes("before=1"), "what was confirmed in the directory that is there again");
  assert.ok((await contentOf(t, other)).includes("covered 2"), "what was confirmed in the other one");
});
