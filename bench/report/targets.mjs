/**
 * The targets, and whether they were reached. A target belongs to one row of a table and bounds its median, or, when it names
 * another row with `times`, its ratio to that row.
 */
import { median, ratio } from "./statistics.mjs";
import { show, showTimes } from "./units.mjs";

/** The share of a target at which the guard still lets it pass. */
export const GUARD_SHARE = 0.8;

function boundOf({ atMost, atLeast }) {
  return atMost === undefined ? { bound: atLeast, sign: ">=" } : { bound: atMost, sign: "<=" };
}

/** A target as text. */
export function describeTarget(target, unit) {
  const { bound, sign } = boundOf(target);
  return target.times === undefined ? `${sign} ${show(bound, unit)}` : `${sign} ${showTimes(bound)} ${target.times}`;
}

/**
 * How much of a target a table reaches: 1 or more is all of it, 0.8 is 80 %. null when one of its rows was not measured.
 * @param target `row`, and `atMost` or `atLeast`; with `times`, of the ratio to the row of that name.
 */
export function shareReached(target, table) {
  const row = measured(table, target.row);
  const base = target.times === undefined ? null : measured(table, target.times);
  if (row === null || (target.times !== undefined && base === null)) return null;
  const figure = base === null ? median(row.rounds) : ratio(row.rounds, base.rounds);
  return target.atMost === undefined ? figure / target.atLeast : target.atMost / figure;
}

function measured(table, name) {
  const row = table.rows.find((row) => row.name === name);
  if (row === undefined) throw new Error(`expected a row "${name}" in "${table.title}"`);
  return row.rounds === undefined ? null : row;
}
