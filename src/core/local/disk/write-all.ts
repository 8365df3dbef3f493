import type { Files } from "../machine/machine.js";
import { bestEffort, openIfThere } from "./file-access.js";
import { readExactly } from "./frame-scanner.js";
import { type Steps, synced } from "./steps.js";

/** What became of a write. */
export interface Written {
  /** Bytes that the file took. */
  readonly bytes: number;
  /** Why it took no more; null when it took everything. */
  readonly error: Error | null;
}

/** Writes buffers at a position, going on after short writes, until the file has taken everything or refuses. */
export function writeAll(files: Files, file: number, buffers: readonly Buffer[], position: number): Written {
  let bytes = 0;
  let rest = buffers.filter((buffer) => buffer.length > 0);
  while (rest.length > 0) {
    try {
      const taken = files.write(file, rest, position + bytes);
      if (taken <= 0) return { bytes, error: new Error("expected the disk to take bytes, got 0 taken") };
      bytes += taken;
      rest = after(rest, taken);
    } catch (error) {
      return { bytes, error: error as Error };
    }
  }
  return { bytes, error: null };
}

/**
 * Writes the first bytes of a file again after its sync has failed: the pages that it could not write count as clean, and the
 * next sync would leave them out. Best effort: what the disk refuses this time too stays as it is.
 */
export function rewrite(files: Files, file: number, bytes: number): void {
  bestEffort(() => {
    const content = readExactly(files, file, 0, bytes);
    if (content) writeAll(files, file, [content], 0);
  });
}

/** What is left of buffers when their first `bytes` bytes are gone. */
function after(buffers: readonly Buffer[], bytes: number): Buffer[] {
  let index = 0;
  let left = bytes;
  while (index < buffers.length && left >= (buffers[index] as Buffer).length) {
    left -= (buffers[index] as Buffer).length;
    index++;
  }
  const rest = buffers.slice(index);
  if (left > 0) rest[0] = (rest[0] as Buffer).subarray(left);
  return rest;
}

/** Brings a file to the disk, if it is there. When that fails, it is written again, so that another try has something to bring. */
export function* syncIfThere(files: Files, path: string): Steps<void> {
  const file = openIfThere(files, path, "write");
  if (file === null) return;
  try {
    yield* synced(files, file);
  } catch (error) {
    rewrite(files, file, files.bytes(file));
    throw error;
  } finally {
    files.close(file);
  }
}
