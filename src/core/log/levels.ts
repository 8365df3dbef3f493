/**
 * Levels: what a log may contain. The log has one, which is part of its state and of snapshots. It rises, and never falls: a `LEVEL` entry says
 * that from there on the log may have what the new level brings. So versions of this package can run side by side while a deployment replaces
 * one by the other, as etcd and CockroachDB do it (cluster version).
 *
 * Invariants:
 * 1. Nothing that needs a level is in a log before its `LEVEL` entry.
 * 2. Each version speaks the level before its newest one, too.
 * 3. A log is raised only when something needs it, and when no process has it open that does not speak the new level.
 */
import { StorageError } from "../errors.js";
import type { Entry } from "./entry.js";
import { MalformedError } from "./malformed.js";

/** The lowest level that this version speaks: a log begins with it. */
export const LEAST_LEVEL = 1;

/** The highest one. */
export const MOST_LEVEL = 1;

/** The level that the log must have before an entry may be in it. */
export function levelOf(_entry: Entry): number {
  return LEAST_LEVEL;
}

/** The levels that a process speaks, and up to which it lets the log be raised. */
export interface SpokenLevels {
  readonly least: number;
  readonly most: number;
  /** The option `maxLevel`; at most `most`. */
  readonly max: number;
}

export const spokenLevels = (max: number): SpokenLevels => ({
  least: LEAST_LEVEL,
  most: MOST_LEVEL,
  max: Math.min(max, MOST_LEVEL),
});

export function isSpoken(level: number, { least, most }: SpokenLevels): boolean {
  return level >= least && level <= most;
}

/** The error of a process that does not speak the level of a log. @param what What has that level. */
export function levelError(what: string, level: number, spoken: Pick<SpokenLevels, "least" | "most">): StorageError {
  const { least, most } = spoken;
  const range = least === most ? `level ${most}` : `levels ${least} to ${most}`;
  const remedy =
    level > most
      ? "run the version of cluster-storage that the other processes run, or a newer one"
      : "open it with the version before first, which raises it";
  return new StorageError(
    "ERR_STORAGE_PROTOCOL",
    `expected ${what} to be at a level that this version of cluster-storage speaks (${range}), got level ${level}: ${remedy}`,
  );
}

/** @throws StorageError `ERR_STORAGE_PROTOCOL` when this version does not speak a level. */
export function expectSpoken(what: string, level: number): void {
  if (level < LEAST_LEVEL || level > MOST_LEVEL) throw levelError(what, level, spokenLevels(MOST_LEVEL));
}

/**
 * The level that a `LEVEL` entry names. Whoever meets one that it does not speak reads nothing after it.
 * @throws MalformedError when it names none; StorageError `ERR_STORAGE_PROTOCOL` when this version does not speak it.
 */
export function levelIn(name: string): number {
  const level = Number(name);
  if (!Number.isSafeInteger(level) || level < 1) throw new MalformedError(`expected a level, got ${name}`);
  expectSpoken("the log", level);
  return level;
}
