/** Processes whose user is not the one of the machine's directories, or changes: by `su`, a service manager, or after they opened the storage. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../../proof/cluster/processes.js";
import { asOtherUser, commonDirectory, noOtherUser, OTHER_UID } from "./strange-machine.js";
import { StrangeMember } from "./strange-member.js";

const skip = noOtherUser;
/** Longer than an address of a socket can be. */
const LONG = "d".repeat(100);

/** A directory that belongs to the other user. */
function directoryOfOther(t: TestContext, name = "data"): string {
  const path = join(commonDirectory(t), name);
  mkdirSync(path, { mode: 0o700 });
  chownSync(path, OTHER_UID, OTHER_UID);
  return path;
}

/** Where the environment of another login points. */
const ENVIRONMENTS = {
  "another user's": (base: string) => {
    const directory = join(base, "login");
    mkdirSync(directory, { mode: 0o700 });
    return directory;
  },
  removed: (base: string) => {
    const directory = join(base, "login");
    mkdirSync(directory);
    chmodSync(directory, 0o777);
    rmSync(directory, { recursive: true });
    return directory;
  },
};

for (const [kind, create] of Object.entries(ENVIRONMENTS)) {
  for (const name of ["data", LONG]) {
    const length = name === LONG ? "long" : "short";
    test(`with a TMPDIR and XDG_RUNTIME_DIR that is ${kind}, members join at a ${length} path`, { skip }, async (t) => {
      const path = directoryOfOther(t, name);
      const directory = create(commonDirectory(t));
      const env = { TMPDIR: directory, XDG_RUNTIME_DIR: directory, HOME: directory };
      const members = [env, env, {}].map(
        (given) => new StrangeMember(t, { within: asOtherUser, env: given, cwd: "/" }),
      );
      for (const member of members) await member.open({ path });
      const [a, b, c] = members as [StrangeMember, StrangeMember, StrangeMember];
      await a.set("a", 1);
      assert.equal(await c.get("a"), 1);
      await a.kill();
      await b.set("b", 2);
      assert.equal(await c.get("b"), 2);
      for (const member of [b, c]) assert.deepEqual([await member.codes(), (await member.facts()).epoch], [[], 2]);
    });
  }
}

test("what does not persist needs a TMPDIR that can be written, and creates one that was removed", {
  skip,
}, async (t) => {
  const [base, path] = [commonDirectory(t), "/"];
  chmodSync(base, 0o777);
  const open = (TMPDIR: string) =>
    new StrangeMember(t, { within: asOtherUser, env: { TMPDIR }, cwd: "/" }).open({ path, persist: false });
  await assert.rejects(open(ENVIRONMENTS["another user's"](base)), {
    code: "ERR_STORAGE_DIRECTORY",
    message: /EACCES/,
  });
  assert.equal((await open(join(base, "removed"))).isManager, true);
});

test("a directory of another user is refused, also by root, and nothing in it is changed", { skip }, async (t) => {
  const path = directoryOfOther(t);
  const owner = new StrangeMember(t, { within: asOtherUser, cwd: "/" });
  await owner.open({ path });
  await owner.set("a", 1);
  const root = new StrangeMember(t);
  await assert.rejects(root.open({ path }), {
    code: "ERR_STORAGE_DIRECTORY",
    message: /run this process as that user/,
  });
  await owner.set("b", 2);
  assert.deepEqual([await owner.facts(), await owner.codes()], [{ epoch: 1, members: 1, isManager: true }, []]);
});

for (const name of ["data", LONG]) {
  const length = name === LONG ? "long" : "short";
  test(`a member that became the directory's new owner after it had opened it fails over, at a ${length} path`, {
    skip,
  }, async (t) => {
    const path = join(commonDirectory(t), name);
    mkdirSync(path);
    const [a, b] = [new StrangeMember(t), new StrangeMember(t)];
    for (const member of [a, b]) await member.open({ path });
    await a.set("a", 1);
    execFileSync("chown", ["-R", `${OTHER_UID}:${OTHER_UID}`, path]);
    for (const member of [a, b]) {
      await member.ask((_, id) => {
        process.setgroups?.([]);
        process.setgid?.(id);
        process.setuid?.(id);
      }, OTHER_UID);
    }
    await a.set("b", 2);
    await a.kill();
    await b.set("c", 3);
    const c = new StrangeMember(t, { within: asOtherUser, cwd: "/" });
    await c.open({ path });
    assert.deepEqual(await c.ask(({ storage }) => storage.keys().sort()), ["a", "b", "c"]);
    assert.deepEqual([(await c.facts()).epoch, await b.codes(), await c.codes()], [2, [], []]);
    await b.kill();
    await c.set("d", 4);
  });
}

test("a member that may not use the directory any more reports it, keeps what it has, and hinders nobody", {
  skip,
}, async (t) => {
  const path = commonDirectory(t);
  const [a, b, c] = [new StrangeMember(t), new StrangeMember(t), new StrangeMember(t)];
  for (const member of [a, b]) await member.open({ path });
  await a.set("a", 1);
  await b.ask((_, id) => process.setuid?.(id), OTHER_UID);
  await a.set("b", 2);
  assert.equal(await b.get("b"), 2, "its connection stays");
  await a.kill();
  await until("it reports why", async () => (await b.codes()).length > 0);
  assert.deepEqual([...new Set(await b.codes())], ["ERR_STORAGE_DIRECTORY"], "permissions are no full disk");
  assert.equal(await b.ask(({ storage }) => storage.get("a")), 1);
  await c.open({ path });
  await c.set("c", 3);
  assert.deepEqual(await c.ask(({ storage }) => storage.keys().sort()), ["a", "b", "c"]);
});
