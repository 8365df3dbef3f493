/** How long it took until a write was confirmed by another manager than the one that was killed or frozen. */
import type { History } from "./records.js";
import { pidOf } from "./settings.js";
import type { Strike } from "./violence.js";

/**
 * In ms, for each kill or freeze of a manager after which another member got a write confirmed that a later epoch ordered.
 * Members record a confirmation when they learn of it, so a busy machine makes it longer.
 */
export function failoversOf(histories: readonly History[], strikes: readonly Strike[]): number[] {
  const acked = histories
    .flatMap(({ writes }) => writes.filter(({ ackedAt, epoch }) => ackedAt < Infinity && epoch > 0))
    .sort((a, b) => a.ackedAt - b.ackedAt);
  return strikes.flatMap(({ at, epoch, pid }) => {
    const first = acked.find((write) => write.ackedAt > at && write.epoch > epoch && pidOf(write.label) !== pid);
    return first === undefined ? [] : [(first.ackedAt - at) / 1000];
  });
}
