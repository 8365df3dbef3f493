/**
 * An explicit-state model checker: breadth first over all states that a model can reach, so that the first violation that
 * is found is one with the fewest steps.
 *
 * Every state is kept whole. Two states are never taken for equal by their hashes alone, so none is left out.
 */

import { NONE, Progress } from "./progress.js";

/** A model: its first state, and the states that follow each one. */
export interface Model {
  /** Fields of 16 bits that one state has. */
  readonly width: number;
  /** The state in which everything begins. */
  readonly initial: Uint16Array;
  /** Calls `found` for each state that can follow within one step. What is given is valid until the call returns. */
  expand(state: Uint16Array, found: Found): void;
  /** Whether all is as it should become, where progress is promised: see `progress.ts`. */
  isGood?(state: Uint16Array): boolean;
}

/** The actor of a step that no process takes, so that none can wait for it: a crash, a freeze and its end, another program. */
export const OUTSIDE = "from outside";

/** A step: its result, what was done, by which process, and the promise that it breaks; null: none. */
export type Found = (next: Uint16Array, step: string, actor: string, violation: string | null) => void;

/** What an exploration came to. */
export interface Explored {
  readonly states: number;
  /** Steps that were tried, those to known states included. */
  readonly transitions: number;
  /** Steps from the first state to the farthest one. */
  readonly depth: number;
  /** Whether every state that can be reached was. */
  readonly isComplete: boolean;
  readonly violation: Counterexample | null;
}

/** The shortest way to a broken promise. */
export interface Counterexample {
  readonly message: string;
  readonly trace: readonly string[];
}

/** States of one block of the store. */
const BLOCK_STATES = 1 << 14;

/** States by number, each once. Invariant: `#table` holds the number of each state at or after the place of its hash. */
class Store {
  readonly #width: number;
  readonly #blocks: Uint16Array[] = [];
  #table = new Int32Array(1 << 16).fill(NONE);
  #parents = new Int32Array(BLOCK_STATES);
  count = 0;

  constructor(width: number) {
    this.#width = width;
  }

  /** The fields of a state. */
  at(number: number): Uint16Array {
    const start = (number % BLOCK_STATES) * this.#width;
    return (this.#blocks[Math.floor(number / BLOCK_STATES)] as Uint16Array).subarray(start, start + this.#width);
  }

  parentOf(number: number): number {
    return this.#parents[number] as number;
  }

  /** Adds a state if it is new. Returns its number. */
  add(state: Uint16Array, parent: number): number {
    const mask = this.#table.length - 1;
    let place = hashOf(state) & mask;
    for (; this.#table[place] !== NONE; place = (place + 1) & mask) {
      const number = this.#table[place] as number;
      if (this.#equals(number, state)) return number;
    }
    const number = this.count;
    this.#table[place] = number;
    this.#append(state, parent);
    if (this.count * 2 > this.#table.length) this.#grow();
    return number;
  }

  #append(state: Uint16Array, parent: number): void {
    const block = Math.floor(this.count / BLOCK_STATES);
    if (block === this.#blocks.length) {
      this.#blocks.push(new Uint16Array(BLOCK_STATES * this.#width));
      const parents = new Int32Array((block + 1) * BLOCK_STATES * 2);
      if (this.count >= this.#parents.length) {
        parents.set(this.#parents);
        this.#parents = parents;
      }
    }
    (this.#blocks[block] as Uint16Array).set(state, (this.count % BLOCK_STATES) * this.#width);
    this.#parents[this.count++] = parent;
  }

  #equals(number: number, state: Uint16Array): boolean {
    const block = this.#blocks[Math.floor(number / BLOCK_STATES)] as Uint16Array;
    const start = (number % BLOCK_STATES) * this.#width;
    for (let field = 0; field < state.length; field++) if (block[start + field] !== state[field]) return false;
    return true;
  }

  #grow(): void {
    const table = new Int32Array(this.#table.length * 2).fill(NONE);
    const mask = table.length - 1;
    for (let number = 0; number < this.count; number++) {
      let place = hashOf(this.at(number)) & mask;
      while (table[place] !== NONE) place = (place + 1) & mask;
      table[place] = number;
    }
    this.#table = table;
  }
}

function hashOf(state: Uint16Array): number {
  let hash = 0x811c9dc5;
  for (let field = 0; field < state.length; field++) {
    hash = Math.imul(hash ^ (state[field] as number), 0x01000193);
    hash ^= hash >>> 13;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/**
 * Explores a model until a promise is broken or nothing is left.
 * @param mostStates How many states are explored at most.
 */
export function explore(model: Model, mostStates = Number.POSITIVE_INFINITY): Explored {
  const store = new Store(model.width);
  const progress = model.isGood ? new Progress() : null;
  store.add(model.initial, NONE);
  let [transitions, depth, levelEnd] = [0, 0, 1];
  let violation: Counterexample | null = null;
  let current = 0;
  const found: Found = (next, step, actor, broken) => {
    transitions++;
    if (violation !== null) return;
    if (broken === null) {
      const number = store.add(next, current);
      if (actor !== OUTSIDE) progress?.step(current, number);
    } else violation = { message: broken, trace: [...traceTo(model, store, current), `${actor}: ${step}`] };
  };
  for (; current < store.count && violation === null && store.count < mostStates; current++) {
    if (current === levelEnd) {
      depth++;
      levelEnd = store.count;
    }
    model.expand(store.at(current), found);
  }
  const isComplete = current === store.count;
  const stuck = isComplete && violation === null ? progress?.firstStuck(goodStates(model, store)) : undefined;
  if (stuck !== undefined && stuck !== NONE) {
    violation = {
      message: "from here nothing that processes do leads to where one serves",
      trace: traceTo(model, store, stuck),
    };
  }
  return { states: store.count, transitions, depth, isComplete, violation };
}

function goodStates(model: Model, store: Store): Uint8Array {
  const good = new Uint8Array(store.count);
  for (let number = 0; number < store.count; number++) good[number] = model.isGood?.(store.at(number)) ? 1 : 0;
  return good;
}

/** The steps to a state, found by taking them again. */
function traceTo(model: Model, store: Store, last: number): string[] {
  const path: number[] = [];
  for (let number = last; number > 0; number = store.parentOf(number)) path.unshift(number);
  return path.map((number) => {
    const target = store.at(number);
    let label = "";
    model.expand(store.at(store.parentOf(number)), (next, step, actor) => {
      if (label === "" && next.every((field, index) => field === target[index])) label = `${actor}: ${step}`;
    });
    return label;
  });
}
