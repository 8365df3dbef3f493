import assert from "node:assert/strict";
import { test } from "node:test";
import type { StorageError } from "../../../../dist/core/errors.js";
import type { HubOptions, HubReport, Machine } from "../../../../dist/core/local/machine/machine.js";
import { OwnHub } from "../../../../dist/core/local/member/own-hub.js";
import { machineOf, place } from "../disk/stored.js";
import { MemoryFiles } from "../machine/memory-files.js";

/** A hub that is in the test's hands. */
function reporting(): { ownHub: OwnHub; report: (report: HubReport) => void; errors: StorageError[] } {
  let report: (report: HubReport) => void = () => {};
  const errors: StorageError[] = [];
  const nothing = () => {};
  const machine = {
    ...machineOf(new MemoryFiles()),
    identity: { pid: 1, isAlive: () => true },
    threads: {
      startHub: (_: unknown, reported: (report: HubReport) => void) => {
        report = reported;
        return { close: nothing, terminate: nothing };
      },
    },
  } as unknown as Machine;
  const ownHub = new OwnHub(machine, place, {} as HubOptions, "m", {
    serving: nothing,
    replaced: nothing,
    behind: nothing,
    ended: nothing,
    failed: nothing,
    salvaged: nothing,
    warned: (error) => errors.push(error as StorageError),
    sink: () => assert.fail("nothing is healed"),
  });
  while (!ownHub.contend(null, null, 0));
  return { ownHub, report: (reported) => report(reported), errors };
}

const folded = { snapshot: 5, bytes: 100 };

test("a compaction that fails is reported once for each kind, and again after one that succeeded", () => {
  const { ownHub, report, errors } = reporting();
  const full: HubReport = { kind: "compactionFailed", code: "ENOSPC", message: "ENOSPC: no space left, write" };
  assert.equal(ownHub.stats.compactionError, null);
  report(full);
  report(full);
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["ERR_STORAGE_COMPACTION"],
  );
  assert.match(errors[0]?.message ?? "", /could not be compacted \(ENOSPC/);
  assert.equal((errors[0] as Error & { cause: NodeJS.ErrnoException }).cause.code, "ENOSPC");
  assert.equal(ownHub.stats.compactionError, full.message);
  report({ ...full, code: "EIO", message: "EIO: i/o error, read" });
  assert.equal(errors.length, 2, "another kind");
  report({ kind: "compacted", result: { ...folded, copyFailure: null } });
  assert.deepEqual([ownHub.stats.compactionError, ownHub.stats.compactions], [null, 1]);
  report(full);
  assert.equal(errors.length, 3);
});

test("a copy that cannot be renewed is reported once for each kind, whether the hub goes on or ends", () => {
  const { ownHub, report, errors } = reporting();
  const foreign = { code: "ERR_STORAGE_COPY", message: "expected the copy, got something else" };
  report({ kind: "compacted", result: { ...folded, copyFailure: foreign } });
  report({ kind: "compacted", result: { ...folded, copyFailure: foreign } });
  report({ kind: "copyFailed", ...foreign });
  assert.deepEqual(
    errors.map(({ code, message }) => [code, message]),
    [["ERR_STORAGE_COPY", foreign.message]],
  );
  report({ kind: "copyFailed", code: "ENOSPC", message: "ENOSPC: no space left, write" });
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["ERR_STORAGE_COPY", "ERR_STORAGE_COPY"],
  );
  report({ kind: "compacted", result: { ...folded, copyFailure: null } });
  report({ kind: "copyFailed", ...foreign });
  assert.equal(errors.length, 3);
  assert.equal(ownHub.stats.compactionError, null, "the storage itself was compacted");
});

test("damage is reported once until it is healed, and healing is counted", () => {
  const { ownHub, report, errors } = reporting();
  report({ kind: "damaged", message: "log.1.1 is corrupt" });
  report({ kind: "damaged", message: "log.1.1 is corrupt" });
  assert.deepEqual([errors.length, ownHub.stats.healed], [1, 0]);
  assert.equal(errors[0]?.code, "ERR_STORAGE_DAMAGED");
  report({ kind: "healed" });
  report({ kind: "damaged", message: "log.1.2 is corrupt" });
  assert.deepEqual([errors.length, ownHub.stats.healed], [2, 1]);
});
