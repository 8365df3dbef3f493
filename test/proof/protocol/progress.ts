/**
 * Progress: from each state that can be reached, what the processes themselves do leads to a good one, without any help from
 * outside. Where it does not, some process waits forever, or all of them go round in a circle.
 */

export const NONE = -1;

/** The steps of an exploration that processes take, as pairs of states. */
export class Progress {
  #steps = new Int32Array(1 << 16);
  #length = 0;

  step(from: number, to: number): void {
    if (this.#length === this.#steps.length) {
      const steps = new Int32Array(this.#length * 2);
      steps.set(this.#steps);
      this.#steps = steps;
    }
    this.#steps[this.#length++] = from;
    this.#steps[this.#length++] = to;
  }

  /**
   * The first state from which no good one can be reached; `NONE` when there is none.
   * @param good By state, whether it is good. On return also, whether a good one can be reached.
   */
  firstStuck(good: Uint8Array): number {
    const [starts, sources] = this.#byTarget(good.length);
    const waiting: number[] = [];
    for (let state = 0; state < good.length; state++) if (good[state]) waiting.push(state);
    for (let target = waiting.pop(); target !== undefined; target = waiting.pop()) {
      for (let place = starts[target] as number; place < (starts[target + 1] as number); place++) {
        const source = sources[place] as number;
        if (good[source]) continue;
        good[source] = 1;
        waiting.push(source);
      }
    }
    return good.indexOf(0);
  }

  /** The sources of all steps, those to the same state side by side, and where those of each state begin. */
  #byTarget(count: number): [Int32Array, Int32Array] {
    const starts = new Int32Array(count + 1);
    const add = (place: number, amount: number) => {
      starts[place] = (starts[place] as number) + amount;
    };
    for (let step = 1; step < this.#length; step += 2) add(this.#steps[step] as number, 1);
    for (let state = 1; state <= count; state++) add(state, starts[state - 1] as number);
    const sources = new Int32Array(this.#length / 2);
    for (let step = 1; step < this.#length; step += 2) {
      const target = this.#steps[step] as number;
      add(target, -1);
      sources[starts[target] as number] = this.#steps[step - 1] as number;
    }
    return [starts, sources];
  }
}
