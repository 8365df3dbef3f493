/** The first frame of a file, and the JSON in it. */
import { decodeJson, kindOf } from "../../log/frame.js";
import { FORMAT } from "../../log/snapshot-frames.js";
import type { Files } from "../machine/machine.js";
import { CorruptFileError, formatError } from "./file-errors.js";
import { firstFrame } from "./frame-scanner.js";

/**
 * Reads the first frame of an open file; null when it is not whole.
 * @param of What the file is, for the message.
 * @throws CorruptFileError when the frame is of another kind.
 */
export function headFrame(
  files: Files,
  file: number,
  path: string,
  { kind, mostBytes, of }: { kind: number; mostBytes: number; of: string },
): Buffer | null {
  const frame = firstFrame(files, file, mostBytes);
  if (frame === null || kindOf(frame, 0) === kind) return frame;
  const detail = `expected the first frame of a ${of}, got one of kind ${kindOf(frame, 0)}`;
  throw new CorruptFileError(path, 0, detail, true);
}

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
