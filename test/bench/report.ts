/** The pure modules of the benchmark, which are no TypeScript, with their types. */
const load = async (name: string): Promise<unknown> =>
  import(new URL(`../../bench/report/${name}`, import.meta.url).href);

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Row {
  readonly name: string;
  readonly rounds?: readonly number[];
  readonly absent?: string;
  readonly note?: string;
}

export interface Target {
  readonly row: string;
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly times?: string;
}

export interface Table {
  readonly title: string;
  readonly unit: string;
  readonly limit?: string;
  readonly rows: readonly Row[];
  readonly targets?: readonly Target[];
}

export interface Curve {
  readonly title: string;
  readonly x: string;
  readonly unit: string;
  readonly series: ReadonlyArray<{
    readonly name: string;
    readonly points: ReadonlyArray<{ readonly x: number; readonly rounds: readonly number[] }>;
  }>;
}

interface Statistics {
  quantile(figures: readonly number[], share: number): number;
  median(figures: readonly number[]): number;
  deviation(figures: readonly number[]): number;
  ratio(figures: readonly number[], base: readonly number[]): number;
  fitLine(points: readonly Point[]): { slope: number; intercept: number };
  fitExponent(points: readonly Point[]): number | null;
}

export const statistics = (await load("statistics.mjs")) as Statistics;
export const units = (await load("units.mjs")) as {
  show(value: number, unit: string): string;
  showTimes(value: number): string;
};
export const targets = (await load("targets.mjs")) as {
  describeTarget(target: Target, unit: string): string;
  shareReached(target: Target, table: Table): number | null;
};
export const tables = (await load("table.mjs")) as { showTable(table: Table): string };
export const curves = (await load("curves.mjs")) as { showCurve(curve: Curve): string };
export const readme = (await load("readme.mjs")) as {
  showFigures(results: unknown): string;
  showSummary(results: unknown): string;
};
