/** Compaction, leaving and destroying, as in `compactor.ts`, `removal.ts` and `host.ts`. */
import { goIdle, nameOf } from "./contender.js";
import {
  CHAIN,
  DONE,
  END_EPOCH,
  END_LOG,
  ENDING,
  EPOCH,
  FOLD,
  FOLD_LOG,
  FOLD_WORK,
  FOLDED,
  HEALING,
  highest,
  LOG,
  MARK,
  NEXT,
  packed,
  ROTATED,
  SEGMENT,
  STEP,
  unpacked,
  WORK,
} from "./fields.js";
import { expectHealed, publish, seqOf, viewOf, write } from "./healing.js";
import { confirmedEnd, hasBytes, hasLinks, isAstray } from "./hold.js";
import { readAll } from "./reading.js";
import {
  APPENDED,
  ENDED,
  FOLD_HEAL,
  FOLD_HOME,
  FOLD_LIST,
  FOLD_PUBLISH,
  FOLD_READ,
  FOLD_REMOVE_SEGMENT,
  FOLD_REMOVE_SNAPSHOT,
  FOLD_WRITE,
  FOLDING,
  LEAVE_BYTES,
  LEAVE_LINKS,
  LIST_ALL,
  NO_FOLD,
  ORPHAN,
  READY,
  REMOVE_BYTES,
  REMOVE_FILE,
  REMOVE_LINKS,
  WRITE_NEXT_HEAD,
} from "./steps.js";
import type { Turn } from "./turn.js";
import type { World } from "./world.js";

/** Creates the name of the next segment; the open one is closed where its confirmed frames end. */
export function rotate(world: World, process: number): void {
  const isByPath = world.setup.goesByPath || world.is("a segment is created by its path");
  if (isByPath) world.enter(world.pathOf(process));
  const isLate =
    world.is("a segment is closed with frames that are not confirmed") ||
    world.is("a heal is published before the seat is checked");
  const seq = isLate ? world.histories.length(world.of(process, LOG)) : world.of(process, DONE);
  const segment = world.of(process, SEGMENT);
  const { slot } = confirmedEnd(world, process);
  world.put(process, NEXT, packed({ slot, offset: seq - (segment >> 4) }));
  world.put(process, SEGMENT, ((segment & 7) + 1) | (seq << 4));
  if (world.hasSegment(slot + 1)) goIdle(world, process);
  else {
    world.createSegment(slot + 1);
    world.put(process, STEP, WRITE_NEXT_HEAD);
  }
}

function beginCompaction(world: World, process: number): void {
  const previous = unpacked(world.of(process, NEXT));
  const segment = world.of(process, SEGMENT);
  const seq = segment >> 4;
  if (!(segment & 8)) world.writeHead(previous.slot + 1, seq, previous);
  const closed = world.of(process, CHAIN) | (1 << previous.slot);
  world.put(process, CHAIN, closed);
  const isHeal = world.of(process, ENDING) === HEALING;
  beginFold(world, process, isHeal ? FOLD_WRITE | FOLD_HEAL : FOLD_READ);
  if (isHeal) world.put(process, FOLD_LOG, viewOf(world, process));
  const isEarly = world.is("a segment is removed too early") || world.is("a heal puts aside what it does not cover");
  world.put(process, FOLDED, isEarly ? closed | (1 << (previous.slot + 1)) : closed);
  world.put(process, FOLD_WORK, isHeal ? 0 : world.of(process, NEXT));
  world.put(process, NEXT, 0);
  if (world.of(process, ENDING) > 0) world.put(process, ENDING, isHeal ? 0 : ROTATED);
  const isSettled = world.of(process, DONE) === world.histories.length(world.of(process, LOG));
  world.put(process, STEP, isSettled ? READY : APPENDED);
}

/** A compaction has the directory of its hub open. */
function beginFold(world: World, process: number, step: number): void {
  world.put(process, FOLD, step | (world.homeOf(process) === 0 ? 0 : FOLD_HOME));
}

/** The steps of leaving and destroying; false when the process does neither. */
export function leave(turn: Turn, process: number): boolean {
  const { world } = turn;
  const goOn = (step: number) => world.put(process, STEP, step);
  switch (world.of(process, STEP)) {
    case WRITE_NEXT_HEAD:
      turn.take(process, "writes its first frame, and begins a compaction", () => {
        if (isAstray(world, process)) goIdle(world, process);
        else beginCompaction(world, process);
      });
      return true;
    case LEAVE_LINKS:
      turn.take(process, "looks at the links of its seat", () => {
        if (hasLinks(world, process)) goOn(LEAVE_BYTES);
        else goIdle(world, process);
      });
      return true;
    case LEAVE_BYTES:
      turn.take(process, "looks at the bytes of its seat", () => {
        if (hasBytes(world, process)) foldEverything(world, process);
        else goIdle(world, process);
      });
      return true;
    case FOLDING:
      if (world.of(process, FOLD) !== NO_FOLD) return true;
      turn.take(process, "has folded everything", () => {
        goAway(world, process);
      });
      return true;
    case ENDED:
      if (world.of(process, FOLD) !== NO_FOLD) return true;
      turn.take(process, "notes where the storage ends", () => {
        if (!world.is("the end is noted when all is removed")) noteEnd(world, process);
        goOn(LIST_ALL);
      });
      return true;
    default:
      return removeAll(turn, process);
  }
}

/** The process ends; what comes in its place is a new one. */
export function goAway(world: World, process: number): void {
  goIdle(world, process);
  for (let field = MARK; field <= FOLD_WORK; field++) world.put(process, field, 0);
}

function noteEnd(world: World, process: number): void {
  // Each end has a name of its own, and the highest one counts.
  if (world.is("the end is not noted") || world.get(END_EPOCH) > world.of(process, EPOCH)) return;
  const log = world.of(process, LOG);
  world.set(END_EPOCH, world.of(process, EPOCH));
  const isInUse = world.is("the end has the seq of a snapshot that is removed");
  world.set(END_LOG, isInUse ? world.histories.first(log, world.histories.length(log) - 1) : log);
}

function foldEverything(world: World, process: number): void {
  const { slot, offset } = confirmedEnd(world, process);
  const seq = world.of(process, DONE);
  const isFolded = offset === 0 && world.snapshot(seq) !== 0;
  beginFold(world, process, isFolded ? FOLD_LIST : FOLD_READ);
  if (seq === 0) world.put(process, FOLD, NO_FOLD);
  else {
    world.put(process, FOLDED, world.of(process, CHAIN) | (1 << slot));
    world.put(process, FOLD_LOG, isFolded ? world.of(process, LOG) : 0);
    world.put(process, FOLD_WORK, isFolded ? 0 : packed({ slot, offset }));
  }
  world.put(process, CHAIN, 0);
  world.put(process, STEP, FOLDING);
}

/** Removes one file after the other, each only while the seat stands; the own seat is the last. */
function removeAll(turn: Turn, process: number): boolean {
  const { world } = turn;
  const goOn = (step: number) => world.put(process, STEP, step);
  const isUnchecked = world.is("destroying without a check");
  switch (world.of(process, STEP)) {
    case LIST_ALL:
      turn.take(process, "lists all files", () => {
        world.put(process, WORK, world.segments());
        const isSpared = !world.is("the snapshot of the end is removed");
        const end = isSpared ? (1 << world.histories.length(world.of(process, LOG))) - 1 : -1;
        world.put(process, NEXT, ((world.snapshots() & end) << 6) | world.seats());
        goOn(isUnchecked ? REMOVE_FILE : REMOVE_LINKS);
      });
      return true;
    case REMOVE_LINKS:
      turn.take(process, "looks at the links of its seat", () => {
        if (hasLinks(world, process)) goOn(REMOVE_BYTES);
        else goAway(world, process);
      });
      return true;
    case REMOVE_BYTES:
      turn.take(process, "looks at the bytes of its seat", () => {
        if (hasBytes(world, process)) goOn(REMOVE_FILE);
        else goAway(world, process);
      });
      return true;
    case REMOVE_FILE:
      turn.take(process, "removes the next file", () => {
        removeNext(world, process, isUnchecked ? REMOVE_FILE : REMOVE_LINKS);
      });
      return true;
    default:
      return false;
  }
}

/** Segments first, the newest one before all; then snapshots; then seats, the own one at last. */
function removeNext(world: World, process: number, step: number): void {
  const [segments, others] = [world.of(process, WORK), world.of(process, NEXT)];
  const [snapshots, seats] = [others >> 6, others & 63];
  world.put(process, STEP, step);
  if (segments !== 0) {
    world.unlinkSegment(highest(segments));
    world.put(process, WORK, segments & ~(1 << highest(segments)));
  } else if (snapshots !== 0) {
    world.putSnapshot(highest(snapshots), 0);
    world.put(process, NEXT, ((snapshots & ~(1 << highest(snapshots))) << 6) | seats);
  } else {
    const epoch = highest(seats & -seats);
    world.unlinkSeat(epoch);
    world.put(process, NEXT, seats & ~(1 << epoch));
    if (seats !== 1 << epoch) return;
    if (world.is("the end is noted when all is removed")) noteEnd(world, process);
    goAway(world, process);
  }
}

/** The steps of a compaction: beside those of the hub, and when that is gone too. */
export function fold(turn: Turn, process: number): void {
  const { world } = turn;
  const state = world.of(process, FOLD);
  if (state === NO_FOLD) return;
  const goOn = (step: number) => world.put(process, FOLD, step | (state & (ORPHAN | FOLD_HOME | FOLD_HEAL)));
  const isReversed = world.is("removing before publishing");
  const folded = world.of(process, FOLD_LOG);
  switch (state & 7) {
    case FOLD_WRITE:
      turn.take(process, "writes what its member holds, and syncs it", () => {
        write(world, process);
        goOn(FOLD_PUBLISH);
      });
      break;
    case FOLD_READ:
      turn.take(process, "folds what is closed", () => {
        const read = readAll(world, unpacked(world.of(process, FOLD_WORK)));
        world.put(process, FOLD_WORK, 0);
        if (read <= 0) endFold(world, process);
        else {
          world.put(process, FOLD_LOG, read);
          goOn(isReversed ? FOLD_LIST : FOLD_PUBLISH);
        }
      });
      break;
    case FOLD_PUBLISH:
      turn.take(process, `publishes snapshot.${world.histories.length(folded)}`, () => {
        publish(world, folded, (state & FOLD_HEAL) > 0);
        if (isReversed) endFold(world, process);
        else goOn(FOLD_LIST);
      });
      break;
    case FOLD_LIST:
      turn.take(process, "lists the snapshots that it covers", () => {
        const covered = world.snapshots() & ((1 << seqOf(world, folded, (state & FOLD_HEAL) > 0)) - 1);
        world.put(process, FOLD_WORK, covered);
        goOn(covered === 0 ? FOLD_REMOVE_SEGMENT : FOLD_REMOVE_SNAPSHOT);
      });
      break;
    default:
      removeCovered(turn, process, goOn, isReversed);
  }
}

function removeCovered(turn: Turn, process: number, goOn: (step: number) => void, isReversed: boolean): void {
  const { world } = turn;
  const [snapshots, segments] = [world.of(process, FOLD_WORK), world.of(process, FOLDED)];
  if ((world.of(process, FOLD) & 7) === FOLD_REMOVE_SNAPSHOT) {
    const seq = highest(snapshots);
    turn.take(process, `removes snapshot.${seq}`, () => {
      world.putSnapshot(seq, 0);
      world.put(process, FOLD_WORK, snapshots & ~(1 << seq));
      if (snapshots === 1 << seq) goOn(FOLD_REMOVE_SEGMENT);
    });
    return;
  }
  const slot = highest(segments & -segments);
  turn.take(process, `removes ${nameOf(world, slot)}`, () => {
    world.unlinkSegment(slot);
    world.put(process, FOLDED, segments & ~(1 << slot));
    if (!(world.of(process, FOLD) & ORPHAN)) {
      world.put(process, CHAIN, world.of(process, CHAIN) & ~(1 << slot));
    }
    if (segments !== 1 << slot) return;
    if (world.of(process, FOLD) & FOLD_HEAL) expectHealed(turn, process);
    if (isReversed) goOn(FOLD_PUBLISH);
    else endFold(world, process);
  });
}

export function endFold(world: World, process: number): void {
  for (let field = FOLD; field <= FOLD_WORK; field++) world.put(process, field, 0);
}
