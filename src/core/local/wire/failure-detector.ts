/** Notices that the other side is silent, by this process' own running time: while it was stalled itself nothing counts. */
import type { Clock, Timer } from "../machine/machine.js";
import type { Patience } from "./patience.js";

/** How many looks make the time that is allowed. */
const LOOKS = 10;
/** A look that comes later than this many times its due shows that this process was stalled: it counts from anew. */
const STALLED_LOOK = 2;

/** Most ms between two signs of life to idle members, and between two looks at the seat of an idle hub. */
const MAX_PULSE_MS = 1000;
/** Signs of life in the silence after which members replace a manager, so that one that comes late does not matter. */
const PULSES = 4;

/** ms between two signs of life of a hub whose members allow `timeoutMs` of silence. */
export const pulseMs = (timeoutMs: number): number => Math.min(MAX_PULSE_MS, timeoutMs / PULSES);

export class StallWatch {
  readonly #clock: Clock;
  readonly #patience: Patience;
  readonly #lookMs: number;
  readonly #silent: () => void;
  #timer: Timer;
  #lastLook: number;
  #silentLooks = 0;

  /** @param silent Called once, when nothing was heard for as long as is allowed. */
  constructor(clock: Clock, patience: Patience, silent: () => void) {
    this.#clock = clock;
    this.#patience = patience;
    this.#lookMs = patience.stallMs / LOOKS;
    this.#silent = silent;
    this.#lastLook = clock.elapsed();
    this.#timer = this.#lookAgain();
  }

  /** Something was heard. */
  heard(): void {
    this.#silentLooks = 0;
  }

  cancel(): void {
    this.#timer.cancel();
  }

  #lookAgain(): Timer {
    return this.#clock.after(this.#lookMs, () => this.#look());
  }

  #look(): void {
    const now = this.#clock.elapsed();
    const isStalled = now - this.#lastLook > this.#lookMs * STALLED_LOOK;
    this.#lastLook = now;
    this.#silentLooks = isStalled ? 0 : this.#silentLooks + 1;
    if (this.#silentLooks >= LOOKS * this.#patience.times) this.#silent();
    else this.#timer = this.#lookAgain();
  }
}
