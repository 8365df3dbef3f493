/** What comes from outside while processes run: damaged files, losses of power; and how a manager begins to heal what was damaged. */
import {
  BROKEN,
  CUTS,
  DAMAGES,
  DONE,
  ENDING,
  FOLD,
  HEALING,
  HURT_SEGMENTS,
  HURT_SNAPSHOTS,
  INBOX,
  PLACE,
  SEGMENT,
  STEP,
  UNSYNCED,
} from "./fields.js";
import { goAway, rotate } from "./folding.js";
import { PATH } from "./state.js";
import { READY } from "./steps.js";
import { NOBODY, type Turn } from "./turn.js";
import type { World } from "./world.js";

/** A hub that knows of damage begins a segment, where the state is taken that is written anew. It has one, and each name in it, once. */
export function beginHeal(turn: Turn, process: number): void {
  const { world } = turn;
  const hasRoom = (world.of(process, SEGMENT) & 7) < world.setup.segments;
  const isBusy = (world.of(process, FOLD) & 7) !== 0;
  if (!world.isHurt || !hasRoom || isBusy || world.of(process, DONE) === 0) return;
  if (world.is("a heal takes in what is pending") && world.of(process, INBOX) === 0) return;
  turn.take(process, "creates its next segment, to heal what is damaged", () => {
    world.put(process, ENDING, HEALING);
    rotate(world, process);
  });
}

/** Whether a process serves that can heal. What is damaged while none does may be lost, and is another promise. */
function isServed(world: World): boolean {
  for (let process = 0; process < world.setup.processes; process++) {
    if (world.of(process, STEP) === READY && world.isSeated(process) && world.of(process, PLACE) <= PATH) return true;
  }
  return false;
}

/** A file that holds something is damaged, or the machine loses its power. */
export function damage(turn: Turn): void {
  const { world } = turn;
  world.enter(0);
  if (world.get(DAMAGES) < (world.setup.damages ?? 0) && isServed(world)) {
    for (let slot = 0; slot < world.slotCount; slot++) {
      if (world.hasHead(slot) && world.frameCount(slot) > 0) hurt(turn, HURT_SEGMENTS, slot, "a segment");
    }
    for (let seq = 1; seq <= world.histories.most; seq++) {
      if (world.snapshot(seq) !== 0) hurt(turn, HURT_SNAPSHOTS, seq, "a snapshot");
    }
  }
  if (world.get(CUTS) < (world.setup.cuts ?? 0)) {
    turn.take(NOBODY, "the machine loses its power", () => {
      world.set(CUTS, world.get(CUTS) + 1);
      world.set(BROKEN, world.get(BROKEN) | world.get(UNSYNCED));
      for (let process = 0; process < world.setup.processes; process++) goAway(world, process);
    });
  }
}

function hurt(turn: Turn, field: number, number: number, what: string): void {
  const { world } = turn;
  turn.take(NOBODY, `${what} is damaged`, () => {
    world.set(DAMAGES, world.get(DAMAGES) + 1);
    world.set(field, world.get(field) | (1 << number));
  });
}
