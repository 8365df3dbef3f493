/** By which address a socket in a directory is bound and reached, and where what need not survive lies. */
import { createHash, randomBytes } from "node:crypto";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { StorageError } from "../../errors.js";
import type { Files } from "./machine.js";

/** Most bytes of a socket's address: 103 on macOS, 107 on Linux. Older Node.js versions cut a longer one silently. */
const MAX_ADDRESS_BYTES = 100;

/** Codes that say that this process may not write somewhere; others (a full disk, say) may pass. */
export const NO_ACCESS: ReadonlySet<string> = new Set([
  "EACCES",
  "EPERM",
  "EROFS",
  "ENOTDIR",
  "EISDIR",
  "ENAMETOOLONG",
  "ELOOP",
  "ERR_ACCESS_DENIED",
]);

const PIPE_PREFIX = "\\\\.\\pipe\\cluster-storage-";

/** An address to bind or to connect to, until it is released, once. */
interface Address {
  readonly path: string;
  /** Gives up what the address goes by; the socket stays. */
  release(): void;
}

/**
 * Calls with the address of a name in a directory. It is looked up for each call, so it leads to the directory that is at the path
 * now; the operating system must have taken it when the call returns.
 * @throws what the call throws, and the error of a failed file operation, as `ENOENT` when there is no such directory.
 */
export function withAddress<T>(files: Files, directory: string, name: string, call: (path: string) => T): T {
  const { path, release } = addressOf(files, directory, name);
  try {
    return call(path);
  } finally {
    release();
  }
}

/** Where the whole path is too long for an address, the directory gets a short name of this process' own. */
function addressOf(files: Files, directory: string, name: string): Address {
  if (process.platform === "win32") return { path: PIPE_PREFIX + name, release: () => {} };
  const path = join(directory, name);
  if (Buffer.byteLength(path) <= MAX_ADDRESS_BYTES) return { path, release: () => {} };
  const pin = files.pin(directory);
  if (pin.directory !== directory) return { path: join(pin.directory, name), release: () => pin.close() };
  pin.close();
  const link = join(tmpdir(), `cs-${randomBytes(4).toString("hex")}`);
  files.symlink(directory, link);
  return { path: join(link, name), release: () => void files.unlink(link) };
}

/**
 * Text of 16 hex digits that says by which start of which machine, and through which file system, a process has bound a socket.
 * @param device {@link Files.deviceOf} the directory.
 */
export const originMark = (bootId: string, device: string): string => digest(bootId) + digest(device);

const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);

/**
 * Whether a refusal shows nothing: on this machine, one file system may refuse for a socket that was bound through another one.
 * @param mark {@link originMark} of the process that has bound the socket.
 */
export const isThroughOther = (mark: string, own: string): boolean =>
  mark.slice(0, 8) === own.slice(0, 8) && mark !== own;

/** The directory of this user for what need not survive: storages that do not persist, and tombstones of storages that were removed. */
export function shelterDirectory(): string {
  return join(tmpdir(), `cluster-storage-${process.geteuid?.() ?? userInfo().username}`);
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
    `expected ${shelter} to be a directory of this user that no other user can enter: remove it, or set TMPDIR to a directory of this user`,
  );
}
