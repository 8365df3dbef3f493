/** A file system that takes no sockets. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { StorageError } from "../../../../dist/core/index.js";
import { diskFiles } from "../../../../dist/core/local/machine/files.js";
import { unixSockets } from "../../../../dist/core/local/machine/sockets.js";

/** What a file system answers that fails to bind with a code. */
async function answerTo(t: TestContext, code: string): Promise<NodeJS.ErrnoException | null> {
  const directory = mkdtempSync(join(tmpdir(), "cluster-storage-"));
  t.after(() => rmSync(directory, { recursive: true }));
  t.mock.method(Server.prototype, "listen", function listen(this: Server) {
    process.nextTick(() => this.emit("error", Object.assign(new Error(`listen ${code}`), { code })));
    return this;
  });
  const error = await new Promise<Error | null>((resolve) => {
    unixSockets(diskFiles).listen(directory, "hub.1", () => assert.fail("nobody connects"), resolve);
  });
  assert.deepEqual(readdirSync(directory), []);
  return error;
}

for (const code of ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]) {
  test(`a file system that takes no sockets is named as the reason (${code})`, async (t) => {
    const error = (await answerTo(t, code)) as StorageError;
    assert.equal(error.code, "ERR_STORAGE_DIRECTORY");
    assert.match(error.message, new RegExp(`expected a file system that takes sockets at .*, got ${code}`));
    assert.equal((error.cause as NodeJS.ErrnoException).code, code);
  });
}

test("other failures to listen stay as they are, since they may pass", async (t) => {
  assert.equal((await answerTo(t, "ENOSPC"))?.code, "ENOSPC");
});
