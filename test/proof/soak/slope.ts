/** How steeply a measured figure rises, and how sure that is. */

export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

export interface Slope {
  readonly perHour: number;
  /** Standard error of `perHour`. */
  readonly error: number;
}

/** Standard errors by which a slope must be above its bound before that is taken for a fact. */
const SURE_ERRORS = 3;
/** Samples that lie side by side depend on each other, by the time of the last compaction say; the means of so many runs of them hardly do. */
const RUNS = 30;
const HOUR_MS = 3_600_000;

/** The line of least squares through the means of runs of samples. Infinitely unsure with fewer than three of them. */
export function slopeOf(samples: readonly Sample[]): Slope {
  const points = meansOf(samples);
  const middle = meanOf(points.map(({ atMs }) => atMs));
  const level = meanOf(points.map(({ value }) => value));
  const spread = points.reduce((sum, { atMs }) => sum + (atMs - middle) ** 2, 0);
  if (points.length < 3 || spread === 0) return { perHour: 0, error: Number.POSITIVE_INFINITY };
  const perMs = points.reduce((sum, { atMs, value }) => sum + (atMs - middle) * (value - level), 0) / spread;
  const rest = points.reduce((sum, { atMs, value }) => sum + (value - level - perMs * (atMs - middle)) ** 2, 0);
  return { perHour: perMs * HOUR_MS, error: Math.sqrt(rest / (points.length - 2) / spread) * HOUR_MS };
}

/** Whether a figure surely rises faster than `perHour`. */
export function isSteeper(slope: Slope, perHour: number): boolean {
  return slope.perHour - SURE_ERRORS * slope.error > perHour;
}

function meansOf(samples: readonly Sample[]): Sample[] {
  const size = Math.max(1, Math.ceil(samples.length / RUNS));
  return Array.from({ length: Math.ceil(samples.length / size) }, (_, index) => {
    const run = samples.slice(index * size, (index + 1) * size);
    return { atMs: meanOf(run.map(({ atMs }) => atMs)), value: meanOf(run.map(({ value }) => value)) };
  });
}

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}
