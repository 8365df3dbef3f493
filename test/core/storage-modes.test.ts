import assert from "node:assert/strict";
import { chmodSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Home } from "../api/conformance/home.js";

/** What Kubernetes does to a volume with `fsGroup` when a pod starts. */
function widen({ directory, folder }: Home): void {
  chmodSync(folder, 0o2770);
  for (const name of readdirSync(folder)) {
    if (/^(log|snapshot|seat)\./.test(name)) chmodSync(join(folder, name), 0o660);
  }
  chmodSync(directory, 0o2770);
}

test("modes that something has widened are narrowed again, and a warning says so once", async (t) => {
  const home = new Home(t);
  const warnings: string[] = [];
  const listen = (warning: Error & { code?: string }) => warnings.push(warning.code ?? "");
  process.on("warning", listen);
  t.after(() => process.off("warning", listen));
  for (const value of [1, 2]) {
    const storage = await home.open();
    assert.equal(storage.get("key"), value === 1 ? null : 1);
    storage.set("key", value);
    await storage.close();
    widen(home);
  }
  const storage = await home.open();
  assert.equal(storage.get("key"), 2);
  for (const name of readdirSync(home.folder)) {
    const { mode } = statSync(join(home.folder, name));
    if (/^(log|snapshot|seat)\./.test(name)) assert.equal(mode & 0o077, 0, name);
  }
  assert.equal(statSync(home.folder).mode & 0o7777, 0o700);
  assert.deepEqual(
    warnings.filter((code) => code === "CLUSTER_STORAGE_MODE"),
    ["CLUSTER_STORAGE_MODE"],
  );
});

test("a seat that others could read is replaced by a new member, and the manager that had it goes on", async (t) => {
  const home = new Home(t);
  const member = await home.member();
  await member.call("set", "key", 1);
  await member.call("flush");
  const seatsBefore = readdirSync(home.folder).filter((name) => name.startsWith("seat."));
  widen(home);
  const storage = await home.open();
  assert.equal(storage.get("key"), 1);
  assert.equal(storage.isManager, true);
  const seats = readdirSync(home.folder).filter((name) => name.startsWith("seat."));
  assert.notDeepEqual(seats, seatsBefore);
  assert.equal(statSync(join(home.folder, seats[0] as string)).mode & 0o077, 0);
  await member.call("set", "key", 2);
  await member.call("flush");
  await storage.sync();
  assert.equal(storage.get("key"), 2);
});
