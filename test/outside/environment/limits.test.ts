/** Processes that may do less than usual: without a working directory, without threads, with few open files. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { StorageOptions } from "../../../dist/core/index.js";
import { commonDirectory } from "./strange-machine.js";
import { type Start, StrangeMember } from "./strange-member.js";

/** The root of this project. */
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Two members of which the first is the manager, then none, then the second: it fails over as any other. */
async function expectFailover(t: TestContext, path: string, start: Start): Promise<StrangeMember[]> {
  const members = [new StrangeMember(t, start), new StrangeMember(t, start)];
  const [a, b] = members as [StrangeMember, StrangeMember];
  for (const member of members) await member.open({ path });
  await a.set("a", 1);
  assert.equal(await b.get("a"), 1);
  await a.kill();
  await b.set("b", 2);
  assert.deepEqual([(await b.facts()).epoch, await b.codes()], [2, []]);
  return members;
}

/** The codes of the warnings of this package in a process. */
async function warnings(member: StrangeMember): Promise<string[]> {
  const given = await member.ask(({ warnings: all }) => all.map(({ code }) => code));
  return given.filter((code) => code.startsWith("CLUSTER_STORAGE_"));
}

test("members whose working directory is removed after they have opened fail over", {
  skip: process.platform === "win32",
}, async (t) => {
  const base = commonDirectory(t);
  const members = [0, 1].map((index) => {
    mkdirSync(join(base, `cwd${index}`));
    return new StrangeMember(t, { cwd: join(base, `cwd${index}`) });
  });
  for (const member of members) await member.open({ path: join(base, "data") });
  execFileSync("sh", ["-c", 'rmdir "$1"/cwd*', "sh", base]);
  await members[0]?.kill();
  await members[1]?.set("b", 2);
  assert.deepEqual(await members[1]?.codes(), []);
});

/** How Node.js is told to allow nothing but what is named. */
const PERMISSION = ["--permission", "--experimental-permission"].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
);
const NETWORK = process.allowedNodeEnvironmentFlags.has("--allow-net") ? ["--allow-net"] : [];
const noPermissions = PERMISSION === undefined && "this version of Node.js has no permission model";

/** Without it, a process cannot know that a manager which refuses ran on this machine, and waits for its lease. */
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** A process that may read this project, and read and write a directory. */
function allowing(path: string, ...more: string[]): Start {
  const reads = [join(ROOT, "/"), path, BOOT_ID].map((allowed) => `--allow-fs-read=${allowed}`);
  return { flags: [PERMISSION as string, ...NETWORK, ...reads, `--allow-fs-write=${path}`, ...more] };
}

test("members that may use one directory and start no thread have one manager with others", {
  skip: noPermissions,
}, async (t) => {
  const path = commonDirectory(t);
  const members = await expectFailover(t, path, allowing(path));
  const b = members[1] as StrangeMember;
  assert.deepEqual((await warnings(b)).sort(), ["CLUSTER_STORAGE_NO_SYNC", "CLUSTER_STORAGE_NO_THREADS"]);
  const c = new StrangeMember(t);
  await c.open({ path });
  await b.kill();
  await c.set("c", 3);
  const d = new StrangeMember(t, allowing(path));
  await d.open({ path });
  assert.deepEqual(await d.ask(({ storage }) => storage.keys().sort()), ["a", "b", "c"]);
  assert.equal((await d.facts()).epoch, 3);
});

test("a path that is too long for a socket, and may not be given another name, is refused at once", {
  skip: noPermissions,
}, async (t) => {
  const path = join(commonDirectory(t), "p".repeat(100));
  mkdirSync(path);
  const opened = new StrangeMember(t, allowing(path)).open({ path });
  await assert.rejects(opened, { code: "ERR_STORAGE_DIRECTORY", message: /ERR_ACCESS_DENIED/ });
});

test("members that may start threads do so under the permission model", { skip: noPermissions }, async (t) => {
  const path = commonDirectory(t);
  const members = await expectFailover(t, path, allowing(path, "--allow-worker"));
  for (const member of members.slice(1)) assert.deepEqual(await warnings(member), ["CLUSTER_STORAGE_NO_SYNC"]);
});

test("a process that may not write is told at once", { skip: noPermissions }, async (t) => {
  const path = commonDirectory(t);
  const flags = [PERMISSION as string, ...NETWORK, "--allow-fs-read=*"];
  await assert.rejects(new StrangeMember(t, { flags }).open({ path }), { code: "ERR_STORAGE_DIRECTORY" });
});

const noLimits =
  process.platform === "linux"
    ? spawnSync("prlimit", ["--version"]).status !== 0 && "prlimit is missing"
    : "limits are set on Linux";

/** Leaves a process a number of open files more than it has. The limit is of their numbers, of which some may be skipped. */
function limitFiles(pid: number, more: number): void {
  const used = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let limit = 0;
  for (let free = 0; free < more || used.has(limit); limit++) if (!used.has(limit)) free++;
  execFileSync("prlimit", ["--pid", `${pid}`, `--nofile=${limit}:`]);
}

/** What `Storage.open` comes to: the code of its error and of the cause of that. */
function outcomeOf(member: StrangeMember, options: StorageOptions): Promise<readonly unknown[]> {
  return member.ask(async ({ Storage }, given) => {
    try {
      await (await Storage.open("app", given)).close();
      return ["opened"];
    } catch (error) {
      const { code, cause } = error as NodeJS.ErrnoException;
      return [code, (cause as NodeJS.ErrnoException | undefined)?.code];
    }
  }, options);
}

/** Longer than it takes, in ms, until a manager that answers nobody is reported, on a busy machine. */
const OPENING_MS = 5000;
const REASONS = ["ERR_STORAGE_RESOURCES", "ERR_STORAGE_UNREACHABLE"];

describe("with few open files left, Storage.open says so, and works once there are more", {
  skip: noLimits,
  concurrency: 6,
}, () => {
  for (const more of [0, 1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 16]) {
    it(`${more} left`, async (t) => {
      const path = commonDirectory(t);
      const member = new StrangeMember(t);
      const pid = await member.ask(() => process.pid);
      limitFiles(pid, more);
      const [outcome, cause] = await outcomeOf(member, { path, timeout: OPENING_MS });
      execFileSync("prlimit", ["--pid", `${pid}`, "--nofile=1000:"]);
      assert.deepEqual(await outcomeOf(member, { path }), ["opened"]);
      if (outcome === "opened") return;
      assert.equal(outcome, "ERR_STORAGE_NOT_READY");
      assert.ok(REASONS.includes(cause as string), `the reason: ${cause}`);
    });
  }
});
