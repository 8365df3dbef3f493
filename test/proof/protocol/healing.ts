/**
 * How the files are healed, as in `healer.ts`: whoever holds the confirmed state where a segment begins writes it anew and syncs it,
 * and publishes it as a compaction does. Which member that is makes no difference: all that follow their hub hold the same there.
 */
import {
  DAMAGES,
  DONE,
  FOLD,
  FOLD_LOG,
  highest,
  INBOX,
  LOG,
  MARK,
  MARK_LOG,
  SEGMENT,
  TRUTH,
  UNSYNCED,
} from "./fields.js";
import { isKnown } from "./hold.js";
import { newestSnapshot, recover } from "./reading.js";
import { ORPHAN } from "./steps.js";
import type { Turn } from "./turn.js";
import type { World } from "./world.js";

/** The state where the newest segment begins. */
export function viewOf(world: World, process: number): number {
  const { histories } = world;
  const view = histories.first(world.of(process, LOG), world.of(process, SEGMENT) >> 4);
  const inbox = world.of(process, INBOX);
  const isMixed = world.is("a heal takes in what is pending");
  return isMixed ? histories.with(view, highest(inbox & -inbox)) : view;
}

/** The state is written under a temporary name; a view that is taken only now is that of a hub which has gone on. */
export function write(world: World, process: number): void {
  const isLate = world.is("a heal's view is of another seq than its segment begins with");
  if (!isLate || world.of(process, FOLD) & ORPHAN) return;
  world.put(process, FOLD_LOG, world.histories.first(world.of(process, LOG), world.of(process, DONE)));
}

/** The seq of a state. What is pending has none. */
export function seqOf(world: World, state: number, isHeal: boolean): number {
  const isMixed = isHeal && world.is("a heal takes in what is pending");
  return world.histories.length(state) - Number(isMixed);
}

/** Gives a state its name. A snapshot that has the name before stays if it is whole, since it holds the same. */
export function publish(world: World, state: number, isHeal: boolean): void {
  const seq = seqOf(world, state, isHeal);
  const stays = world.isSnapshotWhole(seq) || world.is("a heal gets the name of the snapshot that is damaged");
  if (world.is("one name for all snapshots")) {
    for (let other = 1; other <= world.histories.most; other++) world.putSnapshot(other, 0);
  }
  if (world.snapshot(seq) !== 0 && stays) return;
  world.putSnapshot(seq, state);
  const isSynced = !isHeal || !world.is("a heal is published before it is on the disk");
  if (!isSynced) world.set(UNSYNCED, world.get(UNSYNCED) | (1 << seq));
}

/** Whether a contender may go on from what its member holds, although it cannot read what was before. */
export function holdsAll(world: World, process: number): boolean {
  const mark = world.of(process, MARK);
  if (mark === 0 || !isKnown(world, mark)) return false;
  if (world.is("a contender heals from a state that others have gone beyond")) return true;
  const held = world.histories.length(world.of(process, MARK_LOG));
  if (highest(world.snapshots()) > held) return false;
  for (let slot = 0; slot < world.slotCount; slot++) {
    if (world.hasHead(slot) && world.headSeq(slot) + world.frameCount(slot) > held) return false;
  }
  return true;
}

/**
 * The one file that was damaged is healed: a process that holds nothing finds all that was told. A hub that was replaced meanwhile
 * knows nothing of what is damaged since.
 */
export function expectHealed(turn: Turn, process: number): void {
  const { world } = turn;
  const isReplaced = !world.isSeated(process) || (world.of(process, FOLD) & ORPHAN) > 0;
  if (world.get(DAMAGES) !== 1 || isReplaced) return;
  const found = recover(world, world.segments(), newestSnapshot(world.snapshots()), 0, 0);
  const isWhole = typeof found !== "number" && world.histories.isPrefix(world.get(TRUTH), found.history);
  if (!isWhole) turn.violate("after a heal a process that holds nothing does not find what was told");
}
