/** The real sockets: by which names and paths they are reached, and what is left of them when their process ends. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { diskFiles } from "../../../../dist/core/local/machine/files.js";
import type { Files, Listener, Socket } from "../../../../dist/core/local/machine/machine.js";
import { unixSockets } from "../../../../dist/core/local/machine/sockets.js";
import { temporaryDirectory, until } from "../../../proof/cluster/processes.js";

const DIST = new URL("../../../../dist/core/local/machine/", import.meta.url).href;
const NAME = "hub.0123456789abcdef";
const sockets = unixSockets(diskFiles);

/** Sockets keep no process alive, so the tests do. */
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

/** A directory whose path has so many bytes, or as few as possible. */
function directoryOf(t: TestContext, bytes: number): string {
  let directory = temporaryDirectory(t);
  for (let left = bytes - directory.length - 1; left > 0; left = bytes - directory.length - 1) {
    // A name has at most 255 bytes, and at least one must be left for the next.
    directory = join(directory, "d".repeat(left > 200 ? 150 : left));
  }
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** Listens and answers each connection with a text. */
function listen(t: TestContext, directory: string, text = "", own = sockets): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const accept = (socket: Socket) => {
      socket.write([Buffer.from(text)]);
      socket.end();
      return { data: () => {}, closed: () => {} };
    };
    own.listen(directory, NAME, accept, (error, listener) => {
      t.after(() => listener.close());
      if (error) reject(error);
      else resolve(listener);
    });
  });
}

/** Connects; resolves with what came, or with the code of the error. */
function answerOf(directory: string, own = sockets): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    own.connect(directory, NAME, {
      data: (chunk) => (text += chunk),
      closed: (error) => resolve((error as NodeJS.ErrnoException | null)?.code ?? text),
    });
  });
}

/** A process that listens in a directory, until it is told how to end. */
async function listener(t: TestContext, directory: string): Promise<ChildProcess> {
  const program = `
    import { diskFiles } from "${DIST}files.js";
    import { unixSockets } from "${DIST}sockets.js";
    const [directory, name] = process.argv.slice(1);
    const accept = (socket) => { socket.end(); return { data() {}, closed() {} }; };
    unixSockets(diskFiles).listen(directory, name, accept, (error) => {
      if (error) throw error;
      process.on("message", (code) => (0, eval)(code));
      process.send("listening");
    });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, directory, NAME], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  t.after(() => child.kill("SIGKILL"));
  await new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", () => reject(new Error("expected a process that listens, got one that has ended")));
  });
  return child;
}

for (const bytes of [0, 77, 78, 79, 84, 85, 120, 1000, 4000]) {
  test(`processes meet by a name in a directory whose path has ${bytes || "few"} bytes`, async (t) => {
    const directory = directoryOf(t, bytes);
    if (bytes > 0) assert.equal(Buffer.byteLength(directory), bytes);
    await listen(t, directory, "it is me");
    assert.deepEqual(readdirSync(directory), [NAME]);
    assert.ok(lstatSync(join(directory, NAME)).isSocket());
    assert.equal(await answerOf(directory), "it is me");
    await listener(t, directory);
    assert.equal(await answerOf(directory), "", "another process has the name now");
  });
}

const ENDS: Readonly<Record<string, (child: ChildProcess) => unknown>> = {
  "is killed": (child) => child.kill("SIGKILL"),
  "is terminated": (child) => child.kill("SIGTERM"),
  "calls process.exit": (child) => child.send("process.exit(0)"),
  "throws an exception that nobody catches": (child) => child.send("setTimeout(() => { throw new Error('mine'); })"),
  "has nothing left to do": (child) => child.send("process.disconnect()"),
};

for (const [what, end] of Object.entries(ENDS)) {
  test(`the name of a process that ${what} stays, and refuses`, async (t) => {
    for (const bytes of [0, 300]) {
      const directory = directoryOf(t, bytes);
      const child = await listener(t, directory);
      assert.equal(await answerOf(directory), "");
      const exited = new Promise((resolve) => child.once("exit", resolve));
      end(child);
      await exited;
      assert.deepEqual(readdirSync(directory), [NAME]);
      assert.equal(await answerOf(directory), "ECONNREFUSED");
    }
  });
}

test("the name of a listener that is closed stays, and refuses", async (t) => {
  const directory = directoryOf(t, 0);
  const { close } = await listen(t, directory);
  close();
  await until("it refuses", async () => (await answerOf(directory)) === "ECONNREFUSED");
  assert.deepEqual(readdirSync(directory), [NAME]);
});

test("a newer listener takes over the name, and the end of the older one does not matter to it", async (t) => {
  for (const bytes of [0, 300]) {
    const directory = directoryOf(t, bytes);
    const older = await listen(t, directory, "older");
    assert.equal(await answerOf(directory), "older");
    await listen(t, directory, "newer");
    assert.equal(await answerOf(directory), "newer");
    older.close();
    await new Promise(setImmediate);
    assert.equal(await answerOf(directory), "newer");
    assert.deepEqual(readdirSync(directory), [NAME]);
  }
});

test("a name that was removed, and a directory that is not there, are missing and do not refuse", async (t) => {
  const directory = directoryOf(t, 0);
  await listen(t, directory);
  rmSync(join(directory, NAME));
  assert.equal(await answerOf(directory), "ENOENT");
  for (const bytes of [0, 300]) assert.equal(await answerOf(join(directoryOf(t, bytes), "none")), "ENOENT");
});

test("a name leads to what is in the directory that is at the path now", async (t) => {
  for (const bytes of [0, 300]) {
    const directory = directoryOf(t, bytes);
    await listen(t, directory, "moved");
    renameSync(directory, `${directory}2`);
    mkdirSync(directory);
    assert.equal(await answerOf(directory), "ENOENT");
    await listen(t, directory, "here");
    assert.equal(await answerOf(directory), "here");
    assert.equal(await answerOf(`${directory}2`), "moved");
  }
});

test("what is no socket, or lies in a directory that this process may not enter, is told apart from a missing one", async (t) => {
  const directory = directoryOf(t, 0);
  writeFileSync(join(directory, NAME), "");
  assert.equal(await answerOf(directory), "ECONNREFUSED", "no process listens there");
  assert.equal(await answerOf(join(directory, NAME)), "ENOTDIR");
});

/** The files of a platform that has no path for an open directory. */
const withoutAlias = (changes: Partial<Files> = {}): Files => ({
  ...diskFiles,
  pin: (directory) => ({ ...diskFiles.pin(directory), directory }),
  ...changes,
});

test("where an open directory has no path, a long one is reached by a link, of which nothing is left", async (t) => {
  const directory = directoryOf(t, 1000);
  const links: string[] = [];
  const symlink = (target: string, path: string) => {
    links.push(path);
    diskFiles.symlink(target, path);
  };
  const own = unixSockets(withoutAlias({ symlink }));
  await listen(t, directory, "by a link", own);
  assert.equal(await answerOf(directory, own), "by a link");
  assert.equal(await answerOf(directory), "by a link", "others reach it as they can");
  assert.deepEqual([links.length, new Set(links).size], [2, 2]);
  for (const link of links) assert.throws(() => lstatSync(link), { code: "ENOENT" });
});

const failing = (code: string) => () => {
  throw Object.assign(new Error(code), { code });
};

/** What may go wrong, in a directory with a path of so many bytes; the code that is reported. */
const FAULTS: Readonly<Record<string, { bytes: number; code: string; files: Files; directory?: string }>> = {
  "a directory that is missing": { bytes: 0, code: "ENOENT", files: diskFiles, directory: "none" },
  "a long directory that is missing": { bytes: 300, code: "ENOENT", files: diskFiles, directory: "none" },
  "a directory that cannot be held": { bytes: 300, code: "EMFILE", files: { ...diskFiles, pin: failing("EMFILE") } },
  "a link that cannot be made": { bytes: 300, code: "EROFS", files: withoutAlias({ symlink: failing("EROFS") }) },
  "a link that cannot be removed": { bytes: 300, code: "EIO", files: withoutAlias({ unlink: failing("EIO") }) },
  "a name that cannot be given": { bytes: 0, code: "ENOSPC", files: { ...diskFiles, rename: failing("ENOSPC") } },
  "a name in a long directory that cannot be given": {
    bytes: 300,
    code: "ENOSPC",
    files: { ...diskFiles, rename: failing("ENOSPC") },
  },
};

for (const [what, { bytes, code, files, directory: below = "" }] of Object.entries(FAULTS)) {
  test(`${what} is reported once, later, and nothing listens then`, async (t) => {
    const directory = join(directoryOf(t, bytes), below);
    const reports: (string | undefined)[] = [];
    let hasReturned = false;
    const accept = () => ({ data: () => {}, closed: () => {} });
    unixSockets(files).listen(directory, NAME, accept, (error, listener) => {
      assert.ok(hasReturned, "it was called at once");
      reports.push((error as NodeJS.ErrnoException | null)?.code);
      listener.close();
    });
    hasReturned = true;
    await until("a report", () => reports.length > 0);
    for (let round = 0; round < 5; round++) await new Promise(setImmediate);
    assert.deepEqual(reports, [code]);
    assert.equal(await answerOf(directory), "ENOENT");
  });
}

test("a temporary name that a new manager has just cleaned up is bound again, some times and not forever", async (t) => {
  const directory = directoryOf(t, 0);
  let cleanUps = 2;
  const rename = (path: string, name: string) => {
    if (cleanUps-- > 0) diskFiles.unlink(path);
    diskFiles.rename(path, name);
  };
  const own = unixSockets({ ...diskFiles, rename });
  await listen(t, directory, "it is me", own);
  cleanUps = Number.POSITIVE_INFINITY;
  await assert.rejects(listen(t, directory, "late", own), { code: "ENOENT" });
  assert.equal(await answerOf(directory), "it is me");
  assert.deepEqual(readdirSync(directory), [NAME]);
});

test("a connection that cannot be tried is closed once, later, with the reason", async (t) => {
  const directory = directoryOf(t, 300);
  await listen(t, directory);
  const own = unixSockets({ ...diskFiles, pin: failing("EMFILE") });
  let closed = 0;
  const socket = own.connect(directory, NAME, { data: () => {}, closed: () => closed++ });
  assert.equal(closed, 0);
  socket.write([Buffer.from("lost")]);
  socket.end();
  socket.destroy();
  assert.equal(socket.queuedBytes, 0);
  await until("it is closed", () => closed > 0);
  await new Promise(setImmediate);
  assert.equal(closed, 1);
  assert.equal(await answerOf(directory, own), "EMFILE");
});

test("what is written arrives in order, also from many buffers, and the end is reported once and last", async (t) => {
  const directory = directoryOf(t, 0);
  const calls: string[] = [];
  const received: Buffer[] = [];
  let accepted: Socket | null = null;
  await new Promise<void>((resolve, reject) => {
    const accept = (socket: Socket) => {
      accepted = socket;
      socket.pause();
      return {
        data: (chunk: Buffer) => {
          received.push(chunk);
          calls.push("data");
        },
        closed: () => void calls.push("closed"),
      };
    };
    sockets.listen(directory, NAME, accept, (error, { close }) => {
      t.after(close);
      if (error) reject(error);
      else resolve();
    });
  });
  let isConnected = false;
  const socket = sockets.connect(directory, NAME, {
    connected: () => (isConnected = true),
    data: () => {},
    closed: () => {},
  });
  const buffers = Array.from({ length: 300 }, (_, index) => Buffer.alloc(10_000, index));
  socket.write(buffers.slice(0, 299));
  socket.write(buffers.slice(299));
  await until("the other side is there", () => isConnected && accepted !== null);
  assert.ok(socket.queuedBytes > 0, "the other side takes nothing yet");
  assert.equal(calls.length, 0);
  (accepted as unknown as Socket).resume();
  socket.end();
  await until("the end", () => calls.includes("closed"));
  assert.deepEqual(Buffer.concat(received), Buffer.concat(buffers));
  assert.equal(calls.indexOf("closed"), calls.length - 1);
});

test("neither a listener nor a connection keeps a process alive", async (t) => {
  const directory = directoryOf(t, 0);
  await listener(t, directory);
  const program = `
    import { diskFiles } from "${DIST}files.js";
    import { unixSockets } from "${DIST}sockets.js";
    const [directory, name] = process.argv.slice(1);
    const sockets = unixSockets(diskFiles);
    const events = { data() {}, closed() {} };
    sockets.listen(directory, "member.1", () => events, () => {});
    sockets.connect(directory, name, events);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, directory, NAME], { stdio: "ignore" });
  t.after(() => child.kill("SIGKILL"));
  await until("it ends by itself", () => child.exitCode === 0);
});
