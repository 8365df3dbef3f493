/** What the protocol model found, on the real code: a fenced manager that is still appending while its successor reads. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { segmentPath } from "../../../dist/core/local/disk/file-names.js";
import { frameOf, load, place, statesUpTo, writeSegment } from "../../core/local/disk/stored.js";
import { MemoryFiles } from "../../core/local/machine/memory-files.js";
import { recover } from "../../core/local/upkeep/at-once.js";

const STATES = statesUpTo(3);
const PATH = segmentPath(place, 1, 1);

/** Files where the rest of a write comes before the n-th look at a file's bytes or size. */
class LateFiles extends MemoryFiles {
  rest: Buffer | null = null;
  looks = 0;

  override bytes(file: number): number {
    this.#look();
    return super.bytes(file);
  }

  override read(file: number, into: Buffer, offset: number, length: number, position: number): number {
    this.#look();
    return super.read(file, into, offset, length, position);
  }

  #look(): void {
    const inode = this.names.get(PATH);
    if (--this.looks !== 0 || this.rest === null || inode === undefined) return;
    inode.content = this.rest;
    this.rest = null;
  }
}

/** Recovers a segment of three batches of which only some bytes are there until the n-th look; false when there were fewer. */
function recoversAppending(bytes: (whole: Buffer) => number, looks: number): boolean {
  const files = new LateFiles();
  writeSegment(files, 1, 1, [1, 3], null);
  const whole = Buffer.from(files.get(PATH));
  files.put(PATH, whole.subarray(0, bytes(whole)));
  Object.assign(files, { rest: whole, looks });
  const recovered = recover(files, place, null, () => false);
  assert.deepEqual(load(files, recovered), { seq: recovered.seq, text: STATES[recovered.seq] });
  return files.rest === null;
}

test("an append that goes on while the log is recovered is not taken for corrupt, whenever its rest comes", () => {
  const last = frameOf(3, 1).length;
  for (let missing = 1; missing < last; missing += 7) {
    let looks = 1;
    while (looks < 100 && recoversAppending((whole) => whole.length - missing, looks)) looks++;
    assert.ok(looks > 10);
  }
});

test("a first frame that comes while the log is recovered is not taken for corrupt, whenever it comes", () => {
  for (const bytes of [0, 8, 56, 60]) {
    let looks = 1;
    while (looks < 100 && recoversAppending(() => bytes, looks)) looks++;
    assert.ok(looks > 2);
  }
});
