/**
 * A seat that was made on another machine, or before this one was started anew: a volume is shared, or was taken along.
 */
import { StorageError } from "../../errors.js";
import { seatPath } from "../disk/file-names.js";
import type { Machine, Place } from "../machine/machine.js";
import type { SeatView } from "./seat.js";

/** ms without a refresh after which the manager behind a seat of another machine counts as dead. */
const LEASE_MS = 10_000;

/** ms between two looks at such a seat. */
export const REMOTE_POLL_MS = 500;

export class RemoteSeat {
  readonly epoch: number;
  readonly #machine: Machine;
  readonly #seat: SeatView;
  readonly #path: string;
  readonly #seenAt: number;
  readonly #modifiedAt: number;

  private constructor(machine: Machine, place: Place, seat: SeatView) {
    this.#machine = machine;
    this.#seat = seat;
    this.epoch = seat.epoch;
    this.#path = seatPath(place, seat.epoch);
    this.#seenAt = machine.clock.elapsed();
    this.#modifiedAt = this.#lastRefresh();
  }

  /** Watches a seat that is not of this machine; null when it is. `watched` is what was watched before. */
  static watch(machine: Machine, place: Place, seat: SeatView, watched: RemoteSeat | null): RemoteSeat | null {
    if (seat.content?.bootId === machine.identity.bootId) return null;
    return watched?.epoch === seat.epoch ? watched : new RemoteSeat(machine, place, seat);
  }

  /**
   * Whether nobody can be behind it any more.
   * @throws StorageError `ERR_STORAGE_REMOTE` when it is refreshed: somebody is.
   */
  isDead(): boolean {
    const { clock, identity } = this.#machine;
    if (this.#lastRefresh() !== this.#modifiedAt) {
      const { address = "", host = "another machine" } = this.#seat.content ?? {};
      throw new StorageError(
        "ERR_STORAGE_REMOTE",
        `expected ${this.#path} to be of this machine, ${identity.host}, but ${host} uses it (${address}): choose a directory that only this machine uses`,
      );
    }
    return Math.abs(clock.now() - this.#modifiedAt) > LEASE_MS || clock.elapsed() - this.#seenAt > LEASE_MS;
  }

  #lastRefresh(): number {
    return this.#machine.files.modifiedAt(this.#path) ?? 0;
  }
}
