/** What may go wrong in one simulation, how often, and what did: each seed enables some faults and not others. */
import type { Dice } from "./dice.js";

/** Every kind of fault, with how often it is drawn when it is enabled. */
export const FAULTS = {
  kill: 6,
  crash: 6,
  freeze: 4,
  block: 3,
  reset: 5,
  full: 2,
  jump: 2,
  suspend: 1,
  power: 2,
  close: 4,
  destroy: 2,
  open: 6,
  unname: 2,
  blind: 2,
  stranger: 1,
  newer: 1,
} as const;

/** Damage is a fault of simulations of its own: what is damaged while all members end may be lost. */
export type Fault = keyof typeof FAULTS | "damage";

/** Faults of single calls, with the probability that each gets when it is enabled. */
const CALL_FAULTS = {
  io: 0.01,
  handles: 0.01,
  short: 0.15,
  sync: 0.15,
  refuse: 0.05,
  thread: 0.1,
  slow: 0.15,
} as const;

export type CallFault = keyof typeof CALL_FAULTS;

export interface Weather {
  /** Weights of the faults that happen; none for those that do not. */
  readonly faults: Partial<Record<Fault, number>>;
  /** Probabilities of those of single calls. */
  readonly calls: Readonly<Record<CallFault, number>>;
  /** Mean time between two faults, in ms. */
  readonly everyMs: number;
}

/** Chooses what may go wrong. */
export function chooseWeather(dice: Dice): Weather {
  const isCalm = dice.chance(0.1);
  const faults: Partial<Record<Fault, number>> = { open: FAULTS.open, close: FAULTS.close };
  for (const fault of Object.keys(FAULTS) as (keyof typeof FAULTS)[]) {
    if (!isCalm && dice.chance(fault === "power" || fault === "destroy" ? 0.3 : 0.5)) faults[fault] = FAULTS[fault];
  }
  const calls = Object.fromEntries(
    Object.entries(CALL_FAULTS).map(([fault, most]) => [
      fault,
      !isCalm && dice.chance(0.3) ? dice.between(0, most) : 0,
    ]),
  ) as Record<CallFault, number>;
  return { faults, calls, everyMs: dice.pick([20, 60, 60, 150, 400]) };
}

/** How many faults of each kind were injected. */
export class Tally {
  readonly counts = new Map<string, number>();

  /** All counts, in a message. */
  get text(): string {
    return [...this.counts].map(([kind, count]) => `${kind}: ${count}`).join(", ");
  }

  add(kind: string, count = 1): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + count);
  }

  merge(other: Tally): void {
    for (const [kind, count] of other.counts) this.add(kind, count);
  }
}
