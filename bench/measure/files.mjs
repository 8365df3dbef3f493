/** What bare files take. */
import { closeSync, fdatasyncSync, fsyncSync, openSync, readdirSync, readFileSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { nowNs } from "./compare.mjs";

const BLOCK_BYTES = 1 << 20;

/** The ns of each of `count` appends of 100 bytes, each with its fdatasync. */
export function syncedWrites(path, count) {
  const bytes = Buffer.alloc(100, "x");
  const file = openSync(join(path, "synced"), "a");
  const figures = [];
  for (let index = 0; index < count; index++) {
    const start = nowNs();
    writeSync(file, bytes);
    fdatasyncSync(file);
    figures.push(nowNs() - start);
  }
  closeSync(file);
  return figures;
}

/** The ns that it takes to write so many bytes to a new file, and to have them on the disk. */
export function writtenAnew(path, totalBytes) {
  const bytes = Buffer.alloc(BLOCK_BYTES, "x");
  const file = openSync(join(path, "anew"), "w");
  const start = nowNs();
  for (let left = totalBytes; left > 0; left -= BLOCK_BYTES) writeSync(file, bytes, 0, Math.min(left, BLOCK_BYTES));
  fsyncSync(file);
  const ns = nowNs() - start;
  closeSync(file);
  return ns;
}

/** Names and sizes of the files of a directory. */
export const filesIn = (directory) =>
  readdirSync(directory).flatMap((name) => {
    const found = statSync(join(directory, name), { throwIfNoEntry: false });
    return found?.isFile() ? [{ name, bytes: found.size }] : [];
  });

export const bytesIn = (directory) => filesIn(directory).reduce((sum, { bytes }) => sum + bytes, 0);

/** The ns that it takes to read all the files of a directory. */
export function readAllFiles(directory) {
  const start = nowNs();
  for (const { name } of filesIn(directory)) readFileSync(join(directory, name));
  return nowNs() - start;
}
