/** How a contender goes on after the end of a storage that was removed, as in `recovery.ts` and `tombstone.ts`. */

import { END_LOG, LOG, NEXT, STEP } from "./fields.js";
import { newestSnapshot } from "./reading.js";
import { LIST_LOG, LIST_SNAPSHOTS, PUBLISH_END, READ_END } from "./steps.js";
import type { Turn } from "./turn.js";
import type { World } from "./world.js";

/** Whether a snapshot is the last file of a storage that ended. */
function isLeft(world: World, seq: number, end: number): boolean {
  const { histories } = world;
  return seq === histories.length(end) - 1 && world.snapshot(seq) === histories.first(end, seq);
}

/** Where a storage was removed, the log goes on after its end. */
export function beginBehindEnd(turn: Turn, process: number): boolean {
  const { world } = turn;
  const goOn = (step: number) => world.put(process, STEP, step);
  switch (world.of(process, STEP)) {
    case LIST_SNAPSHOTS:
      turn.take(process, "looks for the newest snapshot", () => {
        world.put(process, NEXT, newestSnapshot(world.snapshots()));
        goOn(READ_END);
      });
      return true;
    case READ_END:
      turn.take(process, "looks where the storage ended", () => {
        const end = world.get(END_LOG);
        const newest = world.of(process, NEXT);
        const isBehind = end !== 0 && isLeft(world, newest, end);
        const isGone = newest > 0 && world.snapshot(newest) === 0;
        world.put(process, NEXT, 0);
        if (isGone) {
          goOn(LIST_SNAPSHOTS);
          return;
        }
        if (isBehind) world.put(process, LOG, end);
        goOn(isBehind ? PUBLISH_END : LIST_LOG);
      });
      return true;
    case PUBLISH_END:
      turn.take(process, "publishes the snapshot with which it ended", () => {
        const end = world.of(process, LOG);
        world.put(process, LOG, 0);
        const seq = world.histories.length(end);
        if (world.snapshot(seq) === 0) world.putSnapshot(seq, end);
        goOn(LIST_LOG);
      });
      return true;
    default:
      return false;
  }
}
