/** What exists after a storage was removed, in processes that do not share a temporary directory, or have none. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chownSync, cpSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../proof/cluster/processes.js";

const MODULE = new URL("../../dist/core/index.js", import.meta.url).href;
const LONGEST_MS = 30_000;
/** The directory of this user in a temporary directory. */
const SHELTER = `cluster-storage-${process.getuid?.()}`;

/** Runs a script with `storage` open in a process that has a temporary directory of its own; returns what it prints. */
function run(path: string, runtime: string, script: string, identity: { uid?: number; gid?: number } = {}): string {
  const head = `import { Storage } from ${JSON.stringify(MODULE)};\n`;
  const open = `const storage = await Storage.open("app", { path: ${JSON.stringify(path)} });\n`;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", `${head}${open}${script}\nif (!storage.closed) await storage.close();`],
    { ...identity, env: { ...process.env, TMPDIR: runtime }, encoding: "utf8", timeout: LONGEST_MS },
  );
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

const write = (count: number) =>
  `for (let n = 0; n < ${count}; n++) { storage.set("k" + n, n); await storage.flush(); }`;
const tell = "console.log(storage.size);";

test("what a process with another temporary directory wrote after a destroy is visible to all", (t) => {
  const [path, one, other] = [temporaryDirectory(t), temporaryDirectory(t), temporaryDirectory(t)];
  run(path, one, `${write(50)} await storage.destroy();`);
  run(path, other, write(10));
  assert.equal(run(path, one, tell), "10");
  assert.equal(run(path, other, tell), "10");
});

test("a directory that is restored after a destroy is used", (t) => {
  const [path, saved, runtime] = [temporaryDirectory(t), temporaryDirectory(t), temporaryDirectory(t)];
  run(path, runtime, write(10));
  cpSync(path, saved, { recursive: true, filter: (file) => !lstatSync(file).isSocket() });
  run(path, runtime, `${write(30)} await storage.destroy();`);
  cpSync(saved, path, { recursive: true });
  assert.equal(run(path, runtime, tell), "10");
});

test("a storage can be opened and removed where there is no temporary directory of this user", (t) => {
  const [path, runtime] = [temporaryDirectory(t), temporaryDirectory(t)];
  writeFileSync(join(runtime, SHELTER), "a file of the user");
  run(path, runtime, `${write(3)} await storage.destroy();`);
  assert.deepEqual(readdirSync(path), []);
  run(path, join(runtime, "missing"), `${write(3)} await storage.destroy();`);
  assert.equal(run(path, runtime, tell), "0");
});

test("a user without a name, whose temporary directory is another user's, can open and remove a storage", (t) => {
  const identity = { uid: 54_321, gid: 54_321 };
  const reads = ["--input-type=module", "-e", `import ${JSON.stringify(MODULE)}`];
  if (process.getuid?.() !== 0 || spawnSync(process.execPath, reads, identity).status !== 0) {
    t.skip("needs root, to be another user, and a package that others can read");
    return;
  }
  const [path, runtime] = [temporaryDirectory(t), temporaryDirectory(t)];
  chownSync(path, identity.uid, identity.gid);
  mkdirSync(join(runtime, `cluster-storage-${identity.uid}`), { mode: 0o700 });
  run(path, runtime, `${write(3)} await storage.destroy();`, identity);
  assert.deepEqual(readdirSync(path), []);
});

test("a member that closes at once leaves no sign that it has a storage open that does not persist", (t) => {
  const [path, runtime] = [temporaryDirectory(t), temporaryDirectory(t)];
  const options = JSON.stringify({ path, persist: false });
  run(path, runtime, `const passing = new Storage("passing", ${options}); await passing.close();`);
  const left = readdirSync(runtime, { recursive: true }).filter((name) => String(name).includes("member."));
  assert.deepEqual(left, []);
});
