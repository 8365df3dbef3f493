/** The options of a storage: types, defaults, validation. */
import { fileURLToPath } from "node:url";
import { DEFAULT_MAX_VALUE_BYTES, LEAST_BACKLOG_VALUES, MAX_BATCH_BYTES } from "./log/limits.js";

/** How a storage is opened. All processes that open the same storage should use the same options. */
export interface StorageOptions {
  /**
   * The directory of `<name>.db` and `<name>.db.d/`, as a path or a file URL; created with mode 0700 if it is missing. Choose one on
   * a local disk, outside of releases, of what a web server serves, and of what a watcher watches. Default: `process.cwd()`.
   */
  path?: string | URL;
  /**
   * How often an idle storage frees the memory of expired data, in ms, 10 to 2^31-1. Reads hide expired data at once,
   * whatever the interval. Default: 120000.
   */
  gcInterval?: number;
  /**
   * When a confirmed write is on the disk. If only processes crash, nothing is lost, whichever is set. A loss of power takes
   * nothing with `"always"`, up to the last second with `"everysec"` (default), and with `"never"` what the operating system
   * had not written.
   */
  fsync?: "always" | "everysec" | "never";
  /** Whether this process may be the manager. At least one process must be allowed to. Default: true. */
  candidate?: boolean;
  /**
   * false: the files are in a private temporary directory, and the data is gone once the last process has left. Default: true.
   */
  persist?: boolean;
  /**
   * What happens when a file is corrupt. `"strict"` (default): the storage does not open, and the error names the file and the
   * offset. `"salvage"`: the file is set aside, and what is intact is loaded.
   */
  recover?: "strict" | "salvage";
  /** The most bytes of the JSON text of one value, in UTF-8. Default: 16777216 (16 MiB), at most 62 MiB. */
  maxValueBytes?: number;
  /** The most bytes of pending writes; beyond them, writes throw. Default: 67108864 (64 MiB). */
  maxPendingBytes?: number;
  /**
   * The bytes on their way to a member beyond which the manager waits for it, for a second at most. A member that takes almost
   * nothing for three seconds, or for which twice as much waits after that second, is disconnected, and catches up from the
   * files (less than that where `stallTimeout` is below 4 s). At least 4 times `maxValueBytes`. Default: that, or 67108864 (64 MiB) if that is more.
   */
  maxMemberBacklogBytes?: number;
  /**
   * How long a manager may be silent, for example frozen, before another process replaces it, in ms, 100 to 2^31-1. A manager
   * whose process has ended is replaced at once. Default: 5000.
   */
  stallTimeout?: number;
  /**
   * Up to which level of the log this process lets the data be raised, 1 or more: versions of this package that have new features need a
   * higher one, which older versions cannot read. Set it to the level of the version that you may go back to. Default: no limit.
   */
  maxLevel?: number;
  /**
   * The longest time in ms, 1 to 2^31-1, that `Storage.open` waits without progress. Data that arrives is progress; tries that
   * fail are none. The constructor does not wait. Default: 30000.
   */
  timeout?: number;
}

/** The options in which storages of the same data in one process may differ. */
export const DIFFERS_ALLOWED: ReadonlySet<keyof StorageOptions> = new Set(["path", "timeout"]);

/** The options with all defaults filled in. */
export type ResolvedOptions = Required<Omit<StorageOptions, "path">> & { readonly path: string };

const MIB = 1024 * 1024;
const MAX_TIMER_MS = 2 ** 31 - 1;
const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * Checks the name of a storage.
 * @throws TypeError when it is not a string of 1 to 64 of the characters `A-Z a-z 0-9 . _ -`, the first a letter or digit.
 */
export function checkName(name: unknown): string {
  if (typeof name === "string" && NAME_PATTERN.test(name)) return name;
  throw new TypeError(
    `expected a name of 1 to 64 characters A-Z a-z 0-9 . _ - that begins with a letter or digit, got ${show(name)}`,
  );
}

/**
 * Fills in the defaults.
 * @throws TypeError when an option is unknown or has a wrong type, RangeError when a number is out of its range.
 */
export function resolveOptions(options: StorageOptions = {}): ResolvedOptions {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new TypeError(`expected options, got ${show(options)}`);
  expectKnown(options, [...Object.keys(RANGES), ...Object.keys(CHOICES), "path"]);
  const maxValueBytes = integer(options, "maxValueBytes");
  return {
    path: resolvePath(options.path),
    gcInterval: integer(options, "gcInterval"),
    fsync: choice(options, "fsync") as ResolvedOptions["fsync"],
    candidate: choice(options, "candidate") as boolean,
    persist: choice(options, "persist") as boolean,
    recover: choice(options, "recover") as ResolvedOptions["recover"],
    maxValueBytes,
    maxPendingBytes: integer(options, "maxPendingBytes"),
    maxMemberBacklogBytes: backlogBytes(options, maxValueBytes),
    stallTimeout: integer(options, "stallTimeout"),
    maxLevel: integer(options, "maxLevel"),
    timeout: integer(options, "timeout"),
  };
}

/** The default, least and most of each number. */
const RANGES = {
  gcInterval: [120_000, 10, MAX_TIMER_MS],
  maxValueBytes: [DEFAULT_MAX_VALUE_BYTES, 1, MAX_BATCH_BYTES - MIB],
  maxPendingBytes: [64 * MIB, 1, Number.MAX_SAFE_INTEGER],
  maxMemberBacklogBytes: [64 * MIB, 64 * 1024, Number.MAX_SAFE_INTEGER],
  stallTimeout: [5000, 100, MAX_TIMER_MS],
  maxLevel: [Number.MAX_SAFE_INTEGER, 1, Number.MAX_SAFE_INTEGER],
  timeout: [30_000, 1, MAX_TIMER_MS],
} as const;

/** The values of each choice, the default first. */
const CHOICES = {
  fsync: ["everysec", "always", "never"],
  candidate: [true, false],
  persist: [true, false],
  recover: ["strict", "salvage"],
} as const;

function integer(options: StorageOptions, key: keyof typeof RANGES): number {
  const [fallback, least, most] = RANGES[key];
  const value: unknown = options[key] ?? fallback;
  if (typeof value !== "number") throw new TypeError(`expected ${key} to be a number, got ${show(value)}`);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`expected ${key} to be a whole number from ${least} to ${most}, got ${value}`);
}

/** Values near the limit must fit into the queue of a member that takes them. */
function backlogBytes(options: StorageOptions, maxValueBytes: number): number {
  const bytes = integer(options, "maxMemberBacklogBytes");
  const least = LEAST_BACKLOG_VALUES * maxValueBytes;
  if (bytes >= least) return bytes;
  if (options.maxMemberBacklogBytes === undefined) return least;
  throw new RangeError(
    `expected maxMemberBacklogBytes to be at least ${LEAST_BACKLOG_VALUES} times maxValueBytes, which is ${maxValueBytes}, got ${bytes}`,
  );
}

function choice(options: StorageOptions, key: keyof typeof CHOICES): string | boolean {
  const choices: readonly unknown[] = CHOICES[key];
  const value: unknown = options[key] ?? choices[0];
  if (choices.includes(value)) return value as string | boolean;
  throw new TypeError(`expected ${key} to be ${choices.map(show).join(" or ")}, got ${show(value)}`);
}

function resolvePath(path: unknown): string {
  return path === undefined ? process.cwd() : textOfPath(path, "path to be the path of a directory");
}

/**
 * The path of a file that a call names.
 * @throws TypeError when it is neither a path nor a file URL.
 */
export function checkFile(file: unknown): string {
  return textOfPath(file, "the path of a file");
}

function textOfPath(path: unknown, wanted: string): string {
  const text = isUrl(path) ? pathOfUrl(path) : path;
  if (typeof text === "string" && text !== "" && !text.includes("\0")) return text;
  throw new TypeError(`expected ${wanted}, got ${isUrl(path) ? path.href : show(path)}`);
}

/** URLs of any realm; a text is a path, whatever it looks like. */
function isUrl(path: unknown): path is URL {
  return Object.prototype.toString.call(path) === "[object URL]";
}

/** The path that a file URL names; null when it names none. */
function pathOfUrl(url: URL): string | null {
  try {
    return fileURLToPath(url.href);
  } catch {
    return null;
  }
}

/**
 * Checks that options have known names.
 * @throws TypeError that names the one that was meant, if there is one that looks like it.
 */
export function expectKnown(options: object, names: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (names.includes(key)) continue;
    const meant = names.find((name) => isNear(name.toLowerCase(), key.toLowerCase()));
    const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
    throw new TypeError(`expected one of the options ${names.join(", ")}, got ${show(key)}${hint}`);
  }
}

/** Whether two names differ by one letter that is missing, added or another one, or by two neighbours that are exchanged. */
function isNear(name: string, other: string): boolean {
  let start = 0;
  while (start < name.length && name[start] === other[start]) start++;
  const [rest, otherRest] = [name.slice(start), other.slice(start)];
  const isExchanged = rest[0] === otherRest[1] && rest[1] === otherRest[0] && rest.slice(2) === otherRest.slice(2);
  return (
    isExchanged || rest.slice(1) === otherRest.slice(1) || rest.slice(1) === otherRest || rest === otherRest.slice(1)
  );
}

/**
 * Checks a prefix of keys.
 * @throws TypeError when it is not a string.
 */
export function checkPrefix(prefix: unknown): string {
  if (typeof prefix === "string") return prefix;
  throw new TypeError(`expected a prefix as a string, got ${show(prefix)}`);
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  const isPlain = typeof value === "object" && value !== null && !Array.isArray(value);
  return isPlain ? Object.prototype.toString.call(value) : String(value);
}
