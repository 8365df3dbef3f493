/**
 * Where a hub listens: a name that was never used before, in a directory that no other user can enter.
 */
import { tmpdir, userInfo } from "node:os";
import { basename, join } from "node:path";
import { StorageError } from "../../errors.js";
import type { Files } from "./machine.js";

/** Most bytes of a socket's path: 103 on macOS, 107 on Linux. Older Node.js versions cut a longer one silently. */
const MAX_ADDRESS_BYTES = 100;
const SOCKET_PREFIX = "hub.";

/** Codes that say that this process may not write somewhere; others (a full disk, say) may pass. */
export const NO_ACCESS: ReadonlySet<string> = new Set([
  "EACCES",
  "EPERM",
  "EROFS",
  "ENOTDIR",
  "EISDIR",
  "ENAMETOOLONG",
  "ELOOP",
]);

const PIPE_PREFIX = "\\\\.\\pipe\\cluster-storage-";

/**
 * The addresses to try, best first: in the storage's own directory, so that processes in other containers reach it; else
 * in a private directory of this user.
 * @param unique Random text.
 * @throws StorageError `ERR_STORAGE_DIRECTORY` when there is no private directory for a socket.
 */
export function* addressesFor(files: Files, directory: string, unique: string): Generator<string> {
  if (process.platform === "win32") {
    yield PIPE_PREFIX + unique;
    return;
  }
  const name = SOCKET_PREFIX + unique;
  const inStorage = join(directory, name);
  if (Buffer.byteLength(inStorage) <= MAX_ADDRESS_BYTES) yield inStorage;
  yield join(makeShelter(files), name);
}

/** Whether a path can only be the address of a hub, so that removing it can hit nothing else. */
export function isSocketName(address: string): boolean {
  return basename(address).startsWith(SOCKET_PREFIX);
}

/**
 * The directory of this user for what need not survive: sockets of storages with long paths, storages that do not persist,
 * and tombstones of storages that were removed.
 */
export function shelterDirectory(): string {
  const runtime = process.env.XDG_RUNTIME_DIR;
  return runtime
    ? join(runtime, "cluster-storage")
    : join(tmpdir(), `cluster-storage-${process.getuid?.() ?? userInfo().username}`);
}

/**
 * Creates the shelter, if it is missing, and returns where it is.
 * @throws StorageError `ERR_STORAGE_DIRECTORY` when others can enter it.
 */
export function makeShelter(files: Files): string {
  const shelter = shelterDirectory();
  files.makeDirectory(shelter);
  if (files.isPrivate(shelter)) return shelter;
  throw new StorageError(
    "ERR_STORAGE_DIRECTORY",
    `expected ${shelter} to be a directory of this user that no other user can enter: remove it, or set XDG_RUNTIME_DIR to a private directory`,
  );
}
