/**
 * A seat that was created on another machine, or before the last start of this one: a volume is shared, or was moved.
 */
import { StorageError } from "../../errors.js";
import { seatPath } from "../disk/file-names.js";
import type { Machine, Place } from "../machine/machine.js";
import type { SeatView } from "./seat.js";

/** ms without a refresh after which the manager of a seat of another machine counts as dead. */
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

  /** Watches a seat of another machine; null for one of this machine. `watched` is the seat that was watched before. */
  static watch(machine: Machine, place: Place, seat: SeatView, watched: RemoteSeat | null): RemoteSeat | null {
    if (seat.content?.bootId === machine.identity.bootId) return null;
    return watched?.epoch === seat.epoch ? watched : new RemoteSeat(machine, place, seat);
  }

  /**
   * Whether its manager counts as dead.
   * @throws StorageError `ERR_STORAGE_REMOTE` when the seat is refreshed: its manager is alive.
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
