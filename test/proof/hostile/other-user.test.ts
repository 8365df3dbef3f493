/**
 * Another user of the machine: he can neither read nor write a storage, nor stop its members, whatever the umask of its owner
 * is and wherever its files are. Needs root, to become that user.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { Storage, type StorageOptions } from "../../../dist/core/index.js";
import { placeOf } from "../../../dist/core/local/disk/file-names.js";
import { type Member, Processes, temporaryDirectory } from "../cluster/processes.js";
import { teardown } from "../cluster/teardown.js";
import { seatIn } from "./stranger.js";

/** A user that owns nothing. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const needsRoot = { skip: !isRoot && "needs root" };
const OTHERS = 0o077;
/** A directory in which no path of a socket is short enough for an address. */
const LONG = "long".repeat(25);

/** What the other user tries; prints a line of JSON with what came of each. */
const INTRUDE = `
  import fs from "node:fs";
  import net from "node:net";
  const [directory, file, address] = process.argv.slice(1);
  const outcome = (call) => { try { return call() ?? "done"; } catch (error) { return error.code; } };
  const knock = () => new Promise((resolve) => {
    const socket = net.connect({ path: address });
    socket.on("connect", () => resolve("connected"));
    socket.on("error", (error) => resolve(error.code));
  });
  const tried = {
    list: outcome(() => fs.readdirSync(directory)),
    look: outcome(() => fs.statSync(directory + "/seat.1")),
    enter: outcome(() => process.chdir(directory)),
    make: outcome(() => fs.writeFileSync(directory + "/seat.9", "")),
    read: outcome(() => fs.readFileSync(file)),
    write: outcome(() => fs.appendFileSync(file, "x")),
    empty: outcome(() => fs.truncateSync(file, 0)),
    allow: outcome(() => fs.chmodSync(directory, 0o777)),
    link: outcome(() => fs.linkSync(file, file + ".mine")),
    remove: outcome(() => fs.unlinkSync(file)),
    rename: outcome(() => fs.renameSync(directory, directory + ".mine")),
    knock: await knock(),
  };
  console.log(JSON.stringify(tried));
`;

/** What he does before any member exists. */
const SQUAT = `
  import fs from "node:fs";
  const [shelter, mode] = process.argv.slice(1);
  fs.mkdirSync(shelter);
  fs.chmodSync(shelter, Number(mode));
  console.log("done");
`;

const LEAVE_FILE = `
  import fs from "node:fs";
  const [file, mode] = process.argv.slice(1);
  fs.writeFileSync(file, '{"data":{"planted":1},"lives":{}}');
  fs.chmodSync(file, Number(mode));
  console.log("done");
`;

/** Opens a storage as any program does. */
const OPEN = `
  const [core, path] = process.argv.slice(1);
  const { Storage } = await import(core);
  const storage = await Storage.open("app", { path });
  console.log(JSON.stringify(storage.entries()));
  await storage.close();
`;

/** Runs a script as the other user; gives what it printed. */
function asNobody(script: string, ...values: string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script, ...values], {
      cwd: "/",
      uid: NOBODY,
      gid: NOBODY,
      timeout: 20_000,
    });
    let text = "";
    child.stdout.on("data", (chunk) => (text += chunk));
    child.stderr.on("data", (chunk) => (text += chunk));
    child.on("close", () => resolve(text.trim()));
  });
}

/** Members of a user with a umask, in a directory that everybody can use, as the temporary one is. */
class Owner {
  readonly common: string;
  readonly #t: TestContext;

  constructor(t: TestContext, umask: number) {
    this.#t = t;
    this.common = temporaryDirectory(t);
    chmodSync(this.common, 0o1777);
    const before = process.umask(umask);
    const { TMPDIR } = process.env;
    process.env.TMPDIR = this.common;
    teardown(t, () => {
      process.umask(before);
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
    });
  }

  /** Where storages that do not persist are. */
  get shelter(): string {
    return join(this.common, `cluster-storage-${process.getuid?.()}`);
  }

  async member(options: StorageOptions): Promise<Member> {
    const [member] = await new Processes(this.#t, options).startJoined(1);
    return member as Member;
  }
}

/** Everything in a directory but the directory itself. */
function allIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).map((found) =>
    join(found.parentPath, found.name),
  );
}

const isClosedToOthers = (path: string): boolean => (lstatSync(path).mode & OTHERS) === 0;

async function expectPrivate(owner: Owner, member: Member): Promise<void> {
  await member.call("set", "secret", "s3cret");
  await member.call("flush");
  const filename = await member.call<string>("filename");
  const place = placeOf(dirname(filename), "app");
  const { address } = seatIn(dirname(filename));
  const outcomes = JSON.parse(await asNobody(INTRUDE, place.directory, filename, address)) as Record<string, string>;
  // Whether he sees that something exists, or only that he may not look, depends on where it is.
  const refusals = new Set(["EACCES", "EPERM", "ENOENT"]);
  assert.deepEqual(
    Object.entries(outcomes).filter(([, outcome]) => !refusals.has(outcome)),
    [],
  );
  for (const path of allIn(place.directory)) {
    const isSocket = /^(hub|member)\./.test(basename(path));
    assert.ok(isSocket || isClosedToOthers(path), `${path} is open to others`);
  }
  assert.ok(isClosedToOthers(place.directory) && isClosedToOthers(dirname(address)));
  assert.equal(await member.call("get", "secret"), "s3cret");
  assert.ok(address.startsWith(owner.common), "the test looks where the socket is");
}

for (const umask of [0o022, 0]) {
  const withUmask = `with the umask ${umask.toString(8).padStart(3, "0")}`;

  test(`${withUmask}, another user gets at nothing of a storage`, needsRoot, async (t) => {
    const owner = new Owner(t, umask);
    const path = join(owner.common, "data");
    mkdirSync(path, { mode: 0o755 });
    const member = await owner.member({ path });
    await expectPrivate(owner, member);
    // The copy lies in a directory that everybody can read.
    await member.call("close");
    assert.equal(lstatSync(join(path, "app.db")).mode & 0o777, 0o600);
    const again = await owner.member({ path });
    assert.equal(await again.call("get", "secret"), "s3cret");
    await expectPrivate(owner, again);
  });

  test(`${withUmask}, another user gets at nothing of a storage that does not persist`, needsRoot, async (t) => {
    const owner = new Owner(t, umask);
    await expectPrivate(owner, await owner.member({ path: owner.common, persist: false }));
    assert.ok(isClosedToOthers(owner.shelter));
  });

  test(`${withUmask}, another user does not reach the socket of a storage with a long path`, needsRoot, async (t) => {
    const owner = new Owner(t, umask);
    const path = join(owner.common, LONG);
    const member = await owner.member({ path });
    await expectPrivate(owner, member);
    assert.deepEqual(readdirSync(owner.common), [LONG], "nothing lies outside of the storage's directory");
  });
}

for (const mode of [0o777, 0o1777, 0o700]) {
  const what = `makes the shelter first, with mode ${mode.toString(8)}`;
  test(`another user who ${what}, gets no socket and no file into his hands`, needsRoot, async (t) => {
    const owner = new Owner(t, 0o022);
    assert.equal(await asNobody(SQUAT, owner.shelter, `${mode}`), "done");
    const told = { code: "ERR_STORAGE_DIRECTORY", message: new RegExp(`expected ${owner.shelter} to be`) };
    assert.throws(() => new Storage("app", { path: owner.common, persist: false }), told);
    for (const path of ["near", LONG]) {
      const member = await owner.member({ path: join(owner.common, path) });
      await member.call("set", "key", 1);
      await member.call("flush");
    }
    assert.deepEqual(readdirSync(owner.shelter), [], "a storage that persists needs no shelter");
  });
}

test("a storage refuses a directory that another user has created first", needsRoot, async (t) => {
  const owner = new Owner(t, 0o022);
  const directory = join(owner.common, "app.db.d");
  assert.equal(await asNobody(SQUAT, directory, `${0o700}`), "done");
  assert.throws(() => new Storage("app", { path: owner.common }), {
    code: "ERR_STORAGE_DIRECTORY",
    message: /app\.db\.d to belong to this user/,
  });
  assert.deepEqual(readdirSync(directory), []);
});

test(
  "a file that another user puts there before the storage is opened first is not taken over",
  needsRoot,
  async (t) => {
    const owner = new Owner(t, 0o022);
    const file = join(owner.common, "app.db");
    for (const mode of [0o600, 0o644, 0o666]) {
      assert.equal(await asNobody(LEAVE_FILE, file, `${mode}`), "done");
      await assert.rejects(Storage.open("app", { path: owner.common }), {
        code: "ERR_STORAGE_DIRECTORY",
        message: new RegExp(`expected ${file} to belong to this user or to root`),
      });
      assert.equal(readFileSync(file, "utf8"), '{"data":{"planted":1},"lives":{}}', "it stays as it is");
    }
    chownSync(file, 0, 0);
    const member = await owner.member({ path: owner.common });
    assert.equal(await member.call("get", "planted"), 1, "the owner said that it is his");
  },
);

test("a file of root is taken over by another user", needsRoot, async (t) => {
  const owner = new Owner(t, 0o022);
  const path = join(owner.common, "nobody");
  mkdirSync(path);
  writeFileSync(join(path, "app.db"), '{"data":{"mine":1},"lives":{}}');
  chownSync(path, NOBODY, NOBODY);
  const core = new URL("../../../dist/core/index.js", import.meta.url).href;
  assert.equal(await asNobody(OPEN, core, path), '[["mine",1]]');
});
