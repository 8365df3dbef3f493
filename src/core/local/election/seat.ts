/**
 * Who is the manager: the process that created the newest `seat.<epoch>`.
 *
 * Safety rests on the order of three file operations and one check, never on time:
 *
 * - a contender links its seat (exclusive, complete with its content), and withdraws when it then sees a higher one;
 * - it empties and unlinks every lower seat, which is the fence, before it reads the log;
 * - a manager checks its own open seat after each append and before it broadcasts or confirms: the link count, and the
 *   bytes, which show the fence also when the file has a further link, as some backups create. An append that passed the
 *   check was in the log before the fence, so the successor reads it; one that did not pass is never confirmed.
 *
 * Only `destroy` removes the highest seat, and it notes the epoch first, so epochs only rise.
 */

import { codeOf, StorageError } from "../../errors.js";
import { bestEffort, linkAs, withFile } from "../disk/file-access.js";
import { claimPath, claimsIn, seatPath, seatsIn, segmentsIn, temporaryPath } from "../disk/file-names.js";
import type { Machine, Place } from "../machine/machine.js";
import { tombstoneEpoch } from "../upkeep/tombstone.js";

/** What a seat says about its manager. */
export interface SeatContent {
  /** The file name of the socket at which its hub listens, in the directory of the seat. */
  readonly socket: string;
  /** 32 random bytes in hex. A process that knows them can read the directory, so it may connect. */
  readonly token: string;
  readonly pid: number;
  readonly uid: number;
  readonly host: string;
  readonly bootId: string;
  /** {@link Files.deviceOf} the directory. */
  readonly device: string;
  /** Where the directory is for the manager: another process may have it elsewhere. */
  readonly directory: string;
  readonly protocol: number;
}

/** What the seat of a process says. */
export function seatContent(
  { files, identity }: Machine,
  { directory }: Place,
  hub: Pick<SeatContent, "socket" | "token" | "protocol">,
): SeatContent {
  const { pid, uid, host, bootId } = identity;
  return { ...hub, pid, uid, host, bootId, device: files.deviceOf(directory), directory };
}

/** Whether a process that created a seat still has it. */
export type Hold =
  | "held"
  /** Another process has fenced it, or that is not known. */
  | "lost"
  /** Its path leads elsewhere: the directory was moved, or something else is mounted there. */
  | "moved";

/** A seat as others see it. The content is null when it cannot be read, as after a loss of power: the manager is dead. */
export interface SeatView {
  readonly epoch: number;
  readonly content: SeatContent | null;
}

/**
 * Codes of a link that another member prevented: it has the name, or it has a higher seat and has removed the temporary file
 * or the directory, or another directory has come to the path.
 */
const OTHER_WAS_FIRST = new Set(["EEXIST", "ENOENT", "ESTALE"]);

/** What a seat may name: a file in its own directory. */
const SOCKET_NAME = /^hub\.[0-9a-f]+$/;

/** ms between two refreshes of a seat while its hub reads the log. */
const REFRESH_MS = 100;

/** Most bytes of a seat file. */
const MAX_SEAT_BYTES = 4096;

/** The epochs of all seats, the newest one first. */
const epochsOf = ({ files }: Machine, place: Place): number[] => seatsIn(files.list(place.directory));

/** The newest seat; null when there is none. */
export function newestSeat(machine: Machine, place: Place): SeatView | null {
  const [epoch] = epochsOf(machine, place);
  return epoch === undefined ? null : { epoch, content: readSeat(machine, seatPath(place, epoch)) };
}

/** The epoch of the newest seat; 0 when there is none. */
export const newestEpoch = (machine: Machine, place: Place): number => epochsOf(machine, place)[0] ?? 0;

/** The newest of the seats below the newest one that are not fenced; null when there is none. */
export function standingSeat(machine: Machine, place: Place): SeatView | null {
  for (const epoch of epochsOf(machine, place).slice(1)) {
    const content = readSeat(machine, seatPath(place, epoch));
    if (content !== null) return { epoch, content };
  }
  return null;
}

/** The highest epoch that was ever used, by a seat or a segment, also of files that were removed; 0 for none. */
export function highestEpoch(machine: Machine, place: Place): number {
  const names = machine.files.list(place.directory);
  return Math.max(seatsIn(names)[0] ?? 0, segmentsIn(names)[0]?.epoch ?? 0, tombstoneEpoch(machine, place));
}

function readSeat(machine: Machine, path: string): SeatContent | null {
  const text = readSmallFile(machine, path);
  try {
    const content = JSON.parse(text) as SeatContent;
    const isWhole = typeof content.token === "string" && SOCKET_NAME.test(content.socket);
    return isWhole ? content : null;
  } catch {
    return null;
  }
}

/** The text of a small file; empty when there is none. */
export function readSmallFile({ files }: Machine, path: string): string {
  const bytes = Buffer.alloc(MAX_SEAT_BYTES);
  const length = withFile(files, path, (file) => files.read(file, bytes, 0, bytes.length, 0)) ?? 0;
  return bytes.toString("utf8", 0, length);
}

/** A seat that this process created. */
export class Seat {
  readonly epoch: number;
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #file: number;
  readonly path: string;
  #content = Buffer.alloc(0);
  #refreshedAt: number;
  #isReleased = false;

  private constructor(machine: Machine, place: Place, epoch: number, file: number) {
    this.#machine = machine;
    this.#place = place;
    this.epoch = epoch;
    this.#file = file;
    this.path = seatPath(place, epoch);
    this.#refreshedAt = machine.clock.elapsed();
  }

  /**
   * Takes a seat, unless another process has it or a higher one.
   * @returns null when another process was first.
   * @throws the error of a failed file operation; no seat is left then.
   */
  static claim(machine: Machine, place: Place, epoch: number, content: SeatContent): Seat | null {
    const { files } = machine;
    const temporary = temporaryPath(place, epoch, machine.random(8).toString("hex"));
    const file = files.open(temporary, "create");
    const seat = new Seat(machine, place, epoch, file);
    let isLinked = false;
    let isHighest: boolean;
    try {
      const bytes = Buffer.from(`${JSON.stringify(content)}\n`);
      if (files.write(file, [bytes], 0) !== bytes.length) throw diskFull(temporary);
      seat.#content = bytes;
      linkAs(files, temporary, seatPath(place, epoch));
      isLinked = true;
      files.unlink(temporary);
      isHighest = !seat.#hasHigher();
    } catch (error) {
      seat.release();
      if (isLinked) files.unlink(seatPath(place, epoch));
      files.unlink(temporary);
      if (OTHER_WAS_FIRST.has(codeOf(error))) return null;
      throw error;
    }
    if (isHighest) return seat;
    seat.release();
    files.unlink(seatPath(place, epoch));
    return null;
  }

  /** Empties and unlinks every lower seat: after that their managers confirm nothing. Returns the names of their sockets. */
  fence(): string[] {
    const { files } = this.#machine;
    const sockets: string[] = [];
    const names = files.list(this.#place.directory);
    for (const epoch of seatsIn(names)) {
      if (epoch >= this.epoch) continue;
      const content = readSeat(this.#machine, seatPath(this.#place, epoch));
      if (content) sockets.push(content.socket);
      this.#empty(epoch);
      files.unlink(seatPath(this.#place, epoch));
    }
    for (const epoch of claimsIn(names)) if (epoch <= this.epoch) files.unlink(claimPath(this.#place, epoch));
    return sockets;
  }

  /**
   * Whether no other seat has replaced this one, and its path still leads to it. By inode, so a reused name or a frozen clock cannot
   * deceive it. Takes a few microseconds.
   */
  look(): Hold {
    if (this.#isReleased) return "lost";
    try {
      const { links, bytes, isAtPath } = this.#machine.files.lookAt(this.#file, this.path);
      if (links !== 1 || bytes !== this.#content.length) return "lost";
      return isAtPath ? "held" : "moved";
    } catch {
      // Unknown: then nothing is confirmed.
      return "lost";
    }
  }

  holds(): boolean {
    return this.look() === "held";
  }

  /**
   * Whether others still read in the file what was written. It is never written again, since another process may be emptying it: a
   * manager whose seat was damaged must leave it to a new one.
   */
  isIntact(): boolean {
    const { length } = this.#content;
    const found = Buffer.alloc(length);
    const bytes = bestEffort(() => this.#machine.files.read(this.#file, found, 0, length, 0));
    // Fewer bytes are of a fence, and seen at the next look.
    return bytes !== length || found.equals(this.#content);
  }

  /** Shows processes that cannot reach this manager that it is alive. Best effort: the disk may take nothing. */
  refresh(): void {
    this.#refreshedAt = this.#machine.clock.elapsed();
    bestEffort(() => this.#machine.files.touch(this.path, this.#machine.clock.now()));
  }

  /** As `refresh`, unless that was done a moment before: for whoever reads for long. Returns whether it was due. */
  refreshIfDue(): boolean {
    const isDue = this.#machine.clock.elapsed() - this.#refreshedAt >= REFRESH_MS;
    if (isDue) this.refresh();
    return isDue;
  }

  /** Closes the file; the seat stays where it is. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#machine.files.close(this.#file);
  }

  #empty(epoch: number): void {
    const { files } = this.#machine;
    // Another contender may fence it too, so it may be gone.
    withFile(files, seatPath(this.#place, epoch), (file) => files.truncate(file, 0), "write");
  }

  #hasHigher(): boolean {
    const { files } = this.#machine;
    if ((seatsIn(files.list(this.#place.directory))[0] ?? 0) > this.epoch) return true;
    // The higher seat may have been removed with the storage.
    return tombstoneEpoch(this.#machine, this.#place) >= this.epoch;
  }
}

/** What a member is told that may not be the manager, where nobody is. */
export function noCandidateError(directory: string): StorageError {
  const message = `expected a process that may be the manager to have ${directory} open, got none so far; this one has candidate: false`;
  return new StorageError("ERR_STORAGE_NOT_READY", message);
}

function diskFull(path: string): Error {
  return Object.assign(new Error(`ENOSPC: no space left on device, write '${path}'`), { code: "ENOSPC" });
}
