/** What the models have in common that know nothing of the log: a state of few fields, and the steps from it. */
import type { Found, Model } from "./explore.js";

export abstract class SmallModel implements Model {
  readonly width: number;
  /** The state that steps read and change; what it is at first is where everything begins. */
  protected readonly state: Uint16Array;
  readonly #base: Uint16Array;
  readonly #headerFields: number;
  readonly #processFields: number;
  #found: Found = () => {};
  #violation: string | null = null;

  /**
   * @param headerFields Fields of the whole model.
   * @param processFields Fields of each process, after those.
   */
  constructor(headerFields: number, processFields: number, processes: number) {
    this.#headerFields = headerFields;
    this.#processFields = processFields;
    this.width = headerFields + processFields * processes;
    this.state = new Uint16Array(this.width);
    this.#base = new Uint16Array(this.width);
  }

  get initial(): Uint16Array {
    return this.state.slice();
  }

  expand(state: Uint16Array, found: Found): void {
    this.#base.set(state);
    this.state.set(state);
    this.#found = found;
    this.takeSteps();
  }

  isGood(state: Uint16Array): boolean {
    this.state.set(state);
    return this.isServed();
  }

  /** Takes each step that can be taken from the state. */
  protected abstract takeSteps(): void;

  /** Whether the state is one that must always come again. */
  protected abstract isServed(): boolean;

  protected get(field: number): number {
    return this.state[field] as number;
  }

  protected set(field: number, value: number): void {
    this.state[field] = value;
  }

  protected of(process: number, field: number): number {
    return this.state[this.#headerFields + process * this.#processFields + field] as number;
  }

  protected put(process: number, field: number, value: number): void {
    this.state[this.#headerFields + process * this.#processFields + field] = value;
  }

  /** A step of a process, or one from outside. */
  protected take(actor: number | string, step: string, change: () => void): void {
    change();
    this.#found(this.state, step, typeof actor === "number" ? `process ${actor}` : actor, this.#violation);
    this.#violation = null;
    this.state.set(this.#base);
  }

  /** A promise is broken by the step that is being taken. */
  protected violate(message: string): void {
    this.#violation ??= message;
  }
}
