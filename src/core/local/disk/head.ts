/** The first frame of a file, and the JSON in it. */
import { decodeJson, isCount, kindOf, SEGMENT, SNAPSHOT } from "../../log/frame.js";
import { expectSpoken, LEAST_LEVEL } from "../../log/levels.js";
import { MAX_FRAME_BYTES } from "../../log/limits.js";
import { FORMAT } from "../../log/snapshot-frames.js";
import type { Files, Machine } from "../machine/machine.js";
import { CorruptFileError, formatError } from "./file-errors.js";
import { firstFrame } from "./frame-scanner.js";

/** What the first frame of each file says, beside what is particular to its kind. */
export interface FileHead extends Record<string, unknown> {
  /** {@link StoredHead.history} */
  readonly history: string;
  /** The level of a snapshot; a segment has none, and 1 is read. */
  readonly level: number;
}

const HISTORY = /^[0-9a-f]{32}$/;

/** The history that a segment or a snapshot names; null when its first frame is not intact, or another file's. */
export function historyIn(files: Files, file: number, path: string): string | null {
  const frame = firstFrame(files, file, MAX_FRAME_BYTES);
  return frame && [SEGMENT, SNAPSHOT].includes(kindOf(frame, 0)) ? readHead(path, frame).history : null;
}

/** Random text for a history that begins. */
export const newHistory = (machine: Pick<Machine, "random">): string => machine.random(16).toString("hex");

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
 * @throws StorageError `ERR_STORAGE_FORMAT` when the frame holds no head, or one of another version; `ERR_STORAGE_PROTOCOL` when this version
 *   does not speak its level.
 */
export function readHead(path: string, frame: Buffer): FileHead {
  const head = objectIn(frame);
  if (head === null) throw formatError(path, "expected an object in its first frame, got something else");
  const { format, history, level = LEAST_LEVEL } = head;
  if (format !== FORMAT) throw formatError(path, `expected format ${FORMAT}, got ${format}`);
  if (typeof history !== "string" || !HISTORY.test(history))
    throw formatError(path, "expected the name of a history in its first frame, got something else");
  if (!isCount(level)) throw formatError(path, "expected a level in its first frame, got something else");
  expectSpoken(path, level);
  return { ...head, history, level };
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
