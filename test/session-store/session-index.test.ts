/** The index of the sessions of users, over a storage of which the test says what it shows and what the log reports. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { FACTS } from "../../dist/core/facts.js";
import type { Storage } from "../../dist/core/index.js";
import { SessionKeys } from "../../dist/session-store/session-index.js";
import { until } from "../proof/cluster/processes.js";

/** A storage with users under keys. */
class Shown extends EventEmitter {
  readonly users = new Map<string, string>();
  /** Keys whose users are not confirmed; null: all were removed by a write that is not confirmed. */
  pendingKeys: Map<string, true> | null = new Map();
  lookCount = 0;
  readonly [FACTS] = {
    keyParts: (prefix: string) => this.#parts(prefix),
    replica: {
      peek: (key: string) => this.users.get(key) ?? null,
      pending: this,
      get pendingKeys() {
        return this.pending.pendingKeys;
      },
    },
  };

  *#parts(prefix: string): Generator<string[]> {
    yield [...this.users.keys()].filter((key) => key.startsWith(prefix));
  }

  keys(prefix: string): string[] {
    return [...this.users.keys()].filter((key) => key.startsWith(prefix));
  }

  /** A confirmed change. */
  change(key: string, user: string | null): void {
    if (user === null) this.users.delete(key);
    else this.users.set(key, user);
    this.emit("change", { type: "set", path: [key] });
  }
}

function open() {
  const shown = new Shown();
  for (let count = 0; count < 10; count++) shown.users.set(`s/${count}`, count % 2 === 0 ? "even" : "odd");
  shown.users.set("t/0", "even");
  const keys = new SessionKeys(shown as unknown as Storage, "s/", (_key, stored) => {
    shown.lookCount++;
    return stored as string;
  });
  const of = async (user: string) =>
    (await keys.of(user))
      .map((key) => key.slice(2))
      .sort()
      .join();
  return { shown, keys, of };
}

test("it follows changes, removals and expiries of its prefix, and looks at each change once", async () => {
  const { shown, keys, of } = open();
  assert.equal(await of("even"), "0,2,4,6,8");
  const looked = shown.lookCount;
  shown.change("s/1", "even");
  shown.change("s/2", "odd");
  shown.change("s/4", null);
  shown.change("t/1", "even");
  shown.users.delete("s/6");
  shown.emit("expire", { path: ["s/6"] });
  assert.deepEqual([await of("even"), await of("odd")], ["0,1,8", "2,3,5,7,9"]);
  assert.equal(shown.lookCount - looked, 2);
  assert.equal(keys.size, 8);
});

test("what this process has written counts while it is pending, and does not when it is taken back", async () => {
  const { shown, of } = open();
  await of("even");
  const change = (key: string, user: string | undefined) => {
    if (user === undefined) shown.users.delete(key);
    else shown.users.set(key, user);
    shown.pendingKeys?.set(key, true);
  };
  change("s/0", undefined);
  change("s/1", "even");
  change("s/10", "even");
  // Another member has changed it too, below what is pending.
  shown.emit("change", { type: "patch", path: ["s/1"] });
  assert.deepEqual([await of("even"), await of("odd")], ["1,10,2,4,6,8", "3,5,7,9"]);
  shown.users.set("s/0", "even").set("s/1", "odd").delete("s/10");
  shown.pendingKeys = new Map();
  assert.deepEqual([await of("even"), await of("odd")], ["0,2,4,6,8", "1,3,5,7,9"]);
});

test("what is hidden by a pending removal while it is built is found when that is taken back", async () => {
  const { shown, of } = open();
  shown.users.delete("s/0");
  shown.pendingKeys?.set("s/0", true);
  assert.equal(await of("even"), "2,4,6,8");
  shown.users.set("s/0", "even");
  shown.pendingKeys = new Map();
  assert.equal(await of("even"), "0,2,4,6,8");
});

test("after a clear there is nothing of before, and while one is pending what is shown counts", async () => {
  const { shown, keys, of } = open();
  await of("even");
  const before = new Map(shown.users);
  shown.users.clear();
  shown.users.set("s/20", "even");
  shown.pendingKeys = null;
  assert.equal(await of("even"), "20");
  shown.users.delete("s/20");
  for (const [key, user] of before) shown.users.set(key, user);
  shown.pendingKeys = new Map();
  assert.equal(await of("even"), "0,2,4,6,8");
  shown.users.clear();
  shown.emit("change", { type: "clear", path: [] });
  assert.deepEqual([await of("even"), keys.size], ["", 0]);
  shown.change("s/21", "even");
  assert.equal(await of("even"), "21");
});

test("after a reload it is built again, also when that happens while it is built", async () => {
  const { shown, of } = open();
  await of("even");
  const reload = () => {
    shown.users.clear();
    shown.users.set("s/30", "even");
    shown.emit("reload");
  };
  reload();
  assert.equal(await of("even"), "30");
  for (let count = 0; count < 200_000; count++) shown.users.set(`s/${count}`, "many");
  shown.emit("reload");
  const asked = of("even");
  setImmediate(reload);
  assert.equal(await asked, "30");
});

test("many changes are looked at before somebody asks, and none while nobody has asked", async () => {
  const { shown, keys, of } = open();
  for (let count = 0; count < 5000; count++) shown.change(`s/${count}`, "many");
  assert.equal(shown.lookCount, 0);
  await of("many");
  const looked = shown.lookCount;
  for (let count = 0; count < 5000; count++) shown.change(`s/${count}`, "others");
  await until("most changes were looked at", () => shown.lookCount - looked > 4000);
  assert.equal((await keys.of("others")).length, 5000);
  keys.close();
  shown.change("s/0", "many");
  assert.equal((await keys.of("many")).length, 1);
});
