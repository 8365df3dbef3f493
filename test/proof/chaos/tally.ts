/** What was done in rounds, and how long it took until a manager confirmed again. */
import type { Ended } from "./records.js";

export type Counted = keyof typeof NONE;

const NONE = {
  rounds: 0,
  "rounds not seen whole": 0,
  kills: 0,
  "managers killed": 0,
  stops: 0,
  "managers stopped": 0,
  "other exits": 0,
  "managers ended otherwise": 0,
  "event loops blocked": 0,
  "sockets removed": 0,
  "removals in calm": 0,
  "members that joined after those": 0,
  copies: 0,
  "copies that missed a file": 0,
  "copies refused": 0,
  moves: 0,
  "clock jumps": 0,
  damages: 0,
  "directories removed": 0,
  "damages healed": 0,
  "damage told": 0,
  "heals counted by members": 0,
  "writes reported as lost": 0,
  "errors told": 0,
  storms: 0,
  "members closed": 0,
  "cold starts": 0,
  members: 0,
  "left without a fold": 0,
  "confirmed writes": 0,
  batches: 0,
  "batches sent twice": 0,
  epochs: 0,
  "values read": 0,
  compactions: 0,
};

/** What ended the service of a manager. */
export type Ending = "killed" | "frozen" | "SIGTERM" | Ended;

const SAID: Readonly<Record<Ending, string>> = {
  killed: "manager killed",
  frozen: "manager stopped for longer than stallTimeout",
  SIGTERM: "manager ended by SIGTERM",
  exit: "manager that called process.exit",
  throw: "manager with an uncaught exception",
  hub: "thread of the manager terminated",
  close: "manager that began to close",
};

const STEPS_MS = [20, 50, 100, 200, 500, 1000, 2000, 5000, Number.POSITIVE_INFINITY];

export class Tally {
  readonly counts = { ...NONE };
  /** From the end of a manager's service to the first write that was confirmed by another one, in ms, by what ended it. */
  readonly failoversMs: Readonly<Record<Ending, number[]>> = {
    killed: [],
    frozen: [],
    SIGTERM: [],
    exit: [],
    throw: [],
    hub: [],
    close: [],
  };

  /** How often something was noted. */
  readonly notes = new Map<string, number>();

  note(what: string, by = 1): void {
    this.notes.set(what, (this.notes.get(what) ?? 0) + by);
  }

  count(what: Counted, by = 1): void {
    this.counts[what] += by;
  }

  merge(other: Tally): void {
    for (const what of Object.keys(NONE) as Counted[]) this.count(what, other.counts[what]);
    for (const [what, count] of other.notes) this.note(what, count);
    for (const ending of Object.keys(SAID) as Ending[]) this.failoversMs[ending].push(...other.failoversMs[ending]);
  }

  get text(): string {
    const counts = Object.entries(this.counts).map(([what, count]) => `${count} ${what}`);
    return counts.join(", ");
  }

  get noted(): string[] {
    return [...this.notes].sort().map(([what, count]) => `${count} ${what}`);
  }

  get failovers(): string[] {
    const endings = Object.keys(SAID) as Ending[];
    return endings.map((one) => `${SAID[one]}, until another one confirms: ${distributionOf(this.failoversMs[one])}`);
  }
}

/** Percentiles and a histogram of durations. */
export function distributionOf(durationsMs: readonly number[]): string {
  const sorted = durationsMs.toSorted((a, b) => a - b);
  if (sorted.length === 0) return "none";
  const at = (share: number) => (sorted[Math.ceil(share * sorted.length) - 1] as number).toFixed(0);
  const bars = STEPS_MS.map((step, index) => {
    const from = STEPS_MS[index - 1] ?? 0;
    const count = sorted.filter((ms) => ms >= from && ms < step).length;
    return `${step === Number.POSITIVE_INFINITY ? `>=${from}` : `<${step}`}: ${count}`;
  });
  return `${sorted.length} times, p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, max ${at(1)} ms (${bars.join(", ")})`;
}
