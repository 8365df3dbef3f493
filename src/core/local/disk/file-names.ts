/**
 * The names of a storage's files.
 *
 * `<name>.db` is the copy for people and backups; `<name>.db.d/` holds `snapshot.<seq>`, `log.<epoch>.<segment>`,
 * `seat.<epoch>`, `hub.<random>`, `member.<id>`, `claim.<epoch>`, `tmp.<epoch>.<random>`,
 * `copy.<seq>.<history>`, `torn.<epoch>.<segment>` and `corrupt.<time>.<name>`.
 */
import { join } from "node:path";
import type { Place } from "../machine/machine.js";

/** Where the files of the storage `name` in `path` are. */
export function placeOf(path: string, name: string): Place {
  const filename = join(path, `${name}.db`);
  return { filename, directory: `${filename}.d` };
}

export const snapshotPath = (place: Place, seq: number): string => join(place.directory, `snapshot.${seq}`);
export const segmentPath = (place: Place, epoch: number, segment: number): string =>
  join(place.directory, `log.${epoch}.${segment}`);
export const seatPath = (place: Place, epoch: number): string => join(place.directory, `seat.${epoch}`);
export const claimPath = (place: Place, epoch: number): string => join(place.directory, `claim.${epoch}`);
export const temporaryPath = (place: Place, epoch: number, random: string): string =>
  join(place.directory, `tmp.${epoch}.${random}`);
/** The path of a socket, by its name. */
export const socketPath = (place: Place, name: string): string => join(place.directory, name);

/** A file that may be the copy: its seq and history; of one that is no snapshot 0 and a hash. */
export interface CopyNote {
  readonly seq: number;
  readonly mark: string;
}

export const copyNotePath = (place: Place, { seq, mark }: CopyNote): string =>
  join(place.directory, `copy.${seq}.${mark}`);

const NUMBER = "(0|[1-9][0-9]{0,15})";
const SNAPSHOT_NAME = new RegExp(`^snapshot\\.${NUMBER}$`);
const SEGMENT_NAME = new RegExp(`^log\\.${NUMBER}\\.${NUMBER}$`);
const SEAT_NAME = new RegExp(`^seat\\.${NUMBER}$`);
const HUB_NAME = /^hub\.[0-9a-f]+$/;
const COPY_NOTE_NAME = new RegExp(`^copy\\.${NUMBER}\\.([0-9a-f]{32})$`);
const CLAIM_NAME = new RegExp(`^claim\\.${NUMBER}$`);

/** The seqs of the snapshots among the names of a directory, newest first. */
export function snapshotsIn(names: readonly string[]): number[] {
  return names.flatMap((name) => numbersOf(SNAPSHOT_NAME, name).slice(0, 1)).sort((a, b) => b - a);
}

/** The epochs of the seats among the names of a directory, highest first. */
export function seatsIn(names: readonly string[]): number[] {
  return names.flatMap((name) => numbersOf(SEAT_NAME, name).slice(0, 1)).sort((a, b) => b - a);
}

/** The sockets of hubs among the names of a directory. */
export const hubSocketsIn = (names: readonly string[]): string[] => names.filter((name) => HUB_NAME.test(name));

/** The epochs of the claims among the names of a directory, highest first. */
export function claimsIn(names: readonly string[]): number[] {
  return names.flatMap((name) => numbersOf(CLAIM_NAME, name).slice(0, 1)).sort((a, b) => b - a);
}

/** The notes of what may be the copy, among the names of a directory. */
export function copyNotesIn(names: readonly string[]): CopyNote[] {
  return names.flatMap((name) => {
    const [, seq, mark] = COPY_NOTE_NAME.exec(name) ?? [];
    return mark === undefined ? [] : [{ seq: Number(seq), mark }];
  });
}

/** The segments among the names of a directory, newest first. */
export function segmentsIn(names: readonly string[]): Array<{ epoch: number; segment: number }> {
  return names
    .map((name) => numbersOf(SEGMENT_NAME, name))
    .filter((numbers) => numbers.length === 2)
    .map(([epoch, segment]) => ({ epoch: epoch as number, segment: segment as number }))
    .sort((a, b) => b.epoch - a.epoch || b.segment - a.segment);
}

function numbersOf(pattern: RegExp, name: string): number[] {
  return (pattern.exec(name) ?? []).slice(1).map(Number);
}
