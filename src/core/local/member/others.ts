/** The other members, which may hold what this one cannot read. */
import { askAll } from "../election/member-socket.js";
import type { Machine, Place } from "../machine/machine.js";

/** How often a member that holds nothing lets others claim the seat first: they may hold nothing either. */
const TRIES = 5;

export class Others {
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #member: string;
  #triesLeft = TRIES;

  constructor(machine: Machine, place: Place, member: string) {
    this.#machine = machine;
    this.#place = place;
    this.#member = member;
  }

  /** Calls back, once, later, with whether any other member may be alive; no more, once that has not helped some times. */
  mayHold(done: (mayHold: boolean) => void): void {
    const isLast = --this.#triesLeft < 0;
    askAll(this.#machine, this.#place, this.#member, (lives) => {
      const isAlone = lives !== null && [...lives.values()].every((life) => life === "ended" || life === "missing");
      done(!isAlone && !isLast);
    });
  }
}
