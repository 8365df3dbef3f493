import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmdirSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Storage, StorageError } from "../../../../dist/core/index.js";
import { isFrameLength, isIntact } from "../../../../dist/core/log/frame.js";
import { Home } from "../../../api/conformance/home.js";
import { until } from "../../../proof/cluster/processes.js";

const VALUE = "x".repeat(50_000);
/** Values of 50 kB: more than the small disk holds. */
const COUNT = 40;

/** A disk of one MiB that can be enlarged; null, and the test is skipped, when this user may not mount. */
function smallDisk(t: TestContext): { home: Home; grow: () => void } | null {
  const path = mkdtempSync(join(tmpdir(), "cluster-storage-disk-"));
  const home = new Home(t, { path });
  let unmount = () => {};
  t.after(() => {
    unmount();
    rmdirSync(path);
  });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path], { stdio: "pipe" });
  } catch (error) {
    t.skip(`mounting is not possible: ${(error as Error).message}`);
    return null;
  }
  unmount = () => void execFileSync("umount", ["-l", path]);
  return { home, grow: () => execFileSync("mount", ["-o", "remount,size=64m", path]) };
}

const folderOf = (storage: Storage) => `${storage.filename}.d`;

/** Fills the disk; returns the errors that are reported, at least one so far. */
async function fill(storage: Storage): Promise<StorageError[]> {
  const errors: StorageError[] = [];
  storage.on("error", (error) => errors.push(error as StorageError));
  for (let index = 0; index < COUNT; index++) storage.batch(() => storage.set(`key${index}`, `${index} ${VALUE}`));
  await until("an error of the disk", () => errors.length > 0);
  return errors;
}

/** Takes the last page of a disk. */
function fillRest(path: string): void {
  const file = openSync(join(path, "rest"), "w");
  try {
    for (;;) writeSync(file, Buffer.alloc(512));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
  } finally {
    closeSync(file);
  }
}

function expectAll(storage: Storage): void {
  assert.equal(storage.keys("key").length, COUNT);
  for (let index = 0; index < COUNT; index++) assert.equal(storage.get(`key${index}`), `${index} ${VALUE}`);
}

/** Every segment is made of whole frames, to its last byte. */
function expectWholeFrames(directory: string): void {
  for (const name of readdirSync(directory).filter((found) => found.startsWith("log."))) {
    const bytes = readFileSync(join(directory, name));
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.length - at >= 4 ? bytes.readUInt32LE(at) : 0;
      assert.ok(isFrameLength(length) && at + length <= bytes.length, `${name} at ${at} of ${bytes.length}: ${length}`);
      assert.ok(isIntact(bytes, at, at + length), `${name} at ${at}`);
      at += length;
    }
  }
}

test("on a full disk writes stay pending and readable, one error is reported, and with space all are confirmed", async (t) => {
  const disk = smallDisk(t);
  if (disk === null) return;
  const { home, grow } = disk;
  const manager = await home.member();
  const storage = await home.open();
  const errors = await fill(storage);
  assert.equal(errors[0]?.name, "StorageError");
  assert.equal(errors[0]?.code, "ERR_STORAGE_DISK");
  assert.match(errors[0]?.message ?? "", /ENOSPC/);
  assert.equal((errors[0]?.cause as NodeJS.ErrnoException | undefined)?.code, "ENOSPC");
  expectAll(storage);
  storage.set("while full", 1);
  storage.delete("key0");
  storage.set("key0", `0 ${VALUE}`);
  expectAll(storage);
  await until("several tries", () => storage.stats().lag > 1500);
  assert.equal(errors.length, 1, "reported once");
  assert.ok(storage.stats().pending > 0);
  expectWholeFrames(folderOf(storage));
  assert.equal(await manager.call("isManager"), true, "the manager stays the manager");
  grow();
  await storage.flush();
  expectAll(storage);
  await manager.call("sync");
  assert.equal(await manager.call("size"), COUNT + 1);
  assert.equal(errors.length, 1);
  await manager.kill();
  await storage.close();
  expectWholeFrames(folderOf(storage));
  const reopened = await home.open();
  expectAll(reopened);
  assert.equal(reopened.get("while full"), 1);
  assert.deepEqual(
    readdirSync(folderOf(reopened)).filter((name) => /^(torn|corrupt)\./.test(name)),
    [],
  );
});

test("all members killed on a full disk: what was confirmed exists after a cold restart, and nothing unfinished", async (t) => {
  const disk = smallDisk(t);
  if (disk === null) return;
  const { home, grow } = disk;
  const [manager, writer] = [await home.member(), await home.member()];
  let confirmed = 0;
  const writing = (async () => {
    for (let index = 0; index < COUNT; index++) {
      await writer.call("set", `key${index}`, `${index} ${VALUE}`);
      await writer.call("flush");
      confirmed++;
    }
  })();
  writing.catch(() => {});
  const isFull = async () =>
    (await writer.call<string[]>("events")).some((event) => event.includes("ERR_STORAGE_DISK"));
  await until("a full disk", isFull);
  assert.ok(confirmed > 5 && confirmed < COUNT, `${confirmed}`);
  await Promise.all([manager.kill(), writer.kill()]);
  grow();
  const storage = await home.open();
  assert.ok(storage.size >= confirmed, `${confirmed} were confirmed, ${storage.size} are there`);
  for (const [key, value] of storage.entries()) assert.equal(value, `${key.slice(3)} ${VALUE}`);
  await storage.close();
  expectWholeFrames(folderOf(storage));
});

test("a manager that dies on a full disk is replaced once there is space; until then one error is reported", async (t) => {
  const disk = smallDisk(t);
  if (disk === null) return;
  const { home, grow } = disk;
  const manager = await home.member();
  const storage = await home.open();
  const errors = await fill(storage);
  fillRest(storage.path);
  await manager.kill();
  const openFiles = () => readdirSync("/proc/self/fd").length;
  const before = openFiles();
  await until("several tries", () => storage.stats().lag > 4000);
  assert.ok(openFiles() < before + 10, `${before} files were open, ${openFiles()} are`);
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["ERR_STORAGE_DISK"],
  );
  expectAll(storage);
  grow();
  await storage.flush();
  assert.deepEqual([storage.isManager, errors.length], [true, 1]);
  expectAll(storage);
  assert.deepEqual(
    readdirSync(folderOf(storage)).filter((name) => name.startsWith("tmp.")),
    [],
  );
});

test("closing on a full disk fails with ERR_STORAGE_DISK, and does not wait for space; what was confirmed is there later", async (t) => {
  const disk = smallDisk(t);
  if (disk === null) return;
  const { home, grow } = disk;
  const storage = await home.open();
  storage.set("confirmed", 1);
  await storage.flush();
  await fill(storage);
  await assert.rejects(storage.close(), { name: "StorageError", code: "ERR_STORAGE_DISK", message: /ENOSPC/ });
  assert.equal(storage.closed, true);
  grow();
  const reopened = await home.open();
  assert.equal(reopened.get("confirmed"), 1);
  for (const [key, value] of reopened.entries("key")) assert.equal(value, `${key.slice(3)} ${VALUE}`);
});

test("closing with nothing pending on a disk that has no room for a snapshot loses nothing", async (t) => {
  const disk = smallDisk(t);
  if (disk === null) return;
  const { home } = disk;
  const storage = await home.open();
  for (let index = 0; index < 12; index++) storage.set(`key${index}`, `${index} ${VALUE}`);
  await storage.flush();
  await storage.close().catch((error: StorageError) => assert.equal(error.code, "ERR_STORAGE_DISK", String(error)));
  const reopened = await home.open();
  assert.equal(reopened.size, 12);
});

test("a full disk throws nothing when `error` has no listener", async (t) => {
  const disk = smallDisk(t);
  if (disk === null) return;
  const uncaught: unknown[] = [];
  const note = (error: unknown) => uncaught.push(error);
  process.on("uncaughtException", note);
  t.after(() => process.off("uncaughtException", note));
  const storage = await disk.home.open();
  for (let index = 0; index < COUNT; index++) storage.batch(() => storage.set(`key${index}`, `${index} ${VALUE}`));
  await until("several tries", () => storage.stats().lag > 1500);
  assert.deepEqual(uncaught, []);
  expectAll(storage);
  disk.grow();
  await storage.flush();
  assert.deepEqual(uncaught, []);
});

test("a limit of file size is a full disk, too", async (t) => {
  const home = new Home(t);
  const manager = await home.member();
  const limit = (bytes: string) => execFileSync("prlimit", ["--pid", `${manager.pid}`, `--fsize=${bytes}:unlimited`]);
  try {
    limit("1000000");
  } catch (error) {
    t.skip(`limits cannot be set: ${(error as Error).message}`);
    return;
  }
  const storage = await home.open();
  const errors = await fill(storage);
  assert.deepEqual(
    [errors[0]?.code, (errors[0]?.cause as NodeJS.ErrnoException | undefined)?.code],
    ["ERR_STORAGE_DISK", "EFBIG"],
  );
  expectWholeFrames(folderOf(storage));
  expectAll(storage);
  limit("unlimited");
  await storage.flush();
  assert.equal(errors.length, 1);
  assert.equal(await manager.call("isManager"), true);
  await manager.call("sync");
  assert.equal(await manager.call("size"), COUNT);
});
