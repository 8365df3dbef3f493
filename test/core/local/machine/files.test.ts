import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs, {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { diskFiles as files } from "../../../../dist/core/local/machine/files.js";
import { bootIdOf } from "../../../../dist/core/local/machine/kernel.js";

const run = promisify(execFile);
const DEADLINE_MS = 30_000;

/** Runs a program that has `files` and `base` in a process, and returns what it prints; kills it after the deadline. */
async function printed(base: string, program: string): Promise<string> {
  const url = new URL("../../../../dist/core/local/machine/files.js", import.meta.url);
  const text = `import { diskFiles as files } from "${url}"; const base = ${JSON.stringify(base)}; ${program}`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", text], { timeout: DEADLINE_MS });
  return stdout.trim();
}

function directoryFor(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "files-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test("files are created exclusively, with mode 0600, and read and written at a place", (t) => {
  const path = join(directoryFor(t), "file");
  const file = files.open(path, "create");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.throws(() => files.open(path, "create"), { code: "EEXIST" });
  assert.equal(files.write(file, [Buffer.from("abc"), Buffer.from("def")], 0), 6);
  assert.equal(files.write(file, [Buffer.from("X")], 4), 1);
  const into = Buffer.alloc(10);
  assert.equal(files.read(file, into, 1, 9, 2), 4);
  assert.equal(into.toString("utf8", 1, 5), "cdXf");
  assert.equal(files.read(file, into, 0, 4, 6), 0);
  files.truncate(file, 2);
  files.sync(file);
  assert.equal(files.bytes(file), 2);
  files.close(file);
  assert.equal(readFileSync(path, "utf8"), "ab");
});

test("a write of more buffers than the operating system takes at once is whole", (t) => {
  const path = join(directoryFor(t), "file");
  const file = files.open(path, "create");
  const buffers = Array.from({ length: 5000 }, (_, index) => Buffer.from(`${index},`));
  const expected = Buffer.concat(buffers);
  assert.equal(files.write(file, buffers, 0), expected.length);
  files.close(file);
  assert.deepEqual(readFileSync(path), expected);
});

test("each call reports in its way that a file does not exist", (t) => {
  const path = join(directoryFor(t), "none");
  assert.throws(() => files.open(path, "read"), { code: "ENOENT" });
  assert.throws(() => files.open(path, "write"), { code: "ENOENT" });
  assert.equal(files.unlink(path), false);
  assert.equal(files.modifiedAt(path), undefined);
  assert.deepEqual(files.list(path), []);
  assert.throws(() => files.link(path, `${path}2`), { code: "ENOENT" });
});

test("closing never fails for an open file, whatever close(2) reports, and is refused for one that is closed", (t) => {
  const file = files.open(join(directoryFor(t), "file"), "create");
  const { closeSync } = fs;
  t.after(() => {
    fs.closeSync = closeSync;
    syncBuiltinESMExports();
  });
  fs.closeSync = (open) => {
    closeSync(open);
    throw Object.assign(new Error("EIO: close"), { code: "EIO" });
  };
  syncBuiltinESMExports();
  files.close(file);
  assert.throws(() => files.close(file), { code: "EBADF" });
});

test("names are linked exclusively and counted by the open file", (t) => {
  const directory = directoryFor(t);
  const path = join(directory, "file");
  const file = files.open(path, "create");
  files.link(path, join(directory, "second"));
  assert.throws(() => files.link(path, join(directory, "second")), { code: "EEXIST" });
  assert.equal(files.lookAt(file, path).links, 2);
  assert.equal(files.unlink(path), true);
  files.rename(join(directory, "second"), path);
  assert.deepEqual(files.list(directory), ["file"]);
  files.unlink(path);
  assert.equal(files.lookAt(file, path).links, 0);
  files.close(file);
});

test("times are set and read in ms", (t) => {
  const path = join(directoryFor(t), "file");
  files.close(files.open(path, "create"));
  files.touch(path, 1_700_000_000_000);
  assert.equal(files.modifiedAt(path), 1_700_000_000_000);
});

test("an fsync in the background calls back once", async (t) => {
  const path = join(directoryFor(t), "file");
  const file = files.open(path, "create");
  assert.equal(await new Promise((resolve) => files.syncLater(file, resolve)), null);
  files.close(file);
});

test("directories are created private, and what others can enter or is a link is not private", (t) => {
  if (process.platform === "win32") return t.skip("no modes");
  const base = directoryFor(t);
  const made = join(base, "a", "b");
  files.makeDirectory(made);
  files.makeDirectory(made);
  assert.equal(files.isPrivate(made), true);
  files.syncDirectory(made);
  chmodSync(made, 0o750);
  assert.equal(files.isPrivate(made), false);
  mkdirSync(join(base, "own"), { mode: 0o700 });
  symlinkSync(join(base, "own"), join(base, "link"));
  assert.equal(files.isPrivate(join(base, "link")), false);
  assert.equal(files.realPath(join(base, "link")), join(files.realPath(base), "own"));
  writeFileSync(join(base, "file"), "", { mode: 0o600 });
  assert.equal(files.isPrivate(join(base, "file")), false);
  assert.throws(() => files.removeDirectory(base), { code: "ENOTEMPTY" });
  files.removeDirectory(made);
  assert.equal(files.isRemote(base), false);
});

test("a directory that cannot be created is an error, also where its parent exists and the system reports ENOENT", async (t) => {
  if (process.platform !== "linux") return t.skip("no /proc");
  for (const path of ["/proc/cluster-storage", "/proc/cluster-storage/a/b"]) {
    const program = "try { files.makeDirectory(base); } catch (error) { console.log(error.code); }";
    assert.equal(await printed(path, program), "ENOENT");
  }
  const base = directoryFor(t);
  writeFileSync(join(base, "file"), "");
  symlinkSync(join(base, "nothing"), join(base, "link"));
  assert.throws(() => files.makeDirectory(join(base, "file")), { code: "EEXIST" });
  assert.throws(() => files.makeDirectory(join(base, "file", "a")), { code: "ENOTDIR" });
  assert.throws(() => files.makeDirectory(join(base, "link")), { code: "EEXIST" });
});

test("processes that create the same directories at the same time all succeed", async (t) => {
  const base = directoryFor(t);
  const start = Date.now() + 500;
  const program = `
    while (Date.now() < ${start});
    for (let index = 0; index < 50; index++) files.makeDirectory(base + "/" + index + "/a/b/c");
    console.log("done");`;
  const answers = await Promise.all(Array.from({ length: 3 }, () => printed(base, program)));
  assert.deepEqual(answers, ["done", "done", "done"]);
  assert.equal(files.list(base).length, 50);
});

test("the id of a start of the machine is the same for all its processes", () => {
  assert.equal(bootIdOf("host"), bootIdOf("host"));
  assert.ok(bootIdOf("host").length > 0);
});
