/** One state and the steps that are taken from it: each begins with the state as it is. */
import type { Found } from "./explore.js";
import { EPOCH, TRUTH, type World } from "./world.js";

export class Turn {
  readonly world: World;
  readonly #base: Uint16Array;
  #found: Found = () => {};
  #violation: string | null = null;

  constructor(world: World) {
    this.world = world;
    this.#base = new Uint16Array(world.width);
  }

  begin(state: Uint16Array, found: Found): void {
    this.#base.set(state);
    this.#found = found;
    this.world.state.set(state);
  }

  /** Takes a step: `change` turns this state into the next one. */
  take(actor: number, step: string, change: () => void): void {
    const { world } = this;
    change();
    const name = actor < 0 ? "member" : `process ${actor} of seat ${this.#base[this.#place(actor)]}`;
    world.sort();
    this.#found(world.state, step, name, this.#violation);
    this.#violation = null;
    world.state.set(this.#base);
  }

  /** A promise is broken by the step that is being taken. */
  violate(message: string): void {
    this.#violation ??= message;
  }

  /** A process is told a history: of it and of each that any process was told before, one must be the beginning of the other. */
  tell(history: number, who: string): void {
    const { world } = this;
    const { histories } = world;
    const truth = world.get(TRUTH);
    if (history === truth) return;
    if (histories.isPrefix(truth, history)) world.set(TRUTH, history);
    else if (!histories.isPrefix(history, truth)) {
      this.violate(`${who} tells ${histories.text(history)}, but ${histories.text(truth)} was told before`);
    }
  }

  #place(actor: number): number {
    const { world } = this;
    return world.width - (world.setup.processes - actor) * world.processFields + EPOCH;
  }
}
