/** The real sockets: by which names and paths they are reached, and what is left of them when their process ends. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { diskFiles } from "../../../../dist/core/local/machine/files.js";
import type { Socket } from "../../../../dist/core/local/machine/machine.js";
import { unixSockets } from "../../../../dist/core/local/machine/sockets.js";
import { until } from "../../../proof/cluster/processes.js";
import { answerOf, directoryOf, listen, NAME, sockets, withoutAlias } from "./socket-scenes.js";

const DIST = new URL("../../../../dist/core/local/machine/", import.meta.url).href;

/** Sockets keep no process alive, so the tests do. */
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

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

test("a file or a directory at the place of a socket is no socket that refuses", async (t) => {
  const directory = directoryOf(t, 0);
  const path = join(directory, NAME);
  writeFileSync(path, "");
  assert.equal(await answerOf(directory), "ENOENT");
  rmSync(path);
  mkdirSync(path);
  assert.equal(await answerOf(directory), "ENOENT");
  rmSync(path, { recursive: true });
  (await listen(t, directory)).close();
  assert.equal(await answerOf(directory), "ECONNREFUSED");
});

test("a directory that this process may not enter, or that is none, is told apart from a missing one", async (t) => {
  const directory = directoryOf(t, 0);
  writeFileSync(join(directory, NAME), "");
  assert.equal(await answerOf(join(directory, NAME)), "ENOTDIR");
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
