/**
 * The wall clock of a round: what its members take for that of the machine. It is set at any moment, by seconds to years, both ways, and
 * nobody has to be root for that. A file holds by how many ms it is off, and each `Date.now` of a member reads it.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import type { Dice } from "../simulation/dice.js";
import type { Tally } from "./tally.js";

/** By how many ms it is set at once, either way. */
const JUMPS_MS = [7000, 3_600_000, 9 * 3_600_000, 86_400_000 * 40, 86_400_000 * 365 * 5];
/** Most ms by which it is off: no clock shows a time before 1970. */
const MOST_MS = 86_400_000 * 365 * 20;

export class WallClock {
  readonly #file: number;
  #offsetMs = 0;

  /** @param path A file that does not exist yet. */
  constructor(path: string) {
    this.#file = openSync(path, "wx");
    this.#write();
  }

  /** Sets it to another time. */
  jump(dice: Dice, tally: Tally): void {
    tally.count("clock jumps");
    const ms = dice.pick(JUMPS_MS) * (dice.chance(0.5) ? 1 : -1);
    const next = this.#offsetMs + ms;
    this.#offsetMs = Math.abs(next) > MOST_MS ? this.#offsetMs - ms : next;
    this.#write();
  }

  close(): void {
    closeSync(this.#file);
  }

  /** In one call, so nobody reads a half of it. */
  #write(): void {
    writeSync(this.#file, Buffer.from(new Float64Array([this.#offsetMs]).buffer), 0, 8, 0);
  }
}

/**
 * Lets this thread see the wall clock of a round. To be called before the package is loaded, which keeps the clock that it finds then,
 * and tells a fake one by its text. The text of this function is run in threads too, so it uses nothing of this module.
 */
export function followWallClock(path: string): void {
  const { openSync: open, readSync } = process.getBuiltinModule("node:fs");
  const file = open(path, "r");
  const offset = new Float64Array(1);
  const bytes = Buffer.from(offset.buffer);
  const machine = Date.now;
  const now = (): number => {
    readSync(file, bytes, 0, 8, 0);
    return machine() + (offset[0] as number);
  };
  Date.now = now;
  const textOf = Function.prototype.toString;
  Function.prototype.toString = function text(): string {
    return textOf.call(this === now ? machine : this);
  };
}

/** What a thread has to run first to see the wall clock of a round. */
export const textToFollow = (path: string): string => `(${followWallClock})(${JSON.stringify(path)});\n`;
