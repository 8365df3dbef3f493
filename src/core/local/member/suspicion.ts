/** Which managers a member takes for dead, and why it may. */
import { codeOf } from "../../errors.js";
import type { SeatView } from "../election/seat.js";
import { SeatWatch } from "../election/seat-watch.js";
import type { Machine, Place } from "../machine/machine.js";
import type { HubSessionEnd } from "./hub-session-request.js";

/**
 * Invariant: a manager counts as dead only when its socket refused, which is proof on this machine and by one file system, or when it was
 * silent, or out of reach, and did not refresh its seat meanwhile. A wrong suspicion is harmless: safety rests on `seat.ts`.
 */
export class Suspicion {
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #silenceMs: number;
  readonly #looked: () => void;
  /** Watches the seat that was tried last. */
  #watch: SeatWatch | null = null;
  /** The tokens of managers that are dead, since one was alive. */
  readonly #dead = new Set<string>();

  /**
   * @param silenceMs How much silence of its manager a member allows.
   * @param looked Called after each look at the seat that is watched.
   */
  constructor(machine: Machine, place: Place, silenceMs: number, looked: () => void) {
    this.#machine = machine;
    this.#place = place;
    this.#silenceMs = silenceMs;
    this.#looked = looked;
  }

  /** The epoch of the seat that was tried last; 0 before the first one. */
  get epoch(): number {
    return this.#watch?.seat.epoch ?? 0;
  }

  /** Whether the manager that was tried last, and is out of reach, counts as dead by now. */
  get isOverdue(): boolean {
    return this.#watch?.isOverdue ?? false;
  }

  /** Whether a manager counts as dead. */
  isDead({ content }: SeatView): boolean {
    return content === null || this.#dead.has(content.token);
  }

  /** A connection to a manager is tried. */
  tries(seat: SeatView): void {
    if (this.#watch?.isOf(seat)) return;
    this.#watch?.cancel();
    this.#watch = new SeatWatch(this.#machine, this.#place, seat, this.#silenceMs, this.#looked);
  }

  /** All managers get another chance: one is alive, or none may be claimed. */
  reset(): void {
    this.#dead.clear();
  }

  /**
   * Takes note of the end of a connection to the manager that was tried last.
   * @returns an error when it is alive, and out of reach for so long that a person should know.
   */
  ended({ wasWelcomed, isSilent, reason }: HubSessionEnd): Error | null {
    const watch = this.#watch as SeatWatch;
    if (wasWelcomed) watch.lost();
    const isRefused = codeOf(reason) === "ECONNREFUSED" && watch.isRefusalProof;
    if (isRefused || watch.isOverdue || (isSilent && watch.isStill)) {
      this.#dead.add(watch.seat.content?.token as string);
      return null;
    }
    return watch.isOutOfReach ? watch.unreachable(reason) : null;
  }

  stop(): void {
    this.#watch?.cancel();
  }
}
