/** Real sockets of which something goes wrong: it is reported once, later, as what it is. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { diskFiles } from "../../../../dist/core/local/machine/files.js";
import type { Files } from "../../../../dist/core/local/machine/machine.js";
import { unixSockets } from "../../../../dist/core/local/machine/sockets.js";
import { until } from "../../../proof/cluster/processes.js";
import { answerOf, directoryOf, listen, NAME, withoutAlias } from "./socket-scenes.js";

/** Sockets keep no process alive, so the tests do. */
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

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
