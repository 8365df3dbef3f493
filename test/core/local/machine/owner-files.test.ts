import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { diskFiles } from "../../../../dist/core/local/machine/files.js";

const NOBODY = 65_534;
const needsRoot = { skip: process.getuid?.() !== 0 && "needs root" };
const modeOf = (path: string): number => statSync(path).mode & 0o7777;

function widened(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "cluster-storage-wide-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  for (const name of ["log.1.1", "seat.1"]) writeFileSync(join(directory, name), name, { mode: 0o600 });
  for (const name of ["log.1.1", "seat.1"]) chmodSync(join(directory, name), 0o660);
  chmodSync(directory, 0o2770);
  return directory;
}

const all = () => true;

test("a directory that was widened is narrowed again, with the files in it that are meant", (t) => {
  const directory = widened(t);
  assert.equal(diskFiles.isPrivate(directory), false);
  assert.equal(
    diskFiles.narrow(directory, (name) => name !== "seat.1"),
    null,
  );
  assert.equal(diskFiles.isPrivate(directory), true);
  assert.deepEqual(
    [modeOf(directory), modeOf(join(directory, "log.1.1")), modeOf(join(directory, "seat.1"))],
    [0o700, 0o600, 0o660],
  );
  assert.deepEqual(
    ["log.1.1", "seat.1", "nothing"].map((name) => diskFiles.isWide(join(directory, name))),
    [false, true, false],
  );
});

test("nothing is narrowed where something belongs to another user", needsRoot, (t) => {
  for (const name of ["log.1.1", ""]) {
    const directory = widened(t);
    chownSync(join(directory, name), NOBODY, NOBODY);
    const advice = "run this process as that user, or choose another path";
    const found = name === "" ? `a directory of user ${NOBODY}` : `${name} of user ${NOBODY} in it`;
    assert.equal(diskFiles.narrow(directory, all), `${found}: ${advice}`);
    assert.equal(modeOf(directory), 0o2770);
    assert.equal(modeOf(join(directory, "seat.1")), 0o660);
  }
});

test("links, pipes and sockets are not followed, not waited for, and stop nothing", async (t) => {
  const directory = widened(t);
  const outside = widened(t);
  const precious = join(outside, "log.1.1");
  symlinkSync(precious, join(directory, "log.2.1"));
  symlinkSync(outside, join(directory, "log.3.1"));
  mkdirSync(join(directory, "inside"), { mode: 0o770 });
  const server = createServer().listen(join(directory, "hub.a"));
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  assert.equal(diskFiles.narrow(directory, all), null);
  assert.equal(modeOf(precious), 0o660);
  assert.equal(modeOf(outside), 0o2770);
  assert.ok(lstatSync(join(directory, "log.2.1")).isSymbolicLink());
  assert.equal(readFileSync(precious, "utf8"), "log.1.1");
  rmSync(directory, { recursive: true });
  symlinkSync(outside, directory);
  assert.match(diskFiles.narrow(directory, all) ?? "", /^something else than a directory/);
  assert.equal(modeOf(outside), 0o2770);
});
