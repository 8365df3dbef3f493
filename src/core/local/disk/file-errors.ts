/** What can be wrong with a storage's files, as errors that say where, what was expected and what can be done. */
import { StorageError } from "../../errors.js";

const ADVICE = '; restore it from a backup, or open the storage with recover: "salvage" to keep what is intact';

/** What is wrong with a file, out of the message of such an error: without what can be done where nobody holds what it held. */
export function damageIn(message: string): string {
  return message.replace(ADVICE, "");
}

/** A place in a file does not hold what was written there. */
export class CorruptFileError extends StorageError {
  readonly path: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Whether a frame with the right checksum is there: then it is no unfinished write, but does not belong there. */
  readonly isFrameIntact: boolean;

  /** @param detail Completes the message: "expected ..., got ...". */
  constructor(path: string, offset: number, detail: string, isFrameIntact = false) {
    super("ERR_STORAGE_CORRUPT", `${path} is corrupt at byte ${offset}: ${detail}${ADVICE}`);
    this.path = path;
    this.offset = offset;
    this.isFrameIntact = isFrameIntact;
  }
}

/** A file is missing that other files of the storage name. */
export class MissingFileError extends StorageError {
  constructor(path: string, detail: string, options?: ErrorOptions) {
    super("ERR_STORAGE_CORRUPT", `${path} is missing: ${detail}${ADVICE}`, options);
  }
}

/** What a member reports that waits for another one to write the files again. */
export function behindError(directory: string): StorageError {
  const message = `expected the process that holds more of the log than the files in ${directory} do to write it again, got none that takes over; this process waits for it`;
  return new StorageError("ERR_STORAGE_DAMAGED", message);
}

/** A compaction removed a file before it was opened: the reader has to look again which files there are. */
export class CompactedFileError extends Error {
  override readonly name = "CompactedFileError";
  readonly path: string;

  constructor(path: string) {
    super(`expected ${path}, got no such file; it has been compacted`);
    this.path = path;
  }
}

/** A file that this version does not understand. */
export function formatError(path: string, detail: string, options?: ErrorOptions): StorageError {
  return new StorageError(
    "ERR_STORAGE_FORMAT",
    `${path}: ${detail}; move the file away, or open it with the version of cluster-storage that wrote it`,
    options,
  );
}
