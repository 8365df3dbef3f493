/** Real disks that get full, and real limits of a file's size, at different places: in the log, its first frame, a snapshot. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Storage, StorageError } from "../../../dist/core/index.js";
import { Home } from "../../api/conformance/home.js";
import { until } from "../cluster/processes.js";

const VALUE = "x".repeat(4000);

/** What makes a disk small, and how it is made large again. */
interface Limit {
  readonly home: Home;
  /** The disk gets full now. */
  readonly set: (pid: number) => void;
  readonly lift: (pid: number) => void;
  readonly code: string;
}

/** Runs a program that changes the machine; false, and the test is skipped, when this user may not. */
function mayRun(t: TestContext, program: string, ...parameters: string[]): boolean {
  try {
    execFileSync(program, parameters, { stdio: "pipe" });
    return true;
  } catch (error) {
    t.skip(`${program} is not possible: ${(error as Error).message}`);
    return false;
  }
}

function smallFiles(t: TestContext, bytes: number): Limit | null {
  const limit = (pid: number, most: string) => ["--pid", `${pid}`, `--fsize=${most}:unlimited`];
  if (!mayRun(t, "prlimit", "--pid", `${process.pid}`)) return null;
  return {
    home: new Home(t),
    set: (pid) => void execFileSync("prlimit", limit(pid, `${bytes}`)),
    lift: (pid) => void execFileSync("prlimit", limit(pid, "unlimited")),
    code: "EFBIG",
  };
}

function smallDisk(t: TestContext, bytes: number): Limit | null {
  const path = mkdtempSync(join(tmpdir(), "cluster-storage-disk-"));
  const home = new Home(t, { path });
  let isMounted = false;
  t.after(() => {
    if (isMounted) execFileSync("umount", ["-l", path]);
    rmdirSync(path);
  });
  isMounted = mayRun(t, "mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path);
  const lift = () => void execFileSync("mount", ["-o", "remount,size=64m", path]);
  return isMounted ? { home, set: () => {}, lift, code: "ENOSPC" } : null;
}

/** Writes until the disk is full, and something more; makes room, and finds everything, also after a cold start. */
async function fillAndLift({ home, set, lift, code }: Limit, count: number): Promise<void> {
  const manager = await home.member();
  const storage = await home.open();
  const errors: StorageError[] = [];
  storage.on("error", (error) => errors.push(error as StorageError));
  set(manager.pid);
  for (let index = 0; index < count; index++) storage.batch(() => storage.set(`key${index}`, `${index} ${VALUE}`));
  await until("an error of the disk", () => errors.length > 0);
  expectAll(storage, count);
  assert.ok(storage.stats().pending > 0, "what the disk refuses stays pending");
  await until("several tries", () => storage.stats().lag > 700);
  assert.deepEqual(
    errors.map((error) => [error.code, (error.cause as NodeJS.ErrnoException | undefined)?.code]),
    [["ERR_STORAGE_DISK", code]],
    "reported once",
  );
  lift(manager.pid);
  await storage.flush();
  assert.equal(storage.stats().pending, 0);
  await manager.call("sync");
  assert.equal(await manager.call("size"), count);
  await manager.kill();
  await storage.close();
  const reopened = await home.open();
  expectAll(reopened, count);
  const strays = readdirSync(`${reopened.filename}.d`).filter((name) => /^(torn|corrupt|tmp)\./.test(name));
  assert.deepEqual(strays, []);
}

function expectAll(storage: Storage, count: number): void {
  assert.equal(storage.keys("key").length, count);
  for (let index = 0; index < count; index++) assert.equal(storage.get(`key${index}`), `${index} ${VALUE}`);
}

for (const bytes of [1, 150, 5000, 40_000, 131_072]) {
  test(`files that may have ${bytes} bytes: all is pending, then confirmed, then there`, async (t) => {
    const limit = smallFiles(t, bytes);
    if (limit) await fillAndLift(limit, 40 + Math.ceil(bytes / VALUE.length));
  });
}

for (const kilobytes of [64, 100, 252, 500]) {
  test(`a disk of ${kilobytes} kB: all is pending, then confirmed, then there`, async (t) => {
    const limit = smallDisk(t, kilobytes * 1024);
    if (limit) await fillAndLift(limit, 10 + Math.ceil((kilobytes * 1024) / VALUE.length));
  });
}

/** Fills a small disk with values that are written again and again; gives how many writes were confirmed, and when what was told. */
async function overwrite(storage: Storage, liveMiB: number, writeCount: number) {
  const told: { at: number; code: string }[] = [];
  let written = 0;
  storage.on("error", (error) => told.push({ at: written, code: (error as StorageError).code }));
  for (; written < writeCount; written++) {
    storage.set(`k${written % liveMiB}`, `${written}`.padEnd(2 ** 20 - 100, "x"));
    const flushed = storage.flush().then(() => true);
    const waited = new Promise<false>((resolve) => setTimeout(resolve, 20_000, false).unref());
    if (!(await Promise.race([flushed, waited]))) break;
  }
  return { written, told };
}

test("a disk with three and a half times the data is enough: folds begin early, and the copy makes room", async (t) => {
  const limit = smallDisk(t, 48 * 2 ** 20);
  if (!limit) return;
  const storage = await limit.home.open();
  const { written } = await overwrite(storage, 13, 80);
  assert.equal(written, 80);
  assert.ok(storage.stats().compactions > 1);
  await storage.close();
  const again = await limit.home.open();
  for (let index = 67; index < 80; index++) assert.ok(String(again.get(`k${index % 13}`)).startsWith(`${index}x`));
  await again.close();
});

test("that a disk has no room for a fold is reported while it takes writes, and the data is there after a restart", async (t) => {
  const limit = smallDisk(t, 24 * 2 ** 20);
  if (!limit) return;
  const storage = await limit.home.open();
  // New keys only: a fold frees nothing.
  const { written, told } = await overwrite(storage, 40, 40);
  assert.ok(written < 40, "the disk is too small");
  const first = told.find(({ code }) => code === "ERR_STORAGE_COMPACTION" || code === "ERR_STORAGE_COPY");
  assert.ok(first !== undefined && first.at < written - 2, `${JSON.stringify(told)}, stuck at ${written}`);
  await storage.close().catch(() => {});
  const again = await limit.home.open();
  for (let index = 0; index < written; index++) assert.ok(again.has(`k${index}`), `k${index}`);
  limit.lift(process.pid);
  again.set("more", 1);
  await again.flush();
});
