import assert from "node:assert/strict";
import { copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Storage } from "../../dist/core/index.js";
import { Home } from "../api/conformance/home.js";

test("a backup has all that any process had confirmed, as it was at one moment, while everything goes on", async (t) => {
  const home = new Home(t);
  const storage = await home.open();
  const member = await home.member();
  await member.call("set", "other", 1);
  await member.call("flush");
  storage.set("mine", 1);
  await storage.flush();
  let isOver = false;
  let count = 0;
  const write = async (): Promise<void> => {
    while (!isOver) {
      count++;
      storage.batch(() => {
        for (const key of ["a", "b"]) storage.set(["pairs", key], { count, fill: "x".repeat(2000) });
      });
      await storage.flush();
    }
  };
  const writing = write();
  const files = Array.from({ length: 5 }, (_, index) => join(home.directory, `backup${index}.db`));
  await Promise.all(files.map((file, index) => storage.backup(index === 0 ? pathToFileURL(file) : file)));
  isOver = true;
  await writing;
  for (const [index, file] of files.entries()) {
    const name = `restored${index}`;
    await Storage.restore(name, file, { path: home.directory });
    const restored = await Storage.open(name, { path: home.directory });
    assert.deepEqual([restored.get("other"), restored.get("mine")], [1, 1]);
    assert.equal(restored.get("pairs.a.count"), restored.get("pairs.b.count"), "a batch was torn");
    await restored.close();
  }
  assert.ok(readdirSync(home.directory).every((name) => !name.endsWith(".tmp")));
});

test("a storage that does not persist can be backed up", async (t) => {
  const home = new Home(t);
  const storage = await home.open({ persist: false });
  storage.set("x", 1, 60_000);
  const file = join(home.directory, "backup.db");
  await storage.backup(file);
  await Storage.restore("other", file, { path: home.directory });
  const other = await Storage.open("other", { path: home.directory });
  assert.equal(other.get("x"), 1);
  await other.close();
});

test("a restore is refused while a process has the storage open, and leaves all as it is", async (t) => {
  const home = new Home(t);
  const member = await home.member();
  await member.call("set", "x", 1);
  await member.call("flush");
  const file = join(home.directory, "backup.db");
  const storage = await home.open();
  await storage.backup(file);
  storage.set("x", 2);
  await storage.close();
  const restore = () => Storage.restore("app", file, { path: home.directory });
  await assert.rejects(restore(), { code: "ERR_STORAGE_BACKUP", message: /expected no process to have/ });
  assert.equal(await member.call("get", "x"), 2);
  await member.kill();
  await restore();
  assert.equal((await home.open()).get("x"), 1);
});

test("a backup over the copy alone restores nothing and is reported; a restore from there does", async (t) => {
  const home = new Home(t);
  let storage = await home.open();
  storage.set("x", 1);
  const file = join(home.directory, "backup.db");
  await storage.backup(file);
  storage.set("x", 2);
  await storage.close();
  copyFileSync(file, home.file);
  storage = home.begin();
  const codes: unknown[] = [];
  storage.on("error", (error) => codes.push((error as { code?: string }).code));
  await storage.sync();
  assert.equal(storage.get("x"), 2);
  await storage.close();
  assert.deepEqual(codes, ["ERR_STORAGE_COPY"]);
  await Storage.restore("app", home.file, { path: home.directory });
  assert.equal((await home.open()).get("x"), 1);
});

test("mistakes in a call are told", async (t) => {
  const home = new Home(t);
  const storage = await home.open();
  for (const file of [undefined, "", 7, new URL("https://example.org/x")])
    await assert.rejects(storage.backup(file as string), TypeError);
  await assert.rejects(storage.backup(storage.filename), RangeError);
  await assert.rejects(storage.backup(join(home.directory, "none", "b.db")), { code: "ERR_STORAGE_BACKUP" });
  const text = join(home.directory, "text");
  writeFileSync(text, "text");
  await storage.close();
  await assert.rejects(storage.backup(join(home.directory, "b.db")), { code: "ERR_STORAGE_CLOSED" });
  await assert.rejects(Storage.restore("app", text, { path: home.directory }), { code: "ERR_STORAGE_BACKUP" });
});
