/** What tests of the state compare. */
import assert from "node:assert/strict";
import { encodeEntries } from "../../../dist/core/log/codec.js";
import { STATE } from "../../../dist/core/log/frame.js";
import { originFrames } from "../../../dist/core/log/snapshot-frames.js";
import type { Table } from "../../../dist/core/state/table.js";

export function assertFrozen(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  assert(Object.isFrozen(value), "a returned value is not frozen");
  for (const member of Object.values(value)) assertFrozen(member);
}

/** A text of all that a snapshot would hold, the same for equal states. */
export function digest(table: Table): string {
  const lines = [...table.contents()].map((entry) => [
    entry.type,
    entry.path,
    entry.json && sorted(JSON.parse(entry.json)),
    entry.expiresAt,
  ]);
  return JSON.stringify([table.head(), lines.map((line) => JSON.stringify(line)).sort()]);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}

/** The state of a table as the frames of a snapshot. */
export const framesOf = (table: Table): Buffer[] => [
  ...originFrames(table.head()),
  ...[...table.contents()].map((entry) => encodeEntries([entry], STATE)),
];

/** The same promise, whose rejection is looked at later. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
