/** What a hub in another thread reports, as its owner needs it. */
import { StorageError, type StorageErrorCode } from "../../errors.js";
import type { HubReport } from "./machine.js";

/** Reports after which a hub is gone. */
export const LAST_REPORTS: ReadonlySet<HubReport["kind"]> = new Set(["replaced", "ended", "failed"]);

/** Failures for which no other try will do better. */
export const FINAL_CODES: ReadonlySet<string> = new Set([
  "ERR_STORAGE_CORRUPT",
  "ERR_STORAGE_FORMAT",
  "ERR_STORAGE_DIRECTORY",
  "ERR_STORAGE_REMOTE",
]);

/** The error behind a report, which came from another thread as plain text. */
export function errorOf({ code, message }: { code: string; message: string }): Error {
  if (code.startsWith("ERR_STORAGE_")) return new StorageError(code as StorageErrorCode, message);
  return Object.assign(new Error(message), { code });
}
