/** A storage of four files, and ways to damage it. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { segmentPath, snapshotPath } from "../../../../dist/core/local/disk/file-names.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { compact } from "../upkeep/at-once.js";
import { machineOf, place, writeSegment } from "./stored.js";

/** A snapshot of 1 to 10, closed segments with 11 to 15 and 16 to 20 (the latter of the next epoch), a last one with 21 to 25. */
function makeStorage(): MemoryFiles {
  const files = new MemoryFiles();
  const first = writeSegment(files, 1, 1, [1, 10], null);
  compact(machineOf(files), { place, epoch: 1, snapshot: 0, segments: [first] });
  const second = writeSegment(files, 1, 2, [11, 15], first);
  const third = writeSegment(files, 2, 1, [16, 20], second);
  writeSegment(files, 2, 2, [21, 25], third);
  return files;
}

export const SNAPSHOT = snapshotPath(place, 10);
export const CLOSED = [segmentPath(place, 1, 2), segmentPath(place, 2, 1)];
export const LAST = segmentPath(place, 2, 2);

/** The same storage with one file replaced. */
export function withFile(path: string, content: Buffer): MemoryFiles {
  const files = storage.afterCrash();
  files.put(path, content);
  return files;
}

export const storage = makeStorage();

export function flipped(content: Buffer, at: number, mask: number): Buffer {
  const copy = Buffer.from(content);
  copy[at] = (copy[at] as number) ^ mask;
  return copy;
}

export const isCorrupt = (error: unknown) => (error as { code?: string }).code === "ERR_STORAGE_CORRUPT";

export function count(t: TestContext, what: string, faults: number): void {
  t.diagnostic(`${faults} ${what}`);
  assert.ok(faults > 0);
}
