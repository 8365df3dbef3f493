/** The steps of a process that wants the seat, as in `own-hub.ts`, `seat.ts` and `host.ts`: from the claim to its first segment. */
import { beginBehindEnd } from "./ending.js";
import {
  CHAIN,
  CONFIRMED,
  DONE,
  END_EPOCH,
  END_LOG,
  EPOCH,
  FOLD,
  highest,
  INBOX,
  LOG,
  MARK,
  MARK_LOG,
  NEXT,
  packed,
  SEGMENT,
  STEP,
  TRUTH,
  unpacked,
  WORK,
} from "./fields.js";
import { holdsAll, publish } from "./healing.js";
import { EMPTY } from "./history.js";
import { hasBytes, hasLinks, isAstray } from "./hold.js";
import { DAMAGED, newestSnapshot, recover, STALE } from "./reading.js";
import {
  CHECK_LINKS,
  CLEAN_LINKS,
  CREATE_SEGMENT,
  EMPTY_SEAT,
  IDLE,
  LINK_SEAT,
  LIST_LOG,
  LIST_SEATS,
  LIST_SNAPSHOTS,
  LOOK_BEHIND,
  LOOK_END,
  LOOK_HIGHER,
  NO_FOLD,
  ORPHAN,
  PUBLISH_END,
  PUBLISH_HELD,
  READ_BYTES,
  READ_LINKS,
  READ_LOG,
  UNLINK_SEAT,
  WITHDRAW,
  WRITE_HEAD,
} from "./steps.js";
import { type Turn, writesAt } from "./turn.js";
import type { World } from "./world.js";

/** The process has no hub any more. What its member has applied, and a compaction that runs, stay. */
export function goIdle(world: World, process: number): void {
  world.releaseSeat(process);
  for (let field = STEP; field < MARK; field++) world.put(process, field, 0);
  if (world.of(process, FOLD) !== NO_FOLD) world.put(process, FOLD, world.of(process, FOLD) | ORPHAN);
}

const isBehindFence = (world: World): number => {
  if (world.is("reading before fencing")) return CREATE_SEGMENT;
  return world.setup.destroys ? LIST_SNAPSHOTS : LIST_LOG;
};

/** What a contender does next; false when the process is none. */
export function contend(turn: Turn, process: number): boolean {
  const { world } = turn;
  const epoch = world.of(process, EPOCH);
  const goOn = (step: number) => world.put(process, STEP, step);
  switch (world.of(process, STEP)) {
    case IDLE: {
      const used = Math.max(highest(world.seats()), world.epochOf(highest(world.segments())));
      const next = Math.max(used, world.get(END_EPOCH)) + 1;
      if (next > world.setup.epochs) return true;
      turn.take(process, `takes the manager for dead, and will claim seat ${next}`, () => {
        world.put(process, EPOCH, next);
        world.openHome(process);
        goOn(LINK_SEAT);
      });
      return true;
    }
    case LINK_SEAT:
      turn.take(process, `links seat.${epoch}`, () => {
        if (world.seats() & (1 << epoch)) goIdle(world, process);
        else {
          if (world.setup.goesByPath) world.openHome(process);
          world.linkSeat(process);
          goOn(LOOK_HIGHER);
        }
      });
      return true;
    case LOOK_HIGHER:
      turn.take(process, "looks for a higher seat", () => {
        const isHigher = world.seats() >> (epoch + 1) > 0 && !world.is("no look for a higher seat");
        if (isHigher) goOn(WITHDRAW);
        else if (world.setup.destroys && !world.is("a late claim does not look for an end")) goOn(LOOK_END);
        else goOn(behindClaim(world));
      });
      return true;
    case LOOK_END:
      turn.take(process, "looks whether its seat is of before an end", () => {
        goOn(world.get(END_EPOCH) >= epoch ? WITHDRAW : behindClaim(world));
      });
      return true;
    case WITHDRAW:
      turn.take(process, `unlinks seat.${epoch}`, () => {
        world.unlinkSeat(epoch);
        goIdle(world, process);
      });
      return true;
    default:
      return fence(turn, process) || beginBehindEnd(turn, process) || recoverLog(turn, process);
  }
}

function behindClaim(world: World): number {
  return world.is("no fence") || world.is("reading before fencing") ? LIST_LOG : LIST_SEATS;
}

function fence(turn: Turn, process: number): boolean {
  const { world } = turn;
  const goOn = (step: number) => world.put(process, STEP, step);
  const lowest = highest(world.of(process, WORK));
  switch (world.of(process, STEP)) {
    case LIST_SEATS:
      turn.take(process, "lists the lower seats", () => {
        const lower = world.seats() & ((1 << world.of(process, EPOCH)) - 1);
        if (lower === 0) goOn(isBehindFence(world));
        else {
          world.put(process, WORK, lower);
          goOn(world.is("links alone are checked, seats are not emptied") ? UNLINK_SEAT : EMPTY_SEAT);
        }
      });
      return true;
    case EMPTY_SEAT:
      turn.take(process, `empties seat.${lowest}`, () => {
        world.emptySeat(lowest);
        goOn(UNLINK_SEAT);
      });
      return true;
    case UNLINK_SEAT:
      turn.take(process, `unlinks seat.${lowest}`, () => {
        world.unlinkSeat(lowest);
        const left = world.of(process, WORK) & ~(1 << lowest);
        world.put(process, WORK, left);
        const next = world.is("links alone are checked, seats are not emptied") ? UNLINK_SEAT : EMPTY_SEAT;
        goOn(left === 0 ? isBehindFence(world) : next);
      });
      return true;
    default:
      return false;
  }
}

function recoverLog(turn: Turn, process: number): boolean {
  const { world } = turn;
  const goOn = (step: number) => world.put(process, STEP, step);
  const slot = world.slotOf(world.of(process, EPOCH), 1);
  switch (world.of(process, STEP)) {
    case LIST_LOG:
      turn.take(process, "lists segments and snapshots", () => {
        world.put(process, WORK, world.segments());
        world.put(process, NEXT, newestSnapshot(world.snapshots()));
        goOn(READ_LOG);
      });
      return true;
    case READ_LOG:
      turn.take(process, "reads the log to its end", () => readLog(turn, process));
      return true;
    case PUBLISH_HELD:
      turn.take(process, "publishes what its member holds", () => {
        publish(world, world.of(process, MARK_LOG), true);
        goOn(LIST_LOG);
      });
      return true;
    case LOOK_BEHIND:
      turn.take(process, "looks for a whole frame after the unfinished end", () => {
        const end = unpacked(world.of(process, NEXT));
        const isLater = world.hasSegment(end.slot) && world.frameCount(end.slot) > end.offset;
        if (isLater && world.is("after an unfinished end later bytes are looked at")) refuse(turn, process);
        else goOn(READ_LINKS);
      });
      return true;
    case READ_LINKS:
      turn.take(process, "looks at the links of its seat", () => {
        if (hasLinks(world, process)) goOn(READ_BYTES);
        else goIdle(world, process);
      });
      return true;
    case READ_BYTES:
      turn.take(process, "looks at the bytes of its seat", () => {
        if (hasBytes(world, process)) goOn(CREATE_SEGMENT);
        else goIdle(world, process);
      });
      return true;
    case CREATE_SEGMENT:
      turn.take(process, `creates ${nameOf(world, slot)}`, () => create(world, process, slot));
      return true;
    case WRITE_HEAD:
      turn.take(process, `writes the first frame of ${nameOf(world, slot)}`, () => {
        if (isAstray(world, process)) goIdle(world, process);
        else serve(world, process, slot);
      });
      return true;
    default:
      return false;
  }
}

function create(world: World, process: number, slot: number): void {
  if (world.hasSegment(slot)) {
    goIdle(world, process);
    return;
  }
  world.createSegment(slot);
  world.put(process, SEGMENT, 1 | (world.histories.length(world.of(process, LOG)) << 4));
  world.put(process, STEP, WRITE_HEAD);
}

export const nameOf = (world: World, slot: number): string =>
  `log.${world.epochOf(slot)}.${(slot % world.setup.segments) + 1}`;

function readLog(turn: Turn, process: number): void {
  const { world } = turn;
  const [listed, base] = [world.of(process, WORK), world.of(process, NEXT)];
  const found = recover(world, listed, base, world.of(process, MARK), world.of(process, MARK_LOG));
  if (found === STALE) {
    const isSame = listed === world.segments() && base === newestSnapshot(world.snapshots());
    if (isSame) refuse(turn, process);
    else world.put(process, STEP, LIST_LOG);
    return;
  }
  if (found === DAMAGED) {
    if (holdsAll(world, process)) world.put(process, STEP, PUBLISH_HELD);
    else refuse(turn, process);
    return;
  }
  const { history, end, chain, isTorn } = found;
  if (isTorn && world.is("an unfinished end is waited for")) {
    world.put(process, STEP, LIST_LOG);
    return;
  }
  if (history === EMPTY && world.get(END_LOG) !== 0) {
    world.put(process, LOG, world.get(END_LOG));
    world.put(process, WORK, 0);
    world.put(process, NEXT, 0);
    world.put(process, STEP, PUBLISH_END);
    return;
  }
  world.put(process, LOG, history);
  world.put(process, CHAIN, chain);
  world.put(process, NEXT, end === null ? 0 : packed(end));
  world.put(process, WORK, 0);
  const isTrusting = world.is("what was read is gone on with unchecked");
  world.put(process, STEP, isTorn ? LOOK_BEHIND : isTrusting ? CREATE_SEGMENT : READ_LINKS);
  if (world.is("reading before fencing")) world.put(process, STEP, LIST_SEATS);
  else if (world.isSeated(process) && world.entered === world.homeOf(process)) expectTruth(turn, history);
}

/** The process that has the seat must find all that any process was told. */
function expectTruth(turn: Turn, history: number): void {
  const { world } = turn;
  const { histories } = world;
  const truth = world.get(TRUTH);
  if (!histories.isPrefix(truth, history))
    turn.violate(`the manager finds ${histories.text(history)}, but ${histories.text(truth)} was told`);
}

/**
 * The files are reported as corrupt. That is right where they were damaged from outside, and where a process from before a removal
 * has created a segment in the directory before the next storage has begun: it is not known to which storage it belongs.
 */
function refuse(turn: Turn, process: number): void {
  const { world } = turn;
  const isLate = world.epochOf(highest(world.segments())) <= world.get(END_EPOCH);
  const isHome = world.entered === world.homeOf(process);
  if (world.isSeated(process) && isHome && !isLate && !world.isHurt)
    turn.violate("the manager takes the log for corrupt");
  goIdle(world, process);
}

function serve(world: World, process: number, slot: number): void {
  const log = world.of(process, LOG);
  const seq = world.histories.length(log);
  const end = world.of(process, NEXT);
  if (!(world.of(process, SEGMENT) & 8)) world.writeHead(slot, seq, end === 0 ? null : unpacked(end));
  world.put(process, NEXT, 0);
  world.put(process, DONE, seq);
  const home = world.homeOf(process);
  const writes = [0, 1].reduce((set, path) => (world.at(path) === home ? set | writesAt(world, path) : set), 0);
  world.put(process, INBOX, world.of(process, INBOX) | (writes & ~world.get(CONFIRMED)));
  world.put(process, STEP, world.setup.cleans ? CLEAN_LINKS : CHECK_LINKS);
}
