/** What a member does that may not be the manager, while it knows of none that is alive. */
import { noCandidateError, type SeatView, standingSeat } from "../election/seat.js";
import type { Machine, Place } from "../machine/machine.js";

/** Looks for a manager after which it is reported that there is none: about a second. */
const REPORT_LOOKS = 40;

/**
 * Perhaps no candidate is left. The manager that was silent may answer again, or one with a seat below that of a contender that died:
 * so the newest seat and the one below it are tried in turn.
 */
export class Standby {
  readonly #machine: Machine;
  readonly #place: Place;
  #isTryingOlderSeat = false;
  #lookCount = 0;

  constructor(machine: Machine, place: Place) {
    this.#machine = machine;
    this.#place = place;
  }

  /** The seat to try now; null: the newest one, after a pause. @param report Called, once, when there is no manager for a while. */
  next(report: (trouble: Error) => void): SeatView | null {
    if (++this.#lookCount === REPORT_LOOKS) report(noCandidateError(this.#place.directory));
    const seat = this.#isTryingOlderSeat ? null : standingSeat(this.#machine, this.#place);
    this.#isTryingOlderSeat = seat !== null;
    return seat;
  }

  /** There is a manager. */
  reset(): void {
    this.#isTryingOlderSeat = false;
    this.#lookCount = 0;
  }
}
