import assert from "node:assert/strict";
import { test } from "node:test";
import { segmentPath } from "../../../../dist/core/local/disk/file-names.js";
import { removeStrays } from "../../../../dist/core/local/upkeep/removal.js";
import { SNAPSHOT, storage, withFile } from "../disk/corrupted.js";
import { place } from "../disk/stored.js";
import { recover } from "./at-once.js";

const none = () => false;

test("strays of lower epochs are removed, the chain and its snapshot are not", () => {
  const files = storage.afterCrash();
  const strays = ["tmp.2.ab", "tmp.3.ab", "claim.2", "claim.4", "log.1.9", "log.3.1"];
  for (const name of strays) files.put(`${place.directory}/${name}`, Buffer.alloc(1));
  const { segments } = recover(files, place, null, none);
  removeStrays(files, place, 3, segments);
  const left = strays.filter((name) => files.list(place.directory).includes(name));
  assert.deepEqual(left, ["tmp.3.ab", "claim.4", "log.3.1"]);
  assert.equal(recover(files, place, null, none).seq, 25);
});

test("no segment is removed as a stray while the chain does not reach back to a whole snapshot", () => {
  const { segments } = recover(storage.afterCrash(), place, null, none);
  const cut = withFile(SNAPSHOT, storage.get(SNAPSHOT).subarray(0, 80));
  // A compaction from before the fence folds these segments and removes them, at any later time.
  const [folded, renewed] = [storage.afterCrash(), storage.afterCrash()];
  const [first] = segments;
  assert(first);
  folded.unlink(segmentPath(place, first.epoch, first.segment));
  renewed.unlink(SNAPSHOT);
  for (const [files, chain] of [
    [cut, segments],
    [folded, segments],
    [renewed, segments],
    [storage.afterCrash(), segments.slice(1)],
  ] as const) {
    files.put(segmentPath(place, 1, 1), Buffer.alloc(1));
    removeStrays(files, place, 3, chain);
    assert.ok(files.list(place.directory).includes("log.1.1"));
  }
});
