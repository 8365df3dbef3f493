/** A directory for the files of one measurement. */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Runs something with a directory of its own, which is removed afterwards. */
export async function withScratch(run) {
  const path = mkdtempSync(join(tmpdir(), "cluster-storage-bench-"));
  try {
    return await run(path);
  } finally {
    await rm(path, { recursive: true, force: true, maxRetries: 10 });
  }
}
