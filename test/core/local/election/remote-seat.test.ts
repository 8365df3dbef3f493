import assert from "node:assert/strict";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Storage } from "../../../../dist/core/index.js";
import { temporaryDirectory } from "../../../proof/cluster/processes.js";

/** A directory with the seat of a manager on another machine; gives the path of the seat. */
function remoteSeat(t: TestContext): { path: string; seat: string } {
  const path = temporaryDirectory(t);
  const directory = join(path, "app.db.d");
  mkdirSync(directory, { mode: 0o700 });
  const seat = join(directory, "seat.7");
  const content = {
    address: "/nowhere",
    token: "00".repeat(32),
    pid: 1,
    host: "elsewhere",
    bootId: "another",
    protocol: 2,
  };
  writeFileSync(seat, JSON.stringify(content));
  return { path, seat };
}

test("a directory that another machine uses at this time is refused, and the error names that machine", async (t) => {
  const { path, seat } = remoteSeat(t);
  const refresh = setInterval(() => utimesSync(seat, new Date(), new Date()), 200);
  t.after(() => clearInterval(refresh));
  await assert.rejects(Storage.open("app", { path }), { code: "ERR_STORAGE_REMOTE", message: /elsewhere/ });
});

test("a seat that another machine left is taken over", async (t) => {
  const { path, seat } = remoteSeat(t);
  utimesSync(seat, new Date(Date.now() - 60_000), new Date(Date.now() - 60_000));
  const storage = await Storage.open("app", { path });
  t.after(() => storage.close());
  assert.equal(storage.isManager, true);
  assert.ok(storage.stats().epoch > 7);
});
