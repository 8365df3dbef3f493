/** The steps of a hub that serves, as in `hub.ts`, `log-writer.ts` and `host.ts`. */
import { goIdle, nameOf } from "./contender.js";
import { beginHeal } from "./damage.js";
import {
  CHAIN,
  CLEARED,
  CONFIRMED,
  DONE,
  EMPTIED,
  END_EPOCH,
  ENDING,
  EPOCH,
  FOLD,
  highest,
  INBOX,
  JOINING_TO,
  LOG,
  MARK,
  MARK_LOG,
  PLACE,
  ROTATED,
  SEGMENT,
  STEP,
  WORK,
} from "./fields.js";
import { rotate } from "./folding.js";
import { confirmedEnd, hasBytes, hasLinks, isMoved, nextWrites, positionOf } from "./hold.js";
import { LATE } from "./state.js";
import {
  APPENDED,
  BROADCAST,
  CHECK_BYTES,
  CHECK_LINKS,
  CHECK_PATH,
  CLEAN_BYTES,
  CLEAN_LINKS,
  CONFIRM,
  ENDED,
  LEAVE_LINKS,
  LIST_STRAYS,
  READY,
  REMOVE_STRAY,
  TORN,
} from "./steps.js";
import type { Turn } from "./turn.js";
import type { World } from "./world.js";

/** What a hub does next; false when it does none of this. */
export function serveMembers(turn: Turn, process: number): boolean {
  const { world } = turn;
  switch (world.of(process, STEP)) {
    case READY:
      if (world.of(process, ENDING) > 0) goOnEnding(turn, process);
      else beginTurn(turn, process);
      return true;
    case TORN:
      turn.take(process, "writes the rest of the frame", () => {
        appendFrame(world, process, world.of(process, WORK) - 1);
      });
      return true;
    case APPENDED:
      if (world.of(process, ENDING) === 0) for (const write of nextWrites(world, process)) takeIn(turn, process, write);
      turn.take(process, "has appended all that arrived", () => {
        const isChecked = world.is("no check") || world.is("broadcast before the check");
        world.put(process, STEP, isChecked ? BROADCAST : CHECK_LINKS);
      });
      if (world.is("a segment is closed with frames that are not confirmed")) beginNext(turn, process);
      if (world.is("folding what is not confirmed")) beginLeaving(turn, process);
      if (world.is("a heal is published before the seat is checked")) beginHeal(turn, process);
      return true;
    case BROADCAST:
      turn.take(process, "broadcasts, and welcomes who asks", () => broadcast(turn, process));
      return true;
    case CONFIRM:
      turn.take(process, "confirms", () => confirm(turn, process));
      return true;
    default:
      return check(turn, process) || cleanUp(turn, process);
  }
}

function beginTurn(turn: Turn, process: number): void {
  const { world } = turn;
  for (const write of nextWrites(world, process)) takeIn(turn, process, write);
  if (world.setup.joins && world.get(JOINING_TO) === 0) {
    turn.take(process, "begins a turn for who asks", () => world.put(process, STEP, CHECK_LINKS));
  }
  // A look at the path that finds it as it was changes nothing.
  if (looksAtPath(world) && isMoved(world, process)) {
    turn.take(process, "looks at its pulse where its path leads", () => goIdle(world, process));
  }
  if (!world.is("a heal is published before the seat is checked")) beginNext(turn, process);
  beginHeal(turn, process);
  if (world.setup.leaves) beginLeaving(turn, process);
  if (world.setup.destroys) beginEnding(turn, process);
}

/**
 * A process that is still joining is a member: then nothing is removed. One removal is enough: the storage after it begins
 * like the first one.
 */
function beginEnding(turn: Turn, process: number): void {
  const { world } = turn;
  const isFolding = (world.of(process, FOLD) & 7) !== 0;
  const hasRoom = (world.of(process, SEGMENT) & 7) < world.setup.segments;
  const { histories } = world;
  const fits = histories.length(world.of(process, LOG)) + 2 + world.setup.writes <= histories.most;
  const isRemoved = world.get(END_EPOCH) > 0 || world.get(JOINING_TO) > 0;
  if (isFolding || !hasRoom || isRemoved || !fits) return;
  turn.take(process, "destroys, and appends a batch that clears", () => {
    world.put(process, ENDING, CLEARED);
    appendFrame(world, process, world.setup.writes);
  });
}

function goOnEnding(turn: Turn, process: number): void {
  const { world } = turn;
  switch (world.of(process, ENDING)) {
    case CLEARED:
      turn.take(process, "creates its last segment", () => rotate(world, process));
      break;
    case ROTATED:
      turn.take(process, "appends an empty batch", () => {
        world.put(process, ENDING, EMPTIED);
        appendFrame(world, process, world.setup.writes);
      });
      break;
    default:
      turn.take(process, "has ended the log", () => world.put(process, STEP, ENDED));
  }
}

function beginNext(turn: Turn, process: number): void {
  const { world } = turn;
  const hasRoom = (world.of(process, SEGMENT) & 7) < world.setup.segments;
  if (!hasRoom || (world.of(process, FOLD) & 7) !== 0 || world.of(process, DONE) === 0) return;
  turn.take(process, "creates its next segment", () => {
    if (world.is("the path is looked at before a new segment only") && isMoved(world, process)) goIdle(world, process);
    else rotate(world, process);
  });
}

function beginLeaving(turn: Turn, process: number): void {
  turn.take(process, "leaves as the last one", () => turn.world.put(process, STEP, LEAVE_LINKS));
}

function takeIn(turn: Turn, process: number, write: number): void {
  const { world } = turn;
  const { histories } = world;
  if (world.is("check before the append") || world.is("confirm before the append")) {
    turn.take(process, `takes write ${write}`, () => {
      world.put(process, WORK, write + 1);
      world.put(process, STEP, CHECK_LINKS);
      if (world.is("check before the append")) return;
      turn.tell(histories.with(world.of(process, LOG), write), "the manager");
      world.set(CONFIRMED, world.get(CONFIRMED) | (1 << write));
      world.put(process, STEP, TORN);
    });
  } else if (world.setup.tears) {
    turn.take(process, `writes a part of the frame of write ${write}`, () => {
      const { slot } = confirmedEnd(world, process);
      if (!(world.of(process, SEGMENT) & 8)) world.tear(slot);
      world.put(process, WORK, write + 1);
      world.put(process, STEP, TORN);
    });
  } else turn.take(process, `appends write ${write}`, () => appendFrame(world, process, write));
}

function appendFrame(world: World, process: number, write: number): void {
  const { slot } = confirmedEnd(world, process);
  if (!(world.of(process, SEGMENT) & 8)) world.append(slot, write);
  world.noteLate(process, true);
  world.put(process, LOG, world.histories.with(world.of(process, LOG), write));
  world.put(process, INBOX, world.of(process, INBOX) & ~(1 << write));
  world.put(process, WORK, 0);
  world.put(process, STEP, world.is("check before the append") ? BROADCAST : APPENDED);
}

/** The check is two looks at the open seat. A hub whose seat is gone stops. */
function check(turn: Turn, process: number): boolean {
  const { world } = turn;
  const passed = () => {
    const isEarly = world.of(process, WORK) > 0 && world.is("check before the append");
    world.put(process, STEP, isEarly ? TORN : BROADCAST);
  };
  switch (world.of(process, STEP)) {
    case CHECK_LINKS:
      turn.take(process, "looks at the links of its seat", () => {
        if (!hasLinks(world, process)) goIdle(world, process);
        else if (world.is("links alone are checked, seats are not emptied")) passed();
        else world.put(process, STEP, CHECK_BYTES);
      });
      return true;
    case CHECK_BYTES:
      turn.take(process, "looks at the bytes of its seat", () => {
        if (!hasBytes(world, process)) goIdle(world, process);
        else if (looksAtPath(world)) world.put(process, STEP, CHECK_PATH);
        else passed();
      });
      return true;
    case CHECK_PATH:
      turn.take(process, "looks whether its path leads to its seat", () => {
        if (isMoved(world, process)) goIdle(world, process);
        else passed();
      });
      return true;
    default:
      return false;
  }
}

function looksAtPath(world: World): boolean {
  const isLeftOut = world.is("no look at the path") || world.is("the path is looked at before a new segment only");
  return world.setup.moves !== undefined && !isLeftOut;
}

function broadcast(turn: Turn, process: number): void {
  const { world } = turn;
  const log = world.of(process, LOG);
  const seq = world.histories.length(log);
  const isNew = seq > world.of(process, DONE);
  turn.tell(log, "the manager");
  if (isNew && world.of(process, PLACE) & LATE) turn.violate("confirms what it appended after its path led elsewhere");
  world.put(process, DONE, seq);
  const end = positionOf(world, process);
  const isOpen = !isNew && world.of(process, ENDING) === 0;
  if (world.setup.joins && isOpen && world.get(JOINING_TO) === 0) world.set(JOINING_TO, end);
  if (world.setup.marks) {
    world.put(process, MARK, end);
    world.put(process, MARK_LOG, log);
  }
  if (world.is("broadcast before the check") && isNew) world.put(process, STEP, CHECK_LINKS);
  else world.put(process, STEP, isNew ? CONFIRM : READY);
}

/**
 * Each write that a member takes for confirmed takes effect in the log of this hub, which was sent to all. A later batch of an origin
 * that the storage does not know, since its member has moved on to it, takes none, and is told as refused.
 */
function confirm(turn: Turn, process: number): void {
  const { world } = turn;
  const { histories } = world;
  const log = world.of(process, LOG);
  const effects = histories.effectsOf(log);
  const refuses = world.entered === 1 && effects !== -1 && !world.is("a refused write is told as confirmed");
  const told = (refuses ? effects : histories.setOf(log)) & ~world.get(CONFIRMED);
  if ((effects & told) !== told) turn.violate("a confirmed write takes no effect");
  world.set(CONFIRMED, world.get(CONFIRMED) | told);
  world.put(process, STEP, READY);
}

/** Removes what lower epochs left, when the chain reaches back to the newest snapshot. */
function cleanUp(turn: Turn, process: number): boolean {
  const { world } = turn;
  const left = highest(world.of(process, WORK));
  switch (world.of(process, STEP)) {
    case CLEAN_LINKS:
      turn.take(process, "looks at the links of its seat", () => {
        if (hasLinks(world, process)) world.put(process, STEP, CLEAN_BYTES);
        else goIdle(world, process);
      });
      return true;
    case CLEAN_BYTES:
      turn.take(process, "looks at the bytes of its seat", () => {
        if (hasBytes(world, process)) world.put(process, STEP, LIST_STRAYS);
        else goIdle(world, process);
      });
      return true;
    case LIST_STRAYS:
      turn.take(process, "lists what is not needed", () => {
        const own = world.slotOf(world.of(process, EPOCH), 1);
        const strays = world.segments() & ((1 << own) - 1) & ~world.of(process, CHAIN);
        world.put(process, WORK, isWholeChain(world, process) ? strays : 0);
        world.put(process, STEP, world.of(process, WORK) === 0 ? CHECK_LINKS : REMOVE_STRAY);
      });
      return true;
    case REMOVE_STRAY:
      turn.take(process, `removes ${nameOf(world, left)}`, () => {
        world.unlinkSegment(left);
        world.put(process, WORK, world.of(process, WORK) & ~(1 << left));
        if (world.of(process, WORK) === 0) world.put(process, STEP, CHECK_LINKS);
      });
      return true;
    default:
      return false;
  }
}

function isWholeChain(world: World, process: number): boolean {
  const chain = world.of(process, CHAIN);
  if (chain === 0) return true;
  const first = highest(chain & -chain);
  return world.hasHead(first) && world.headSeq(first) <= Math.max(0, highest(world.snapshots()));
}
