/**
 * Which member goes first when several could claim the seat. This saves the others a thread each; safety does not rest on it.
 */
import { codeOf } from "../../errors.js";
import { claimPath } from "../disk/file-names.js";
import type { Machine, Place } from "../machine/machine.js";
import { readSmallFile } from "./seat.js";

/** ms that a member leaves the claim to the one that announced itself first. */
const FIRST_CLAIM_MS = 300;

/** The claims of one member. */
export class ClaimOrder {
  readonly #machine: Machine;
  readonly #place: Place;
  /** The epoch for which another member was first, and since when this is known. */
  #epoch = 0;
  #since = 0;

  constructor(machine: Machine, place: Place) {
    this.#machine = machine;
    this.#place = place;
  }

  /** Whether to claim this epoch now: as the first that announced itself, or since the first one died or takes too long. */
  isMyTurn(epoch: number): boolean {
    const { clock, identity } = this.#machine;
    const path = claimPath(this.#place, epoch);
    if (this.#announce(path)) return true;
    if (this.#epoch !== epoch) {
      this.#epoch = epoch;
      this.#since = clock.elapsed();
    }
    const first = Number(readSmallFile(this.#machine, path));
    if (first > 0 && !identity.isAlive(first)) return true;
    return clock.elapsed() - this.#since > FIRST_CLAIM_MS;
  }

  #announce(path: string): boolean {
    const { files, identity } = this.#machine;
    let file: number;
    try {
      file = files.open(path, "create");
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      throw error;
    }
    try {
      files.write(file, [Buffer.from(String(identity.pid))], 0);
    } finally {
      files.close(file);
    }
    return true;
  }
}
