import assert from "node:assert/strict";
import { chmodSync, lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { makeShelter, shelterDirectory, withAddress } from "../../../../dist/core/local/machine/address.js";
import { diskFiles } from "../../../../dist/core/local/machine/files.js";
import type { Files, Pin } from "../../../../dist/core/local/machine/machine.js";
import { temporaryDirectory } from "../../../proof/cluster/processes.js";

/** Most bytes of an address that every operating system takes. */
const MOST_BYTES = 103;
const NAME = "hub.0123456789abcdef";
/** Characters of a path that would be short enough if each had one byte. */
const MOST_CHARACTERS = 100;
const isLinux = process.platform === "linux";

/** Lets the temporary directory be one of the test's own. */
function ownTemporaryDirectory(t: TestContext): string {
  const before = process.env.TMPDIR;
  const directory = temporaryDirectory(t);
  process.env.TMPDIR = directory;
  t.after(() => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  });
  return directory;
}

/** A directory whose path is too long for an address by its bytes, and not by its characters. */
function longDirectory(t: TestContext): string {
  const base = temporaryDirectory(t);
  const directory = join(base, "ü".repeat(MOST_CHARACTERS - base.length - NAME.length - 2));
  mkdirSync(directory);
  return directory;
}

/** The files of a platform that has no path for a directory that is held open; counts what is held. */
class WithoutAlias {
  readonly files: Files;
  heldCount = 0;

  constructor(changes: Partial<Files> = {}) {
    const pin = (directory: string): Pin => {
      this.heldCount++;
      const held = diskFiles.pin(directory);
      const close = () => {
        this.heldCount--;
        held.close();
      };
      return { ...held, directory, close };
    };
    this.files = { ...diskFiles, pin, ...changes };
  }
}

test("a short path is its own address, and nothing is opened for it", (t) => {
  const directory = temporaryDirectory(t);
  const files = {
    ...diskFiles,
    pin: () => assert.fail("a directory was opened"),
    symlink: () => assert.fail("a link was made"),
  };
  assert.equal(
    withAddress(files, directory, NAME, (path) => path),
    join(directory, NAME),
  );
});

test("a long path has a short address that leads to its very directory while the call lasts", (t) => {
  const directory = longDirectory(t);
  const path = withAddress(diskFiles, directory, NAME, (address) => {
    assert.ok(Buffer.byteLength(address) <= MOST_BYTES, address);
    assert.equal(statSync(dirname(address)).ino, statSync(directory).ino);
    return address;
  });
  if (isLinux) assert.match(path, /^\/proc\/self\/fd\/\d+\/hub\.0123456789abcdef$/);
});

test("on Linux no directory stays open, also when the call throws", { skip: !isLinux }, (t) => {
  const directory = longDirectory(t);
  const held = () =>
    readdirSync("/proc/self/fd").filter((file) => {
      try {
        return readlinkSync(`/proc/self/fd/${file}`) === directory;
      } catch {
        return false;
      }
    });
  const fails = () => {
    assert.equal(held().length, 1);
    throw new Error("mine");
  };
  withAddress(diskFiles, directory, NAME, () => assert.equal(held().length, 1));
  assert.throws(() => withAddress(diskFiles, directory, NAME, fails), /mine/);
  assert.deepEqual(held(), []);
});

test("where a directory has no other path, a short link leads there while the call lasts", (t) => {
  const temporary = ownTemporaryDirectory(t);
  const directory = longDirectory(t);
  const without = new WithoutAlias();
  const before = readdirSync(temporary);
  const links = () => readdirSync(temporary).filter((name) => !before.includes(name));
  const leads = (address: string) => {
    assert.ok(lstatSync(dirname(address)).isSymbolicLink());
    assert.equal(readlinkSync(dirname(address)), directory);
    assert.equal(links().length, 1);
    assert.equal(without.heldCount, 0);
    throw new Error("mine");
  };
  assert.throws(() => withAddress(without.files, directory, NAME, leads), /mine/);
  assert.deepEqual(links(), []);
});

test("a directory that does not exist has no address", (t) => {
  const directory = join(longDirectory(t), "none");
  for (const files of [diskFiles, new WithoutAlias().files]) {
    assert.throws(() => withAddress(files, directory, NAME, () => assert.fail("called")), { code: "ENOENT" });
  }
});

test("each call looks anew where the path leads", (t) => {
  const directory = longDirectory(t);
  const ino = () => withAddress(diskFiles, directory, NAME, (address) => statSync(dirname(address)).ino);
  const before = ino();
  assert.equal(ino(), before);
  const parked = `${directory}2`;
  diskFiles.rename(directory, parked);
  mkdirSync(directory);
  assert.equal(ino(), statSync(directory).ino);
  assert.notEqual(ino(), before);
});

test("the shelter is one per user, below the temporary directory alone", (t) => {
  const temporary = ownTemporaryDirectory(t);
  const before = process.env.XDG_RUNTIME_DIR;
  t.after(() => {
    if (before === undefined) delete process.env.XDG_RUNTIME_DIR;
    else process.env.XDG_RUNTIME_DIR = before;
  });
  process.env.XDG_RUNTIME_DIR = temporaryDirectory(t);
  const shelter = join(temporary, `cluster-storage-${userInfo().uid}`);
  assert.equal(shelterDirectory(), shelter);
  assert.equal(tmpdir(), temporary);
  assert.equal(makeShelter(diskFiles), shelter);
  assert.equal(statSync(shelter).mode & 0o777, 0o700);
});

test("a shelter that others can enter, or that is a link, is refused", (t) => {
  const refusal = {
    code: "ERR_STORAGE_DIRECTORY",
    message: /^expected .*cluster-storage-\d+ to be a directory of this user .*set TMPDIR/,
  };
  const temporary = ownTemporaryDirectory(t);
  const shelter = shelterDirectory();
  mkdirSync(shelter, { mode: 0o700 });
  chmodSync(shelter, 0o750);
  assert.throws(() => makeShelter(diskFiles), refusal);
  chmodSync(shelter, 0o700);
  assert.equal(makeShelter(diskFiles), shelter);
  rmSync(shelter, { recursive: true });
  mkdirSync(join(temporary, "target"), { mode: 0o700 });
  symlinkSync(join(temporary, "target"), shelter);
  assert.throws(() => makeShelter(diskFiles), refusal);
});
