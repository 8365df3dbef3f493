/** A directory that is held open: of the real file system, since its renames are what this is about. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { diskFiles } from "../../../../dist/core/local/machine/files.js";
import type { Files, Pin } from "../../../../dist/core/local/machine/machine.js";
import { MovedError, PinnedFiles } from "../../../../dist/core/local/machine/pinned-files.js";
import { temporaryDirectory } from "../../../proof/cluster/processes.js";

const isLinux = process.platform === "linux";
const onLinux = { skip: !isLinux && "no path for an open directory" };
const MODULE = new URL("../../../../dist/core/local/machine/files.js", import.meta.url).href;
/** As Node.js calls it, which has renamed it. */
const PERMISSION = process.allowedNodeEnvironmentFlags.has("--permission")
  ? "--permission"
  : "--experimental-permission";

/** A directory with a file `old` in it, and the paths around it. */
class Scene {
  readonly directory: string;
  readonly moved: string;
  readonly pin: Pin;

  constructor(t: TestContext) {
    const base = temporaryDirectory(t);
    this.directory = join(base, "app.db.d");
    this.moved = join(base, "moved");
    mkdirSync(this.directory);
    writeFileSync(this.at("old"), "old");
    this.pin = diskFiles.pin(this.directory);
    t.after(() => this.pin.close());
  }

  /** The path of a file in the directory. */
  readonly at = (name: string): string => join(this.directory, name);

  move(): void {
    renameSync(this.directory, this.moved);
  }

  /** Another directory comes to the path, with files of the same names. */
  replace(): void {
    this.move();
    mkdirSync(this.directory);
    writeFileSync(this.at("old"), "other");
  }
}

/** Every call that goes by a path. */
const CALLS: Readonly<Record<string, (files: Files, { at, directory }: Scene) => unknown>> = {
  create: (files, { at }) => files.open(at("new"), "create"),
  read: (files, { at }) => files.open(at("old"), "read"),
  write: (files, { at }) => files.open(at("old"), "write"),
  link: (files, { at }) => files.link(at("old"), at("new")),
  symlink: (files, { at }) => files.symlink("old", at("new")),
  rename: (files, { at }) => files.rename(at("old"), at("new")),
  unlink: (files, { at }) => files.unlink(at("old")),
  list: (files, { directory }) => files.list(directory),
  modifiedAt: (files, { at }) => files.modifiedAt(at("old")),
  syncDirectory: (files, { directory }) => files.syncDirectory(directory),
  removeDirectory: (files, { directory }) => files.removeDirectory(directory),
};

/** The names and texts in a directory. */
function contents(directory: string): string[] {
  return readdirSync(directory).map((name) => `${name}: ${readFileSync(join(directory, name), "utf8")}`);
}

test("while the directory is at its path, everything works as without holding it", (t) => {
  const { pin, directory, at } = new Scene(t);
  const { files } = pin;
  const file = files.open(at("new"), "create");
  assert.equal(files.write(file, [Buffer.from("text")], 0), 4);
  files.sync(file);
  assert.deepEqual([files.bytes(file), files.lookAt(file, at("new"))], [4, { links: 1, bytes: 4, isAtPath: true }]);
  files.truncate(file, 2);
  files.close(file);
  files.link(at("new"), at("second"));
  assert.throws(() => files.link(at("new"), at("second")), { code: "EEXIST" });
  files.rename(at("second"), at("third"));
  assert.deepEqual(files.list(directory).sort(), ["new", "old", "third"]);
  assert.equal(files.unlink(at("third")), true);
  assert.equal(files.unlink(at("third")), false);
  assert.equal(files.modifiedAt(at("new")), statSync(at("new")).mtimeMs);
  files.syncDirectory(directory);
  assert.equal(readFileSync(at("new"), "utf8"), "te");
  for (const name of ["new", "old"]) files.unlink(at(name));
  files.removeDirectory(directory);
  assert.equal(existsSync(directory), false);
});

for (const what of ["move", "replace"] as const) {
  const outcome = what === "move" ? "was renamed" : "was replaced by another one";
  test(`nothing is done by a path once the directory ${outcome}, and the error names the path`, (t) => {
    for (const [name, call] of Object.entries(CALLS)) {
      const scene = new Scene(t);
      scene[what]();
      assert.throws(() => call(scene.pin.files, scene), {
        name: "MovedError",
        code: "ESTALE",
        message: `expected ${scene.directory} to stay where it is, got another directory or none at its path`,
      });
      assert.deepEqual(contents(scene.moved), ["old: old"], name);
      if (what === "replace") assert.deepEqual(contents(scene.directory), ["old: other"], name);
      else assert.equal(existsSync(scene.directory), false, name);
    }
  });
}

test("a directory that came back to its path is the same one", (t) => {
  const scene = new Scene(t);
  const { at } = scene;
  scene.move();
  assert.throws(() => scene.pin.files.list(scene.directory), MovedError);
  renameSync(scene.moved, scene.directory);
  assert.deepEqual(scene.pin.files.list(scene.directory), ["old"]);
  assert.equal(scene.pin.files.unlink(at("old")), true);
});

test(
  "a move between the check and the call harms no other directory where there is a path for an open one",
  onLinux,
  (t) => {
    for (const [name, call] of Object.entries(CALLS)) {
      if (name === "removeDirectory") continue; // by its path, since it has no other; it removes an empty one alone
      const scene = new Scene(t);
      // It is moved directly after each check.
      const files = new PinnedFiles(diskFiles, scene.directory, scene.pin.directory, () => {
        if (!existsSync(scene.moved)) scene.replace();
        return true;
      });
      call(files, scene);
      assert.deepEqual(contents(scene.directory), ["old: other"], name);
    }
  },
);

test("where there is no such path, the check alone protects", (t) => {
  const scene = new Scene(t);
  const { at } = scene;
  const isAtPath = () => statSync(scene.directory).ino === Number(scene.pin.id.split(":")[1]);
  const files = new PinnedFiles(diskFiles, scene.directory, scene.directory, isAtPath);
  files.rename(at("old"), at("new"));
  files.rename(at("new"), at("old"));
  scene.replace();
  for (const call of Object.values(CALLS)) assert.throws(() => call(files, scene), MovedError);
  assert.deepEqual(contents(scene.directory), ["old: other"]);
  assert.deepEqual(contents(scene.moved), ["old: old"]);
});

test("paths that are not in the directory are used as they are, also when it has moved", (t) => {
  const scene = new Scene(t);
  const { files } = scene.pin;
  const copy = `${scene.directory}.copy`;
  scene.move();
  files.close(files.open(copy, "create"));
  assert.equal(files.unlink(copy), true);
  assert.deepEqual(files.list(scene.moved), ["old"]);
});

test("what goes by an open file goes on when the directory has moved; a look at it shows that", (t) => {
  const scene = new Scene(t);
  const { at } = scene;
  const { files } = scene.pin;
  const file = files.open(at("old"), "write");
  t.after(() => files.close(file));
  assert.equal(files.lookAt(file, at("old")).isAtPath, true);
  scene.replace();
  assert.deepEqual(files.lookAt(file, at("old")), { links: 1, bytes: 3, isAtPath: false });
  files.write(file, [Buffer.from("X")], 0);
  assert.equal(readFileSync(join(scene.moved, "old"), "utf8"), "Xld");
});

test("errors name the files as people know them", (t) => {
  const scene = new Scene(t);
  const { at } = scene;
  const { files } = scene.pin;
  const wrong: readonly [string, () => unknown][] = [
    ["none", () => files.open(at("none"), "read")],
    ["none", () => files.link(at("none"), at("new"))],
    ["old", () => files.open(at("old"), "create")],
    ["below", () => files.syncDirectory(at("below"))],
  ];
  for (const [name, call] of wrong) {
    assert.throws(call, (error: Error) => error.message.includes(at(name)) && !error.message.includes("/proc/"));
  }
  mkdirSync(at("below"));
  assert.throws(() => files.open(at("below"), "read"), {
    code: "ERR_STORAGE_DIRECTORY",
    message: new RegExp(at("below")),
  });
});

test("it reports whenever bytes are read or written", (t) => {
  const scene = new Scene(t);
  const { at } = scene;
  const { files } = scene.pin;
  let usedCount = 0;
  files.used = () => usedCount++;
  const file = files.open(at("old"), "write");
  assert.equal(usedCount, 0);
  files.read(file, Buffer.alloc(3), 0, 3, 0);
  files.write(file, [Buffer.from("new")], 0);
  assert.equal(usedCount, 2);
  files.used = null;
  files.read(file, Buffer.alloc(3), 0, 3, 0);
  assert.equal(usedCount, 2);
  files.close(file);
});

test("each directory has an id of its own, which it keeps where it moves", (t) => {
  const [one, other] = [new Scene(t), new Scene(t)];
  assert.notEqual(one.pin.id, other.pin.id);
  one.replace();
  for (const [directory, isSame] of [
    [one.moved, true],
    [one.directory, false],
  ] as const) {
    const again = diskFiles.pin(directory);
    assert.equal(again.id === one.pin.id, isSame);
    again.close();
  }
});

test("what is no directory cannot be held", (t) => {
  const { at } = new Scene(t);
  assert.throws(() => diskFiles.pin(at("none")), { code: "ENOENT" });
  assert.throws(() => diskFiles.pin(at("old")), { code: "ENOTDIR" });
});

test("a directory is let go once, so that a file which gets its number is not closed", (t) => {
  const scene = new Scene(t);
  const { at } = scene;
  scene.pin.close();
  const file = diskFiles.open(at("old"), "read");
  scene.pin.close();
  assert.equal(diskFiles.bytes(file), 3);
  diskFiles.close(file);
});

test("on Linux it is reached by the path of the open directory, wherever that is", onLinux, (t) => {
  const scene = new Scene(t);
  assert.match(scene.pin.directory, /^\/proc\/self\/fd\/\d+$/);
  scene.replace();
  assert.deepEqual(readdirSync(scene.pin.directory), ["old"]);
  assert.equal(readFileSync(join(scene.pin.directory, "old"), "utf8"), "old");
});

test("under the permission model it works by the path alone, and notices a move", (t) => {
  const scene = new Scene(t);
  const program = `
    import { renameSync } from "node:fs";
    import { diskFiles } from ${JSON.stringify(MODULE)};
    const directory = ${JSON.stringify(scene.directory)};
    const pin = diskFiles.pin(directory);
    const { files } = pin;
    files.close(files.open(directory + "/new", "create"));
    const names = files.list(directory);
    renameSync(directory, ${JSON.stringify(scene.moved)});
    let code = "";
    try { files.unlink(directory + "/new"); } catch (error) { code = error.code; }
    console.log(JSON.stringify({ isByPath: pin.directory === directory, names, code }));`;
  const flags = ["--no-warnings", PERMISSION, "--allow-fs-read=*", `--allow-fs-write=${join(scene.directory, "..")}`];
  const printed = execFileSync(process.execPath, [...flags, "--input-type=module", "-e", program], {
    encoding: "utf8",
  });
  assert.deepEqual(JSON.parse(printed), { isByPath: true, names: ["new", "old"], code: "ESTALE" });
  assert.deepEqual(readdirSync(scene.moved), ["new", "old"]);
});
