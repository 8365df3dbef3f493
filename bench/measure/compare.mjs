/** Times what runs in this process: all cases of one question take turns, so that a busy machine troubles all alike. */

const ROUND_MS = 40;
const WARM_UP_MS = 60;
/** Rounds that do not count. */
const WARM_UP_ROUNDS = 2;

/** Nanoseconds of a clock that all processes of the machine share. */
export const nowNs = () => Number(process.hrtime.bigint());

async function timed(run, count) {
  const start = nowNs();
  const ns = await run(count);
  return typeof ns === "number" ? ns : nowNs() - start;
}

/** How often a case runs in about `ROUND_MS`, once it is warm: the very first run may find things to prepare. */
async function countFor({ run, between, maxCount = Number.POSITIVE_INFINITY }) {
  await run(1);
  await between?.();
  const end = nowNs() + WARM_UP_MS * 1e6;
  let count = Math.min(16, maxCount);
  for (;;) {
    const ns = Math.max(1, await timed(run, count));
    await between?.();
    if (ns > ROUND_MS * 0.25e6 || (count === maxCount && nowNs() > end))
      return Math.min(maxCount, Math.max(1, Math.round((count * ROUND_MS * 1e6) / ns)));
    count = Math.min(maxCount, count * 4);
  }
}

/**
 * The time of one operation of each case, in ns, in each round.
 * @param cases `run(count)` does the operation `count` times, and may return how many ns that took, when not all of it must be
 *   counted; `between()` is called, untimed, after each run; `maxCount` limits `count`: then a round has several runs.
 * @returns rounds by name.
 */
export async function compare(cases, roundCount) {
  const counts = new Map();
  for (const each of cases) counts.set(each, await countFor(each));
  const figures = new Map(cases.map(({ name }) => [name, []]));
  for (let round = -WARM_UP_ROUNDS; round < roundCount; round++) {
    for (const each of cases) {
      const count = counts.get(each);
      const start = nowNs();
      let ns = 0;
      let done = 0;
      do {
        ns += await timed(each.run, count);
        done += count;
        await each.between?.();
      } while (count === each.maxCount && nowNs() - start < ROUND_MS * 1e6);
      if (round >= 0) figures.get(each.name).push(ns / done);
    }
  }
  return figures;
}

/** The rows of a table, in the order of the cases; those that are `absent` say why. */
export const rowsOf = (cases, figures) =>
  cases.map(({ name, note, absent }) =>
    absent === undefined ? { name, note, rounds: figures.get(name) } : { name, absent },
  );

/** Measures the cases that are not absent; returns the rows of all. */
export async function compareRows(cases, roundCount) {
  const there = cases.filter(({ absent }) => absent === undefined);
  return rowsOf(cases, await compare(there, roundCount));
}
