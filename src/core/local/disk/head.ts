/** The JSON in the first frame of a file. */
import { decodeJson } from "../../log/frame.js";
import { FORMAT } from "../../log/snapshot-frames.js";
import { formatError } from "./file-errors.js";

/**
 * Reads the head of a file out of its first frame, whose checksum is right.
 * @throws StorageError `ERR_STORAGE_FORMAT` when the frame holds no head, or one of another version.
 */
export function readHead(path: string, frame: Buffer): Record<string, unknown> {
  const head = objectIn(frame);
  if (head === null) throw formatError(path, "expected an object in its first frame, got something else");
  if (head.format !== FORMAT) throw formatError(path, `expected format ${FORMAT}, got ${head.format}`);
  return head;
}

function objectIn(frame: Buffer): Record<string, unknown> | null {
  let head: unknown;
  try {
    head = decodeJson(frame, 0, frame.length);
  } catch {
    return null;
  }
  return typeof head === "object" ? (head as Record<string, unknown> | null) : null;
}
