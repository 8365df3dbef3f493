/** A storage of a test's own, by which limiters count. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Storage } from "../../dist/index.js";

/** Longest wait for a confirmation: no test here is about that, unless it says so. */
export const PATIENT = { timeout: 60_000 };

export const directoryOf = (t: TestContext): string => {
  const path = mkdtempSync(join(tmpdir(), "cluster-storage-limiters-"));
  t.after(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }));
  return path;
};

/** Opens a storage that is closed when the test ends. */
export async function opened(t: TestContext): Promise<Storage> {
  const storage = await Storage.open("app", { path: directoryOf(t) });
  t.after(() => storage.close());
  return storage;
}
