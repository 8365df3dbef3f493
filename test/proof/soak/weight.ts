/** What is measured of one process and of the storage's directory. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { StorageStats } from "../../../dist/core/index.js";

/** What one process reports about itself; sizes in bytes. */
export interface Weight extends Pick<StorageStats, "seq" | "role" | "compactions"> {
  readonly rss: number;
  /** Of the application's thread, after a collection. */
  readonly heap: number;
  readonly external: number;
  /** How many files and sockets it has open. */
  readonly files: number;
  readonly keys: number;
  readonly writes: number;
}

/** How many files a directory has, and their bytes. Files that are removed meanwhile do not count. */
export function weighDirectory(directory: string): { files: number; bytes: number; snapshotBytes: number } {
  let files = 0;
  let bytes = 0;
  let snapshotBytes = 0;
  for (const name of readdirSync(directory)) {
    const size = statSync(join(directory, name), { throwIfNoEntry: false })?.size;
    if (size === undefined) continue;
    files++;
    bytes += size;
    if (name.startsWith("snapshot.")) snapshotBytes = Math.max(snapshotBytes, size);
  }
  return { files, bytes, snapshotBytes };
}
