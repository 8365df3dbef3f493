import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Storage } from "../../dist/core/index.js";
import { bootIdOf } from "../../dist/core/local/machine/kernel.js";
import { encodeJson, REFUSE } from "../../dist/core/log/frame.js";
import { Home } from "../api/conformance/home.js";
import { until } from "../proof/cluster/processes.js";

const MODULE = new URL("../../dist/core/index.js", import.meta.url).href;

/** A process that runs a script with `Storage` and `path` at hand; it is gone when the test ends. */
class Script {
  readonly process: ChildProcess;
  text = "";
  code: number | null | undefined;

  constructor(t: TestContext, path: string, script: string) {
    const head = `import { Storage } from ${JSON.stringify(MODULE)}; const path = ${JSON.stringify(path)};\n`;
    this.process = spawn(process.execPath, ["--input-type=module", "-e", head + script], { stdio: "pipe" });
    this.process.stdout?.on("data", (chunk) => (this.text += chunk));
    this.process.stderr?.on("data", (chunk) => (this.text += chunk));
    this.process.on("exit", (code) => (this.code = code));
    t.after(() => this.process.kill("SIGKILL"));
  }

  async ended(): Promise<string> {
    await until(`the process ends by itself; it said: ${this.text}`, () => this.code !== undefined);
    assert.equal(this.code, 0, this.text);
    return this.text.trim();
  }
}

test("two storages of one file in one process share their data at once, and one survives the other's close", async (t) => {
  const home = new Home(t);
  const [first, second] = [
    home.begin(),
    home.begin({ path: `${home.directory}/../${home.directory.split("/").at(-1)}` }),
  ];
  first.set("key", { a: 1 });
  assert.equal(second.get("key"), first.get("key"), "the same object, before anything is confirmed");
  const changes: string[] = [];
  second.on("change", ({ path }) => changes.push(path.join(".")));
  await first.flush();
  await until("the change", () => changes.length === 1);
  assert.equal(second.stats().members, 1);
  await first.close();
  await first.close();
  assert.deepEqual([first.closed, second.closed, second.connected], [true, false, true]);
  second.set("key.b", 2);
  await second.flush();
  assert.deepEqual(second.get("key"), { a: 1, b: 2 });
  const third = home.begin();
  assert.deepEqual(third.get("key"), { a: 1, b: 2 }, "without any wait");
  await Promise.all([second.close(), third.close()]);
  assert.deepEqual((await home.open()).get("key"), { a: 1, b: 2 });
});

test("await using closes the storage at the end of the block", async (t) => {
  const home = new Home(t);
  let used: Storage;
  {
    await using storage = await home.open();
    storage.set("key", 1);
    used = storage;
  }
  assert.equal(used.closed, true);
  assert.equal((await home.open()).get("key"), 1);
});

test("opened again before the close of the last one has ended, it has everything", async (t) => {
  const home = new Home(t);
  for (let round = 0; round < 10; round++) {
    const storage = home.begin();
    storage.set(`round${round}`, round);
    void storage.close();
  }
  const last = await home.open();
  assert.equal(last.size, 10);
});

test("a process that is done ends by itself, and what it wrote is stored", async (t) => {
  const scripts: Record<string, string> = {
    "writes at the top level": `new Storage("app", { path }).set("key", 1);`,
    "waits for nothing": `const s = await Storage.open("app", { path }); s.set("key", 1);`,
    closes: `const s = await Storage.open("app", { path }); s.set("key", 1); await s.close();`,
    "closes at once": `const s = new Storage("app", { path }); s.set("key", 1); s.close();`,
    increments: `const s = new Storage("app", { path }); s.increment("key").then((n) => n === 1 || process.exit(9));`,
  };
  for (const [what, script] of Object.entries(scripts)) {
    const home = new Home(t);
    assert.equal(await new Script(t, home.directory, script).ended(), "", what);
    assert.equal((await home.open()).get("key"), 1, what);
  }
});

test("a process that only reads ends by itself", async (t) => {
  const home = new Home(t);
  await new Script(t, home.directory, `new Storage("app", { path }).get("key");`).ended();
  await new Script(t, home.directory, `await Storage.open("app", { path });`).ended();
  await new Script(
    t,
    home.directory,
    `const s = await Storage.open("app", { path }); s.on("change", () => {});`,
  ).ended();
});

test("closing releases everything: nothing is left that the event loop waits for", async (t) => {
  const home = new Home(t);
  const script = `
    const s = await Storage.open("app", { path });
    for (let i = 0; i < 1000; i++) s.set("key" + i, i);
    await s.close();
    await new Promise((resolve) => setTimeout(resolve, 1));
    const left = process.getActiveResourcesInfo().filter((kind) => !/Pipe|FSReq|TTY/.test(kind) || kind === "PipeServerWrap");
    console.log(JSON.stringify(left));`;
  assert.equal(await new Script(t, home.directory, script).ended(), "[]");
});

test("the process is kept alive exactly while something is pending", async (t) => {
  const home = new Home(t);
  const script = `
    const s = new Storage("app", { path, candidate: false });
    s.set("key", 1);
    setTimeout(() => console.log("still here"), 500).unref();`;
  const lonely = new Script(t, home.directory, script);
  await until("it waits for a manager", () => lonely.text !== "");
  assert.equal(lonely.code, undefined);
  const manager = await home.member();
  await lonely.ended();
  await manager.call("sync");
  assert.equal(await manager.call("get", "key"), 1);
});

test("when the manager closes, another member takes over and nothing is lost", async (t) => {
  const home = new Home(t);
  const manager = await home.open();
  const member = await home.member();
  for (let index = 0; index < 500; index++) manager.set(`key${index}`, index);
  await manager.close();
  await member.call("sync");
  assert.equal(await member.call("size"), 500);
  await until("the other is manager", () => member.call<boolean>("isManager"));
});

/** What `app.db` alone holds. */
async function copyOf(t: TestContext, home: Home): Promise<Record<string, unknown>> {
  const restored = new Home(t);
  writeFileSync(restored.file, readFileSync(home.file));
  return Object.fromEntries((await restored.open()).entries());
}

test("after the last member has closed, app.db alone is the whole state", async (t) => {
  const home = new Home(t);
  const member = await home.member();
  const storage = await home.open();
  storage.set("key", 1);
  await member.call("set", "theirs", 2);
  await member.call("close");
  await storage.close();
  assert.deepEqual(await copyOf(t, home), { key: 1, theirs: 2 });
});

test("also when all members close at the same moment", async (t) => {
  const home = new Home(t);
  const storage = await home.open();
  const members = [await home.member(), await home.member()];
  storage.set("key", 1);
  await storage.flush();
  await Promise.all([storage.close(), ...members.map((member) => member.call("close"))]);
  assert.deepEqual(await copyOf(t, home), { key: 1 });
});

test("destroy removes the files when nobody else has the storage open, and only clears it otherwise", async (t) => {
  const home = new Home(t);
  writeFileSync(join(home.directory, "other.txt"), "not ours");
  const member = await home.member();
  const storage = await home.open();
  storage.set("key", 1);
  await storage.destroy();
  assert.ok(existsSync(home.folder));
  await member.call("sync");
  assert.equal(await member.call("size"), 0);
  await member.call("set", "after", 1);
  await member.call("flush");
  assert.deepEqual((await home.open()).entries(), [["after", 1]]);
});

test("destroy of the last one leaves nothing but what is not the storage's", async (t) => {
  for (const write of [true, false]) {
    const home = new Home(t);
    writeFileSync(join(home.directory, "other.txt"), "not ours");
    const storage = await home.open();
    if (write) storage.set("key", 1);
    const before = storage.stats();
    await storage.destroy();
    assert.deepEqual(home.names(), ["other.txt"]);
    const { seq, epoch } = before;
    const again = await home.open();
    assert.equal(again.size, 0, "it can be opened again");
    assert.ok(again.stats().seq > seq && again.stats().epoch > epoch, "its numbers go on");
  }
});

test("with persist: false members share data in no file of the directory, and it is gone with the last one", async (t) => {
  const home = new Home(t, { persist: false });
  const member = await home.member();
  const storage = await home.open();
  storage.set("key", 1);
  await storage.flush();
  await member.call("sync");
  assert.equal(await member.call("get", "key"), 1);
  assert.deepEqual(home.names(), []);
  assert.ok(!storage.filename.startsWith(home.directory), storage.filename);
  await storage.close();
  assert.equal(await member.call("get", "key"), 1, "one is left");
  await member.call("close");
  await member.kill();
  assert.equal((await home.open()).size, 0);
});

test("with persist: false it is gone also when the last one was killed, or all of them at once", async (t) => {
  const home = new Home(t, { persist: false });
  const members = [await home.member(), await home.member(), await home.member()];
  await members[0]?.call("set", "key", 1);
  await members[0]?.call("flush");
  await members[0]?.kill();
  await members[1]?.call("sync");
  assert.equal(await members[1]?.call("get", "key"), 1, "two are left");
  await Promise.all(members.map((member) => member.kill()));
  const storage = await home.open();
  assert.deepEqual(storage.entries(), []);
  storage.set("new", 1);
  await storage.flush();
  const next = await home.member();
  assert.equal(await next.call("get", "new"), 1);
});

test("with persist: false a newcomer that becomes the manager keeps the data while any member is left", async (t) => {
  const home = new Home(t, { persist: false });
  const manager = await home.member();
  const bystander = await home.member({ candidate: false });
  await manager.call("set", "key", 1);
  await manager.call("flush");
  await manager.kill();
  const storage = await home.open();
  assert.deepEqual([storage.isManager, storage.get("key")], [true, 1]);
  await bystander.call("sync");
  assert.equal(await bystander.call("get", "key"), 1);
});

test("a manager of another protocol version refuses, and the storage says ERR_STORAGE_PROTOCOL", async (t) => {
  const home = new Home(t);
  mkdirSync(home.folder, { mode: 0o700 });
  const socket = "hub.0123456789abcdef";
  const refusal = encodeJson(REFUSE, {}, { code: "ERR_STORAGE_PROTOCOL", message: "the manager speaks protocol 3" });
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(refusal));
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(join(home.folder, socket), resolve));
  const seat = {
    socket,
    token: "0".repeat(64),
    pid: process.pid,
    uid: process.getuid?.() ?? -1,
    host: "here",
    bootId: bootIdOf("here"),
    directory: home.folder,
    protocol: 3,
  };
  writeFileSync(join(home.folder, "seat.1"), JSON.stringify(seat), { mode: 0o600 });
  const storage = home.begin();
  storage.set("key", 1);
  await assert.rejects(storage.sync(), { name: "StorageError", code: "ERR_STORAGE_PROTOCOL", message: /protocol 3/ });
  assert.throws(() => storage.set("key", 2), { code: "ERR_STORAGE_PROTOCOL" });
  await storage.close();
  assert.deepEqual(readdirSync(home.folder).sort(), [socket, "seat.1"]);
});

test("closing where no process may be the manager fails, and says so", async (t) => {
  const home = new Home(t);
  const storage = home.begin({ candidate: false });
  storage.set("key", 1);
  await assert.rejects(storage.close(), { code: "ERR_STORAGE_NOT_READY", message: /may be the manager/ });
});

test("closing does not wait forever for a manager: it fails, and reports how much is lost", async (t) => {
  const home = new Home(t, { stallTimeout: 60_000 });
  const manager = await home.member();
  const storage = await home.open();
  await manager.freeze();
  t.after(() => manager.signal("SIGCONT"));
  storage.set("key", 1);
  await assert.rejects(storage.close(), { code: "ERR_STORAGE_CLOSED", message: /1 writes; they are lost/ });
});
