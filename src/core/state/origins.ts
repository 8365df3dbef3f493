import { ORIGIN_RETENTION_MS } from "../log/limits.js";

/** The batch is new: apply it. */
export const NEW = 0;
/** It was applied before: skip it. */
export const SEEN = 1;
/** Its origin is forgotten, so it is unknown whether the batch was applied: skip it, and report that to its member. */
export const FORGOTTEN = 2;
export type Verdict = 0 | 1 | 2;

interface Last {
  number: number;
  time: number;
}

/** With so many origins or fewer, none is looked for that may be forgotten. */
const FEW_ORIGINS = 64;

/**
 * The highest batch number applied per origin. By it every batch takes effect once.
 *
 * Invariant: an origin whose last batch is more than `ORIGIN_RETENTION_MS` of log time ago is as unknown as one that is
 * not in the map; the moment at which such entries are removed has no effect.
 */
export class Origins {
  readonly #last = new Map<number, Last>();
  #forgetAtCount = FEW_ORIGINS;

  /** Judges a batch by what is known at its log time, and remembers it when it is new. */
  admit(origin: number, born: number, number: number, time: number): Verdict {
    const last = this.#last.get(origin);
    if (last !== undefined && isRemembered(last, time)) {
      if (number <= last.number) return SEEN;
      last.number = number;
      last.time = time;
      return NEW;
    }
    if (number !== 1 || time - born > ORIGIN_RETENTION_MS) return FORGOTTEN;
    this.remember(origin, number, time);
    return NEW;
  }

  remember(origin: number, number: number, time: number): void {
    if (this.#last.size >= this.#forgetAtCount) this.#forget(time);
    this.#last.set(origin, { number, time });
  }

  /** The highest number of an origin; 0 when it is unknown. */
  highest(origin: number): number {
    return this.#last.get(origin)?.number ?? 0;
  }

  /** Origin, number and log time of what is remembered at `time`. */
  list(time: number): (readonly [origin: number, number: number, time: number])[] {
    const known = [...this.#last].filter(([, last]) => isRemembered(last, time));
    return known.map(([origin, last]) => [origin, last.number, last.time] as const);
  }

  #forget(time: number): void {
    for (const [origin, last] of this.#last) if (!isRemembered(last, time)) this.#last.delete(origin);
    this.#forgetAtCount = this.#last.size * 2 + FEW_ORIGINS;
  }
}

function isRemembered(last: Last, time: number): boolean {
  return time - last.time <= ORIGIN_RETENTION_MS;
}
