/** Links, pipes, devices and directories where a storage has its files: refused, never followed, and never waited for. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Storage, type StorageError } from "../../../dist/core/index.js";
import { shelterDirectory } from "../../../dist/core/local/machine/address.js";
import { Home } from "../../api/conformance/home.js";
import { temporaryDirectory, until } from "../cluster/processes.js";
import { teardown } from "../cluster/teardown.js";

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const needsRoot = { skip: !isRoot && "needs root" };
const PRECIOUS = "somebody else's";

/** A file and a directory that do not belong to the storage. */
class Outside {
  readonly directory: string;
  readonly file: string;

  constructor(t: TestContext) {
    this.directory = temporaryDirectory(t);
    this.file = join(this.directory, "file");
    writeFileSync(this.file, PRECIOUS);
  }

  check(): void {
    assert.deepEqual(readdirSync(this.directory), ["file"]);
    assert.equal(readFileSync(this.file, "utf8"), PRECIOUS);
  }
}

/** What may be where a file should be. */
const THINGS: Record<string, (path: string, outside: Outside) => unknown> = {
  "a link to a file": (path, { file }) => symlinkSync(file, path),
  "a link to a directory": (path, { directory }) => symlinkSync(directory, path),
  "a link to nothing": (path, { directory }) => symlinkSync(join(directory, "nothing"), path),
  "a link to itself": (path) => symlinkSync(path, path),
  "a directory": (path) => mkdirSync(path),
  "a pipe": (path) => execFileSync("mkfifo", [path]),
  ...(isRoot && { "a device": (path: string) => execFileSync("mknod", [path, "c", "1", "5"]) }),
};
const NAMES = ["../app.db", "seat.1", "seat.5", "log.3.1", "snapshot.7", "claim.1"];

for (const [what, put] of Object.entries(THINGS)) {
  test(`${what} where a file should be is refused, and what it leads to stays as it is`, async (t) => {
    const refuse = async (name: string) => {
      const outside = new Outside(t);
      const home = new Home(t);
      mkdirSync(home.folder, { mode: 0o700 });
      const path = join(home.folder, name);
      put(path, outside);
      // In a process of its own, since a process that waits for a pipe cannot be stopped from inside.
      const told = { code: "ERR_STORAGE_DIRECTORY", message: new RegExp(`expected ${path} to be a file`) };
      if (what === "a pipe") await assert.rejects(home.member(), told, name);
      else await assert.rejects(Storage.open("app", { path: home.directory }), told, name);
      outside.check();
      assert.equal(lstatSync(path).isFile(), false, "it is still there");
      rmSync(path, { recursive: true });
      assert.deepEqual((await home.open()).keys(), [], "and the storage opens without it");
    };
    await Promise.all(NAMES.map(refuse));
  });
}

test("a socket where a file should be is refused", async (t) => {
  const home = new Home(t);
  mkdirSync(home.folder, { mode: 0o700 });
  const server = createServer().listen(join(home.folder, "seat.3"));
  teardown(t, () => server.close());
  await until("a socket", () => existsSync(join(home.folder, "seat.3")));
  await assert.rejects(home.open(), { code: "ERR_STORAGE_DIRECTORY", message: /seat\.3 to be a file/ });
});

test("a directory of a storage that is a link is refused, wherever it leads", async (t) => {
  const outside = new Outside(t);
  chmodSync(outside.directory, 0o700);
  for (const target of [outside.directory, outside.file, join(outside.directory, "nothing")]) {
    const home = new Home(t);
    symlinkSync(target, home.folder);
    assert.throws(() => home.begin(), { code: "ERR_STORAGE_DIRECTORY" });
    await assert.rejects(Storage.open("app", { path: home.directory }), { code: "ERR_STORAGE_DIRECTORY" });
    outside.check();
  }
});

test("app.db is replaced, not written through, when it has a second name, and stays when it is a link", async (t) => {
  const outside = new Outside(t);
  const home = new Home(t);
  let storage = await home.open();
  storage.set("key", 1);
  await storage.close();
  const copy = join(outside.directory, "copy");
  linkSync(home.file, copy);
  const before = readFileSync(copy);
  storage = await home.open();
  storage.set("key", 2);
  await storage.close();
  assert.ok(readFileSync(copy).equals(before), "a second name keeps what it had");
  rmSync(copy);
  storage = await home.open();
  rmSync(home.file);
  symlinkSync(outside.file, home.file);
  const errors: string[] = [];
  storage.on("error", (error) => errors.push((error as StorageError).code));
  storage.set("key", 3);
  await storage.close();
  assert.deepEqual(errors, ["ERR_STORAGE_COPY"]);
  assert.ok(lstatSync(home.file).isSymbolicLink());
  outside.check();
  assert.equal((await home.open()).get("key"), 3);
});

test("destroy removes names, never what they lead to, and keeps files that are not its own", async (t) => {
  const outside = new Outside(t);
  const home = new Home(t);
  const storage = await home.open();
  storage.set("key", 1);
  await storage.flush();
  symlinkSync(outside.directory, join(home.folder, "tmp.0.aa"));
  symlinkSync(outside.file, join(home.folder, "corrupt.aa.log.1.1"));
  linkSync(outside.file, join(home.folder, "torn.1.1"));
  writeFileSync(join(home.folder, "notes.txt"), "mine");
  await storage.destroy();
  outside.check();
  assert.deepEqual(readdirSync(home.folder), ["notes.txt"]);
});

/** Lets the shelter be in a directory of the test. */
function shelterIn(t: TestContext): string {
  const temporary = temporaryDirectory(t);
  const before = process.env.TMPDIR;
  process.env.TMPDIR = temporary;
  teardown(t, () => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  });
  return shelterDirectory();
}

test("a storage that does not persist stays out of a shelter that is a link, or that others can enter", (t) => {
  const outside = new Outside(t);
  const home = new Home(t, { persist: false });
  const shelter = shelterIn(t);
  const told = {
    code: "ERR_STORAGE_DIRECTORY",
    message: new RegExp(`expected ${shelter} to be a directory of this user`),
  };
  symlinkSync(outside.directory, shelter);
  chmodSync(outside.directory, 0o700);
  assert.throws(() => home.begin(), told);
  outside.check();
  rmSync(shelter);
  for (const mode of [0o777, 0o1777, 0o770, 0o701]) {
    mkdirSync(shelter);
    chmodSync(shelter, mode);
    assert.throws(() => home.begin(), told, mode.toString(8));
    assert.deepEqual(readdirSync(shelter), []);
    rmSync(shelter, { recursive: true });
  }
});

test("a storage that does not persist stays out of a shelter that belongs to another user", needsRoot, (t) => {
  const home = new Home(t, { persist: false });
  const shelter = shelterIn(t);
  mkdirSync(shelter, { mode: 0o700 });
  chownSync(shelter, NOBODY, NOBODY);
  assert.throws(() => home.begin(), { code: "ERR_STORAGE_DIRECTORY", message: /directory of this user/ });
  assert.deepEqual(readdirSync(shelter), []);
});

test("a name that aims at another file is refused, and nothing is created", (t) => {
  const home = new Home(t);
  const names = ["../x", "a/b", "/x", "..", ".", "", "a\0b", "a".repeat(65)];
  for (const name of names) assert.throws(() => new Storage(name, { path: home.directory }), TypeError, name);
  for (const name of [null, undefined, 5, ["app"], { toString: () => "app" }, new String("app")]) {
    assert.throws(() => new Storage(name as string, { path: home.directory }), TypeError, String(name));
  }
  assert.deepEqual(home.names(), []);
});

test("names that are no names of files here are left alone", async (t) => {
  const home = new Home(t);
  const storage = await home.open();
  storage.set("key", 1);
  await storage.close();
  const strange = [
    "snapshot.99999999999999999999",
    "log.1",
    "log.-1.1",
    "log.01.1",
    "seat.1e3",
    "snapshot.7.bak",
    "SEAT.9",
  ];
  for (const name of strange) writeFileSync(join(home.folder, name), PRECIOUS);
  const again = await home.open();
  assert.equal(again.get("key"), 1);
  await again.close();
  for (const name of strange) assert.equal(readFileSync(join(home.folder, name), "utf8"), PRECIOUS, name);
  renameSync(join(home.folder, "SEAT.9"), join(home.folder, "seat.9"));
  assert.equal((await home.open()).get("key"), 1, "a seat that says nothing is that of a dead manager");
});
