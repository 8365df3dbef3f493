import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Storage, StorageError } from "../../dist/core/index.js";
import { Home } from "../api/conformance/home.js";

const MODULE = new URL("../../dist/core/index.js", import.meta.url).href;
const PARENT = fileURLToPath(new URL("../..", import.meta.url));
/** A user that owns nothing. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

/** Opens "app" in a process of a user that owns nothing, or of this one when that is not root; gives what came of it. */
function openAsNobody(path: string): Promise<string> {
  const script = `
    const { Storage } = await import(${JSON.stringify(MODULE)});
    try {
      const storage = await Storage.open("app", { path: ${JSON.stringify(path)} });
      await storage.close();
      console.log("open");
    } catch (error) {
      console.log(error.name, error.code, error.message);
    }
  `;
  return new Promise((resolve) => {
    const user = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { cwd: PARENT, ...user });
    let text = "";
    child.stdout.on("data", (chunk) => (text += chunk));
    child.stderr.on("data", (chunk) => (text += chunk));
    child.on("close", () => resolve(text.trim()));
  });
}

const isDirectoryError = (expected: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StorageError, String(error));
  assert.equal(error.code, "ERR_STORAGE_DIRECTORY");
  assert.match(error.message, /^expected .* to be(long)? .+/);
  assert.match(error.message, expected);
  return true;
};

test("a directory that cannot be created, since a file is in its way, is ERR_STORAGE_DIRECTORY", async (t) => {
  const home = new Home(t);
  const file = join(home.directory, "file");
  writeFileSync(file, "in the way");
  for (const path of [file, join(file, "below")]) {
    assert.throws(() => home.begin({ path }), isDirectoryError(/EEXIST|ENOTDIR/));
    await assert.rejects(Storage.open("app", { path }), isDirectoryError(/EEXIST|ENOTDIR/));
  }
  writeFileSync(home.folder, "in the way, too");
  assert.throws(() => home.begin(), isDirectoryError(/EEXIST|ENOTDIR/));
  assert.equal(readFileSync(home.folder, "utf8"), "in the way, too");
  assert.equal(readFileSync(file, "utf8"), "in the way");
  assert.deepEqual(home.names(), ["app.db.d", "file"]);
});

test("a directory that this user may not write is ERR_STORAGE_DIRECTORY", async (t) => {
  const home = new Home(t);
  const path = join(home.directory, "read-only");
  mkdirSync(path);
  chmodSync(home.directory, 0o755);
  chmodSync(path, 0o555);
  const answer = await openAsNobody(path);
  assert.match(
    answer,
    /^StorageError ERR_STORAGE_DIRECTORY expected .*read-only to be a directory where app\.db can be written, got EACCES/,
  );
  assert.deepEqual(readdirSync(path), []);
});

test("files of another user are ERR_STORAGE_DIRECTORY, and stay as they are", {
  skip: !isRoot && "needs root",
}, async (t) => {
  const home = new Home(t);
  const storage = await home.open();
  storage.set("secret", 1);
  await storage.flush();
  chmodSync(home.directory, 0o777);
  assert.match(
    await openAsNobody(home.directory),
    /^StorageError ERR_STORAGE_DIRECTORY .*app\.db\.d to belong to this user.*got a directory of user 0: run .*, chown -R it to user 65534/,
  );
  storage.set("more", 2);
  await storage.close();
  chownSync(home.folder, NOBODY, NOBODY);
  assert.throws(
    () => home.begin(),
    isDirectoryError(/belong to this user.*got a directory of user 65534: run this process as that user, or choose/),
  );
  chownSync(home.folder, 0, 0);
  assert.equal((await home.open()).size, 2);
});

/** Closes a storage that holds a few keys; `app.db` and the newest snapshot hold the same then. */
async function closedStorage(home: Home): Promise<void> {
  const storage = await home.open();
  for (let index = 0; index < 100; index++) storage.set(`key${index}`, `value ${index}`);
  await storage.close();
}

const snapshotOf = (home: Home) =>
  join(home.folder, readdirSync(home.folder).find((name) => name.startsWith("snapshot.")) as string);

function damage(path: string, at: number): Buffer {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] as number) ^ 0xff;
  writeFileSync(path, bytes);
  return bytes;
}

/** The error of opening, which a storage reports by `error`, `flush` and `sync`. */
async function refusalOf(t: TestContext, home: Home): Promise<StorageError> {
  const options = { path: home.directory };
  const told: Error[] = [];
  const storage = home.begin();
  storage.on("error", (error) => told.push(error));
  storage.set("pending", 1);
  let refusal: unknown;
  await assert.rejects(storage.sync(), (error) => {
    refusal = error;
    return error instanceof StorageError;
  });
  await assert.rejects(storage.flush());
  assert.throws(() => storage.set("key", 1), { code: (refusal as StorageError).code });
  assert.throws(() => storage.get("key"), { code: (refusal as StorageError).code });
  assert.deepEqual(
    told.map((error) => (error as StorageError).code),
    [(refusal as StorageError).code],
  );
  await storage.close();
  assert.equal(storage.closed, true);
  await assert.rejects(Storage.open("app", options), { code: (refusal as StorageError).code });
  t.diagnostic((refusal as StorageError).message);
  return refusal as StorageError;
}

test("a damaged file is ERR_STORAGE_CORRUPT with file, offset and remedy; it stays as it is; salvage loads what is intact", async (t) => {
  const home = new Home(t);
  await closedStorage(home);
  const snapshot = snapshotOf(home);
  const damaged = damage(snapshot, 1000);
  const { code, message } = await refusalOf(t, home);
  assert.equal(code, "ERR_STORAGE_CORRUPT");
  for (const part of [snapshot, "corrupt at byte", "expected", "got", 'recover: "salvage"', "backup"]) {
    assert.ok(message.includes(part), `${part} in: ${message}`);
  }
  assert.ok(readFileSync(snapshot).equals(damaged));
  const salvaged = await home.open({ recover: "salvage" });
  assert.ok(salvaged.size <= 100);
  for (const [key, value] of salvaged.entries()) assert.equal(value, `value ${key.slice(3)}`);
  const kept = readdirSync(home.folder).filter((name) => name.startsWith("corrupt."));
  assert.ok(
    kept.some((name) => readFileSync(join(home.folder, name)).equals(damaged)),
    "the damaged file is kept aside",
  );
  salvaged.set("key0", "new");
  await salvaged.close();
  const after = await home.open();
  assert.equal(after.get("key0"), "new");
});

test("damage in the middle of the log is corrupt; what is before and after it is salvaged", async (t) => {
  const home = new Home(t);
  const member = await home.member();
  for (let index = 0; index < 50; index++) {
    await member.call("set", `key${index}`, index);
    await member.call("flush");
  }
  await member.kill();
  const segment = join(home.folder, readdirSync(home.folder).find((name) => name.startsWith("log.")) as string);
  damage(segment, Math.floor(readFileSync(segment).length / 2));
  const { code, message } = await refusalOf(t, home);
  assert.equal(code, "ERR_STORAGE_CORRUPT");
  assert.ok(message.includes(segment), message);
  const salvaged = await home.open({ recover: "salvage" });
  assert.equal(salvaged.size, 49);
  assert.deepEqual([salvaged.get("key0"), salvaged.get("key49")], [0, 49]);
});

test("an unfinished end of the log is torn, not corrupt: what was confirmed is kept", async (t) => {
  const home = new Home(t);
  const member = await home.member();
  await member.call("set", "key", 1);
  await member.call("flush");
  await member.kill();
  const segment = join(home.folder, readdirSync(home.folder).find((name) => name.startsWith("log.")) as string);
  writeFileSync(segment, Buffer.concat([readFileSync(segment), Buffer.from([200, 0, 0, 0, 1, 2, 3])]));
  assert.deepEqual((await home.open()).entries(), [["key", 1]]);
});

test("an app.db of another format is ERR_STORAGE_FORMAT and stays as it is", async (t) => {
  const foreign = [
    "",
    "SQLite format 3\0",
    "{}",
    '{"data":[]}',
    '{"data":{},"lives":5}',
    "[1,2]",
    "null",
    "\0".repeat(100),
  ];
  for (const content of foreign) {
    const home = new Home(t);
    writeFileSync(home.file, content);
    const { code, message } = await refusalOf(t, home);
    assert.equal(code, "ERR_STORAGE_FORMAT", JSON.stringify(content));
    assert.ok(message.includes(home.file) && message.includes("expected"), message);
    assert.equal(readFileSync(home.file, "utf8"), content);
    await assert.rejects(home.open({ recover: "salvage" }), { code: "ERR_STORAGE_FORMAT" }, "salvage is for damage");
    assert.equal(readFileSync(home.file, "utf8"), content);
  }
});

test("app.db alone is the whole storage: it can be put elsewhere, and a cut one is refused", async (t) => {
  const home = new Home(t);
  await closedStorage(home);
  const whole = readFileSync(home.file);
  const restored = new Home(t);
  writeFileSync(restored.file, whole);
  const storage = await restored.open();
  assert.equal(storage.size, 100);
  storage.set("key0", "changed");
  await storage.close();
  assert.ok(readFileSync(home.file).equals(whole), "the backup shares no file with the storage");
  const cut = new Home(t);
  writeFileSync(cut.file, whole.subarray(0, whole.length - 10));
  assert.equal((await refusalOf(t, cut)).code, "ERR_STORAGE_CORRUPT");
  assert.equal(readFileSync(cut.file).length, whole.length - 10);
});

test("a file of version 1 is imported with its expiries", async (t) => {
  const home = new Home(t);
  const data = { foo: "bar", nested: { a: [1, { b: 2 }], gone: 1 }, old: 1, soon: 1 };
  const lives = { "nested.gone": Date.now() - 1000, old: 1, soon: Date.now() + 60_000, foo: 0 };
  writeFileSync(home.file, JSON.stringify({ data, lives }));
  const storage = await home.open();
  assert.deepEqual(Object.fromEntries(storage.entries()), { foo: "bar", nested: { a: [1, { b: 2 }] }, soon: 1 });
  await storage.close();
  assert.ok(existsSync(home.file));
  assert.equal((await home.open()).size, 3);
});
