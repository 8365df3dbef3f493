import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Storage } from "../../dist/core/index.js";
import { temporaryDirectory } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";

test("at ready and connect the manager is known", async (t) => {
  const storage = new Storage("app", { path: temporaryDirectory(t) });
  teardown(t, () => storage.close());
  const seen: unknown[] = [];
  for (const event of ["manager", "ready", "connect"] as const) {
    storage.on(event, () => seen.push([event, storage.managerPid]));
  }
  await storage.sync();
  assert.deepEqual(seen, [
    ["manager", process.pid],
    ["ready", process.pid],
    ["connect", process.pid],
  ]);
  assert.equal(storage.isManager, true);
});

test("a storage of a file that is open in this process hears manager, ready and connect as the first one did", async (t) => {
  const path = temporaryDirectory(t);
  const first = await Storage.open("app", { path });
  teardown(t, () => first.close());
  const second = new Storage("app", { path });
  teardown(t, () => second.close());
  const events: string[] = [];
  for (const event of ["manager", "ready", "connect"] as const) second.on(event, () => events.push(event));
  await once(second, "connect");
  assert.deepEqual(events, ["manager", "ready", "connect"]);
});
