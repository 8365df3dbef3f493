/** What the protocol model found, on the real code: a contender that is replaced while it reads the log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seatPath, segmentPath } from "../../../dist/core/local/disk/file-names.js";
import { startHub } from "../../../dist/core/local/hub/host.js";
import type { HubReport, HubRequest } from "../../../dist/core/local/machine/machine.js";
import { place, writeSegment } from "../../core/local/disk/stored.js";
import { ManualClock, manualMachine } from "../../core/local/machine/manual-machine.js";
import { MemoryFiles } from "../../core/local/machine/memory-files.js";

/** Files where a successor fences seat 1 and begins its own segment at the n-th listing after the claim. */
class Overtaking extends MemoryFiles {
  lists = 0;

  override list(directory: string): string[] {
    const seat = this.names.get(seatPath(place, 1));
    if (seat !== undefined && --this.lists === 0) {
      seat.content = Buffer.alloc(0);
      this.unlink(seatPath(place, 1));
      writeSegment(this, 2, 1, [1, 2], null);
    }
    return super.list(directory);
  }
}

for (const lists of [1, 2, 3]) {
  test(`a contender that was replaced before its listing ${lists} creates no segment after a newer one`, () => {
    const files = new Overtaking();
    files.lists = lists;
    const reports: HubReport[] = [];
    const options = { persist: true, recover: "strict", fsync: "never" };
    const request = { place, options, member: "m", epoch: 0, position: null } as unknown as HubRequest;
    const clock = new ManualClock();
    startHub(manualMachine(files, clock), request, (report) => reports.push(report));
    clock.run();
    assert.deepEqual(reports, [{ kind: "replaced" }]);
    assert.equal(files.names.has(segmentPath(place, 1, 1)), false);
  });
}
