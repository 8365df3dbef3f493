/** Random values and paths over few keys, so that they meet. */
import fc from "fast-check";
import { type Path, setEntry } from "../../../dist/core/log/entry.js";
import type { Outcome, Status } from "../../../dist/core/state/executor.js";
import type { Table } from "../../../dist/core/state/table.js";

export const RUNS = 1000 * Number(process.env.CLUSTER_STORAGE_RUNS ?? 1);
export const NOW = 1_700_000_000_000;

/** An outcome that no entry has been executed into. */
export const newOutcome = (): Outcome => ({
  status: 0,
  undo: undefined,
  number: 0,
  expiresAt: 0,
  validUntil: Infinity,
});

export const put = (table: Table, path: Path, value: unknown, expiresAt = 0, time = NOW): Status =>
  table.execute(setEntry(path, JSON.stringify(value), expiresAt), time, true);

export const idle = (table: Table, time: number) =>
  table.apply({ seq: table.seq + 1, time, origin: 0, born: 0, number: 0, entries: [] });

export const sweepAll = (table: Table, limit = 10): Path[] => {
  const paths: Path[] = [];
  for (let more = true; more; ) {
    const swept = table.sweep(limit, () => false);
    paths.push(...swept.paths);
    more = swept.hasMore;
  }
  return paths;
};

export const key = fc.constantFrom(
  "a",
  "b",
  "0",
  "1",
  "2",
  "length",
  "constructor",
  "toString",
  "prototype",
  "valueOf",
);
export const path = fc.array(key, { minLength: 1, maxLength: 4 });
export const json = fc.oneof(
  fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom<unknown>(1, "text", true, "", 0),
      fc.dictionary(key, tie("value"), { maxKeys: 3, noNullPrototype: true }),
      fc.array(tie("value"), { maxLength: 3 }),
    ),
  })).value,
);
