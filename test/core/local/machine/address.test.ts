import assert from "node:assert/strict";
import { chmodSync, mkdirSync, statSync, symlinkSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { addressesFor, isSocketName, shelterDirectory } from "../../../../dist/core/local/machine/address.js";
import { diskFiles } from "../../../../dist/core/local/machine/files.js";
import { unixSockets } from "../../../../dist/core/local/machine/sockets.js";
import { temporaryDirectory, until } from "../../../proof/cluster/processes.js";

/** Most bytes of a path that the kernel takes for a socket on every system. */
const MAX_SOCKET_PATH_BYTES = 103;

/** Puts the shelter into a directory of the test's own. */
function ownRuntimeDirectory(t: TestContext): string {
  const before = process.env.XDG_RUNTIME_DIR;
  const directory = temporaryDirectory(t);
  process.env.XDG_RUNTIME_DIR = directory;
  t.after(() => {
    if (before === undefined) delete process.env.XDG_RUNTIME_DIR;
    else process.env.XDG_RUNTIME_DIR = before;
  });
  return directory;
}

test("a hub listens in the storage's own directory, or else in a shelter of this user", (t) => {
  const runtime = ownRuntimeDirectory(t);
  const directory = temporaryDirectory(t);
  assert.deepEqual(
    [...addressesFor(diskFiles, directory, "abc")],
    [join(directory, "hub.abc"), join(runtime, "cluster-storage", "hub.abc")],
  );
  assert.equal(statSync(join(runtime, "cluster-storage")).mode & 0o777, 0o700);
});

test("a path that is too long for a socket is never tried", (t) => {
  ownRuntimeDirectory(t);
  const root = temporaryDirectory(t);
  for (const name of ["d".repeat(90), "ü".repeat(45)]) {
    const addresses = [...addressesFor(diskFiles, join(root, name), "0".repeat(24))];
    assert.equal(addresses.length, 1);
    for (const address of addresses) assert.ok(Buffer.byteLength(address) <= MAX_SOCKET_PATH_BYTES, address);
    assert.ok(!(addresses[0] as string).includes(name));
  }
});

test("without a runtime directory the shelter is one per user below the temporary directory", (t) => {
  ownRuntimeDirectory(t);
  delete process.env.XDG_RUNTIME_DIR;
  assert.equal(shelterDirectory(), join(tmpdir(), `cluster-storage-${userInfo().uid}`));
});

test("a shelter that others can enter, or that is a link, is refused", (t) => {
  const runtime = ownRuntimeDirectory(t);
  const shelter = join(runtime, "cluster-storage");
  const directory = join(runtime, "d".repeat(100));
  const addresses = () => [...addressesFor(diskFiles, directory, "abc")];
  mkdirSync(shelter, { mode: 0o700 });
  chmodSync(shelter, 0o750);
  const refusal = {
    code: "ERR_STORAGE_DIRECTORY",
    message: /expected .*cluster-storage to be a directory of this user/,
  };
  assert.throws(addresses, refusal);
  chmodSync(shelter, 0o700);
  assert.equal(addresses().length, 1);
  const elsewhere = ownRuntimeDirectory(t);
  mkdirSync(join(elsewhere, "target"), { mode: 0o700 });
  symlinkSync(join(elsewhere, "target"), join(elsewhere, "cluster-storage"));
  assert.throws(addresses, refusal);
});

test("only what can be the socket of a hub is removed", () => {
  assert.equal(isSocketName("/tmp/x/hub.0123"), true);
  for (const path of ["/etc/passwd", "/tmp/hub.1/seat.1", "hub", "/data/app.db", ""]) {
    assert.equal(isSocketName(path), false, path);
  }
});

test("sockets listen where they say, on a name of their own each, and leave nothing", async (t) => {
  ownRuntimeDirectory(t);
  const directory = temporaryDirectory(t);
  const sockets = unixSockets(diskFiles);
  const listen = () =>
    new Promise<{ address: string; close: () => void }>((resolve, reject) => {
      sockets.listen(
        directory,
        () => ({ data: () => {}, closed: () => {} }),
        (error, address, listener) => (error ? reject(error) : resolve({ address, close: () => listener.close() })),
      );
    });
  const both = [await listen(), await listen()];
  assert.notEqual(both[0]?.address, both[1]?.address);
  for (const { address } of both) assert.ok(statSync(address).isSocket());
  for (const { close } of both) close();
  await until("the sockets are gone", () => diskFiles.list(directory).length === 0);
});
