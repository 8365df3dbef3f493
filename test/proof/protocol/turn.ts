/** One state and the steps that are taken from it: each begins with the state as it is. */
import type { Found } from "./explore.js";
import { EPOCH, PLACE, SEAT, TRUTH } from "./fields.js";
import { homeIn } from "./state.js";
import type { World } from "./world.js";

/** Who takes a step that no process takes: a member that joins; a person or another program. */
export const MEMBER = -1;
export const NOBODY = -2;

/** The writes of the members at a path, as a set of bits: the last one is of a member at the second path, if any process is there. */
export function writesAt(world: World, path: number): number {
  const { writes, elsewhere = 0 } = world.setup;
  const atSecond = elsewhere > 0 && writes > 1 ? 1 << (writes - 1) : 0;
  return path === 1 ? atSecond : ((1 << writes) - 1) & ~atSecond;
}

export class Turn {
  readonly world: World;
  readonly #base: Uint16Array;
  /** The directory in which the process that takes the steps may write; null: it writes nowhere, or wherever it likes. */
  home: number | null = null;
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
    const { entered } = world;
    change();
    if (this.home !== null && world.directoryCount > 1 && !world.setup.goesByPath) this.#checkOther(this.home);
    world.sort();
    this.#found(world.state, step, this.#nameOf(actor), this.#violation);
    this.#violation = null;
    world.state.set(this.#base);
    world.enter(entered);
  }

  /** Nothing is ever written into the directory of another storage, and its seats stay as they are. */
  #checkOther(home: number): void {
    const { world } = this;
    const from = world.directoryAt(1 - home);
    for (let field = from; field < from + world.directoryFields; field++) {
      if (world.state[field] !== this.#base[field]) this.violate("writes into the directory of another storage");
    }
    for (let process = 0; process < world.setup.processes; process++) {
      const before = (field: number) => this.#base[this.#place(process) - EPOCH + field] as number;
      const isOther = before(SEAT) !== 0 && homeIn(before(PLACE)) !== home;
      if (isOther && world.of(process, SEAT) !== before(SEAT)) this.violate("fences the manager of another storage");
    }
  }

  /** A promise is broken by the step that is being taken. */
  violate(message: string): void {
    this.#violation ??= message;
  }

  /** A process is told a history: of it and of each that any process was told before, one must be the beginning of the other. */
  tell(history: number, who: string): void {
    const { world } = this;
    const { histories } = world;
    const isOriginal = world.setup.copies === true && !world.setup.moves && world.entered === 0;
    if (isOriginal && histories.setOf(history) & writesAt(world, 1))
      this.violate("a write of the copy is in the original");
    const truth = world.get(TRUTH);
    if (history === truth) return;
    if (histories.isPrefix(truth, history)) world.set(TRUTH, history);
    else if (!histories.isPrefix(history, truth)) {
      this.violate(`${who} tells ${histories.text(history)}, but ${histories.text(truth)} was told before`);
    }
  }

  #nameOf(actor: number): string {
    if (actor === NOBODY) return "from outside";
    if (actor === MEMBER) return "member";
    const home = homeIn(this.#base[this.#place(actor) - EPOCH + PLACE] as number);
    const where = this.world.directoryCount > 1 ? ` in directory ${home + 1}` : "";
    return `process ${actor} of seat ${this.#base[this.#place(actor)]}${where}`;
  }

  #place(actor: number): number {
    const { world } = this;
    return world.width - (world.setup.processes - actor) * world.processFields + EPOCH;
  }
}
