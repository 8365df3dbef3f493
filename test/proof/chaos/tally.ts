/** What was done in rounds, and how long it took until a manager confirmed again. */

export type Counted = keyof typeof NONE;

const NONE = {
  rounds: 0,
  "rounds not seen whole": 0,
  kills: 0,
  "managers killed": 0,
  stops: 0,
  "managers stopped": 0,
  "event loops blocked": 0,
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

const STEPS_MS = [20, 50, 100, 200, 500, 1000, 2000, 5000, Number.POSITIVE_INFINITY];

export class Tally {
  readonly counts = { ...NONE };
  /** From the SIGKILL of a manager to the first write that was confirmed by another one, in ms. */
  readonly killedMs: number[] = [];
  /** The same for a SIGSTOP that outlasted `stallTimeout`. */
  readonly frozenMs: number[] = [];

  count(what: Counted, by = 1): void {
    this.counts[what] += by;
  }

  merge(other: Tally): void {
    for (const what of Object.keys(NONE) as Counted[]) this.count(what, other.counts[what]);
    this.killedMs.push(...other.killedMs);
    this.frozenMs.push(...other.frozenMs);
  }

  get text(): string {
    const counts = Object.entries(this.counts).map(([what, count]) => `${count} ${what}`);
    return counts.join(", ");
  }

  get failovers(): string[] {
    return [
      `manager killed, until another one confirms: ${distributionOf(this.killedMs)}`,
      `manager stopped for longer than stallTimeout, until another one confirms: ${distributionOf(this.frozenMs)}`,
    ];
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
