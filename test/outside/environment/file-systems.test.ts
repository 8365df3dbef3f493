/** File systems that are full, read-only, or lack what the storage needs: the reason is true, and comes at once where it cannot pass. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { StorageOptions } from "../../../dist/core/index.js";
import { until } from "../../proof/cluster/processes.js";
import {
  commonDirectory,
  mount,
  noCompiler,
  noMounts,
  noNamespaces,
  preload,
  whyNot,
  withMounts,
} from "./strange-machine.js";
import { type Start, StrangeMember } from "./strange-member.js";

/** Longest, in ms, until a failure is reported that cannot pass by itself. */
const AT_ONCE_MS = 3000;
/** More than a small disk takes. */
const FILLING = Buffer.alloc(4096, "x");

/** An error as it comes from another process. */
interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly cause?: { readonly code: string; readonly message: string };
}

/** What `Storage.open` throws in a process of its own; fails when it does not, or takes long. */
async function refusal(t: TestContext, options: StorageOptions, start: Start = {}): Promise<Refusal> {
  const member = new StrangeMember(t, start);
  await member.ask(() => 0);
  const started = performance.now();
  const refused = await member.ask(async ({ Storage }, given) => {
    const facts = (error: unknown) => {
      const { code, message } = error as NodeJS.ErrnoException;
      return { code: code as string, message };
    };
    try {
      await (await Storage.open("app", given)).close();
      return null;
    } catch (error) {
      const { cause } = error as Error;
      return cause === undefined ? facts(error) : { ...facts(error), cause: facts(cause) };
    }
  }, options);
  assert.ok(refused, "it does not open");
  assert.ok(performance.now() - started < AT_ONCE_MS, "the reason comes at once");
  return refused;
}

/** Writes to a file until its disk is full. */
function fill(path: string): void {
  try {
    for (;;) writeFileSync(path, FILLING, { flag: "a" });
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
  }
}

test("a disk that is full is reported, and the storage opens once there is room", { skip: noMounts }, async (t) => {
  const path = join(commonDirectory(t), "disk");
  mount(t, path, "-t", "tmpfs", "-o", "size=64k", "tmpfs");
  fill(join(path, "filling"));
  const member = new StrangeMember(t);
  await member.ask(({ open }, directory) => void open({ path: directory }).set("a", 1), path);
  await until("it reports that the disk is full", async () => (await member.ask(({ errors }) => errors)).length > 0);
  const [error] = await member.ask(({ errors }) => errors);
  assert.equal(error?.code, "ERR_STORAGE_DISK");
  assert.match(error?.message as string, /ENOSPC/);
  assert.equal(await member.ask(({ storage }) => storage.status), "opening");
  rmSync(join(path, "filling"));
  await member.ask(({ storage }) => storage.flush());
  assert.equal(await member.get("a"), 1);
  assert.deepEqual(await member.codes(), ["ERR_STORAGE_DISK"], "reported once");
});

test("a disk that is full is the reason why opening ends after its timeout", { skip: noMounts }, async (t) => {
  const path = join(commonDirectory(t), "disk");
  mount(t, path, "-t", "tmpfs", "-o", "size=64k", "tmpfs");
  fill(join(path, "filling"));
  const { code, cause } = await refusal(t, { path, timeout: 500 });
  assert.deepEqual([code, cause?.code], ["ERR_STORAGE_NOT_READY", "ERR_STORAGE_DISK"]);
  assert.match(cause?.message ?? "", /ENOSPC/);
});

test("a disk that gets full, and is read-only for a while, keeps what was confirmed and takes what was written", {
  skip: noMounts,
}, async (t) => {
  const path = join(commonDirectory(t), "disk");
  mount(t, path, "-t", "tmpfs", "-o", "size=256k", "tmpfs");
  const [a, b] = [new StrangeMember(t), new StrangeMember(t)];
  for (const member of [a, b]) await member.open({ path });
  await a.set("confirmed", 1);
  fill(join(path, "filling"));
  await b.ask(({ storage }) => {
    for (let index = 0; index < 100; index++) storage.set(`pending ${index}`, "x".repeat(1000));
  });
  await until("the disk refuses", async () => (await b.codes()).includes("ERR_STORAGE_DISK"));
  // Nobody can take over now.
  await a.kill();
  execFileSync("mount", ["-o", "remount,ro", path]);
  const c = new StrangeMember(t);
  assert.equal(await c.open({ path }).catch(({ code }) => code), "ERR_STORAGE_DIRECTORY");
  execFileSync("mount", ["-o", "remount,rw,size=16m", path]);
  await b.ask(({ storage }) => storage.flush());
  const d = new StrangeMember(t);
  await d.open({ path });
  assert.equal(await d.ask(({ storage }) => storage.size), 101);
});

test("a read-only mount is named as the reason, of a new and of an old storage", { skip: noNamespaces }, async (t) => {
  const path = commonDirectory(t);
  const within = withMounts(`mount --bind '${path}' '${path}'`, `mount -o remount,bind,ro '${path}'`);
  for (const kind of ["new", "old"]) {
    const { code, message } = await refusal(t, { path }, { within });
    assert.equal(code, "ERR_STORAGE_DIRECTORY", kind);
    assert.match(message, /EROFS/);
    const member = new StrangeMember(t);
    await member.open({ path });
    await member.ask(({ storage }) => storage.close());
  }
});

/** What a file system lacks: the functions of the C library that fail, and what the error says. */
const LACKS = [
  [
    "EPERM",
    "hard links",
    "int link(const char *a, const char *b)",
    "int linkat(int a, const char *b, int c, const char *d, int e)",
  ],
  [
    "EOPNOTSUPP",
    "hard links",
    "int link(const char *a, const char *b)",
    "int linkat(int a, const char *b, int c, const char *d, int e)",
  ],
  ["EOPNOTSUPP", "sockets", "int bind(int a, const void *b, unsigned c)"],
  ["EPERM", "sockets", "int bind(int a, const void *b, unsigned c)"],
] as const;

for (const [code, what, ...functions] of LACKS) {
  test(`a file system without ${what} is named as the reason (${code})`, { skip: noCompiler }, async (t) => {
    const base = commonDirectory(t);
    mkdirSync(join(base, "data"));
    const body = `{ errno = ${code}; return -1; }`;
    const text = ["#include <errno.h>", ...functions.map((head) => `${head} ${body}`), ""].join("\n");
    const error = await refusal(t, { path: join(base, "data") }, { env: preload(base, text) });
    assert.equal(error.code, "ERR_STORAGE_DIRECTORY");
    assert.match(error.message, new RegExp(`${what}.*choose a directory on another one`));
  });
}

const noFat = noMounts || whyNot("mkfs.vfat", "--help");

test("a FAT file system is refused at once", { skip: noFat }, async (t) => {
  const base = commonDirectory(t);
  const image = join(base, "image");
  writeFileSync(image, Buffer.alloc(16 << 20));
  execFileSync("mkfs.vfat", [image], { stdio: "pipe" });
  try {
    mount(t, join(base, "disk"), "-t", "vfat", "-o", "loop,umask=077", image);
  } catch (error) {
    t.skip(`this kernel mounts none: ${(error as Error).message}`);
    return;
  }
  const { code, message } = await refusal(t, { path: join(base, "disk") });
  assert.equal(code, "ERR_STORAGE_DIRECTORY");
  assert.match(message, /choose a directory on another one/);
});
