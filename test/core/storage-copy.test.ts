import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Storage, StorageError } from "../../dist/core/index.js";
import { Home } from "../api/conformance/home.js";

const DATABASE = Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(8176, 1)]);

/** A storage that has been closed with `{v: "backup"}`, and its copy aside; then closed with `{v: "newer"}`. */
async function withBackup(t: TestContext): Promise<{ home: Home; backup: string }> {
  const home = new Home(t);
  const backup = join(home.directory, "backup.db");
  let storage = await home.open();
  storage.set("v", "backup");
  await storage.close();
  copyFileSync(home.file, backup);
  storage = await home.open();
  storage.set("v", "newer");
  await storage.close();
  return { home, backup };
}

function heard(storage: Storage): string[] {
  const codes: string[] = [];
  storage.on("error", (error) => codes.push((error as StorageError).code));
  return codes;
}

test("the copy shares no bytes with the storage: whatever is done to it, nothing is lost", async (t) => {
  const actions: Record<string, (file: string, backup: string) => void> = {
    "a backup is written over it": (file, backup) => copyFileSync(backup, file),
    "it is emptied": (file) => writeFileSync(file, ""),
    "something is added": (file) => writeFileSync(file, "more", { flag: "a" }),
    "an editor replaces it": (file) => {
      writeFileSync(`${file}.new`, "text");
      renameSync(`${file}.new`, file);
    },
    "it is removed": (file) => rmSync(file),
    "a directory comes to its place": (file) => {
      rmSync(file);
      mkdirSync(file);
    },
  };
  for (const [what, act] of Object.entries(actions)) {
    for (const isOpen of [false, true]) {
      const { home, backup } = await withBackup(t);
      assert.equal(statSync(home.file).nlink, 1);
      let storage = isOpen ? await home.open() : null;
      storage?.set("z", 1);
      await storage?.flush();
      act(home.file, backup);
      const codes = storage ? heard(storage) : [];
      await storage?.close();
      if (isOpen) assert.deepEqual(codes, what === "it is removed" ? [] : ["ERR_STORAGE_COPY"], what);
      storage = await home.open();
      assert.deepEqual([storage.get("v"), storage.get("z")], ["newer", isOpen ? 1 : null], what);
      await storage.close();
    }
  }
});

test("a file that another program has made there is left, and reported", async (t) => {
  const home = new Home(t);
  const storage = await home.open();
  const codes = heard(storage);
  storage.set("x", 1);
  await storage.flush();
  writeFileSync(home.file, DATABASE, { flag: "wx" });
  await storage.close();
  assert.ok(readFileSync(home.file).equals(DATABASE));
  assert.deepEqual(codes, ["ERR_STORAGE_COPY"]);
  assert.equal((await home.open()).get("x"), 1);
});

test("destroy removes the copy, and leaves what is not the copy", async (t) => {
  const foreign = async (act: (file: string) => void): Promise<boolean> => {
    const { home } = await withBackup(t);
    act(home.file);
    const storage = await home.open();
    await storage.destroy();
    return readdirSync(home.directory).includes("app.db");
  };
  assert.equal(await foreign(() => {}), false);
  assert.equal(await foreign((file) => writeFileSync(file, DATABASE)), true);
  const linked = (file: string) => {
    rmSync(file);
    symlinkSync("/nothing", file);
  };
  assert.equal(await foreign(linked), true);
});

test("a storage that does not persist has no copy: its files end with it", async (t) => {
  const home = new Home(t, { persist: false });
  const storage = await home.open();
  storage.set("x", 1);
  await storage.flush();
  const { filename } = storage;
  await storage.close();
  assert.throws(() => statSync(filename), { code: "ENOENT" });
});
