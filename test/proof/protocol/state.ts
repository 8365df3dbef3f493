/** A state as an array of numbers: the fields of the whole world, then those of one or two directories, then those of each process. */
import { COPIES, DIRECTORY, HEADER, MOVES, PLACE, PROCESS_FIELDS } from "./fields.js";
import type { Setup, Variant } from "./setup.js";

/** Bits of the place of a process: the path with which its member was opened, and the directory that its hub has open. */
export const PATH = 1;
const HOME = 2;
export const homeIn = (place: number): number => (place & HOME) >> 1;
/** Since its hub has appended, the path has never led to that directory. */
export const LATE = 4;

/**
 * Where a directory can be moved or copied there are two of them, and two paths. All that is read and changed is in the
 * directory that was entered last.
 */
export class State {
  readonly setup: Setup;
  readonly width: number;
  readonly processFields = PROCESS_FIELDS;
  readonly directoryCount: number;
  readonly directoryFields: number;
  readonly #processesAt: number;
  #entered = 0;
  #directoryAt = HEADER;
  /** The state that steps read and change. */
  readonly state: Uint16Array;

  /** @param directoryFields How many fields a directory has. */
  constructor(setup: Setup, directoryFields: number) {
    this.setup = setup;
    this.directoryFields = directoryFields;
    this.directoryCount = setup.copies || setup.moves ? 2 : 1;
    this.#processesAt = HEADER + directoryFields * this.directoryCount;
    this.width = this.#processesAt + setup.processes * PROCESS_FIELDS;
    this.state = new Uint16Array(this.width);
    for (let process = 0; process < (setup.elsewhere ?? 0); process++) this.put(process, PLACE, PATH);
  }

  is(variant: Variant): boolean {
    return this.setup.variant === variant;
  }

  /** The directory that was entered last. */
  get entered(): number {
    return this.#entered;
  }

  /** What follows is read and changed in this directory. */
  enter(directory: number): void {
    this.#entered = directory;
    this.#directoryAt = this.directoryAt(directory);
  }

  /** Where the fields of a directory begin. */
  directoryAt(directory: number): number {
    return HEADER + directory * this.directoryFields;
  }

  /** The directory to which a path leads. A move exchanges the two. */
  at(path: number): number {
    return this.get(MOVES) % 2 === 0 ? path : 1 - path;
  }

  /** Whether anything can be opened at a path: what was moved or copied is at the second one. */
  exists(path: number): boolean {
    return path === 0 || this.get(MOVES) > 0 || this.get(COPIES) > 0;
  }

  /** The directory to which the path of a process leads. */
  pathOf(process: number): number {
    return this.at(this.of(process, PLACE) & PATH);
  }

  /** The directory that the hub of a process has open. */
  homeOf(process: number): number {
    return homeIn(this.of(process, PLACE));
  }

  /** The hub of a process opens the entered directory. */
  openHome(process: number): void {
    this.put(process, PLACE, (this.of(process, PLACE) & PATH) | (this.entered === 0 ? 0 : HOME));
  }

  /** Notes whether the path of a process has led to what its hub has open since that has appended. */
  noteLate(process: number, isAppending: boolean): void {
    const place = this.of(process, PLACE);
    const isLate = this.pathOf(process) !== this.homeOf(process) && (isAppending || (place & LATE) > 0);
    this.put(process, PLACE, isLate ? place | LATE : place & ~LATE);
  }

  get(field: number): number {
    return this.state[this.#place(field)] as number;
  }

  set(field: number, value: number): void {
    this.state[this.#place(field)] = value;
  }

  #place(field: number): number {
    return field < DIRECTORY ? field : this.#directoryAt + field - DIRECTORY;
  }

  of(process: number, field: number): number {
    return this.state[this.#processesAt + process * PROCESS_FIELDS + field] as number;
  }

  put(process: number, field: number, value: number): void {
    this.state[this.#processesAt + process * PROCESS_FIELDS + field] = value;
  }

  /**
   * Puts processes into an order that depends on nothing but what they know. This is correct: nothing refers to a process by its
   * place, and all take the same steps, so states that differ in the order alone have the same future.
   */
  sort(): void {
    const { processes } = this.setup;
    for (let from = 1; from < processes; from++) {
      for (let to = from; to > 0 && this.#isBefore(to, to - 1); to--) this.#swap(to, to - 1);
    }
  }

  #isBefore(a: number, b: number): boolean {
    for (let field = 0; field < PROCESS_FIELDS; field++) {
      const difference = this.of(a, field) - this.of(b, field);
      if (difference !== 0) return difference < 0;
    }
    return false;
  }

  #swap(a: number, b: number): void {
    for (let field = 0; field < PROCESS_FIELDS; field++) {
      const value = this.of(a, field);
      this.put(a, field, this.of(b, field));
      this.put(b, field, value);
    }
  }
}
