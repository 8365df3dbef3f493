/**
 * The protocol of the local engine as a model: each process takes its steps in any order with those of all others, and may
 * be frozen before each of them for any time, or forever, which is the same as an end.
 *
 * What is left out, and why that misses nothing:
 *
 * - Sockets: what a hub has broadcast reaches all processes at once, and a write may reach any hub that began to serve
 *   while it was not confirmed, at any time. Real connections do less.
 * - Time: any process may take the manager for dead at any moment, and a hub may compact or leave whenever it is idle. When a
 *   process may do so is in `reach.ts`, and when a member has left in `members.ts`.
 * - A copy is made in one step. One that is made file by file may be damaged; it changes nothing in the original either.
 * - A hub opens its directory when it begins, and does all in what it has open; with `goesByPath`, as where a platform has
 *   only paths. To remove a file is one step then, which does nothing where another file has the name.
 * - Temporary files, claims, sockets and the copy for people: no process reads them while there is a log.
 * - Bytes: frames are whole or not there, but for the one that is being written, which readers meet as an unfinished end.
 * - Power: all that was written stays, but a snapshot that is published before it is on the disk. The simulation and the fault
 *   tests cut the power.
 * - Damage: a damaged segment has its first frame after its head unreadable. The tests of faults damage every byte.
 * - Forgotten origins, salvage, and storages that do not persist.
 */
import { contend } from "./contender.js";
import { damage } from "./damage.js";
import type { Found, Model } from "./explore.js";
import {
  BACKUPS,
  CONFIRMED,
  COPIES,
  END_EPOCH,
  END_LOG,
  EPOCH,
  FOLD,
  FOLD_LOG,
  FOLDED,
  highest,
  INBOX,
  JOINING_TO,
  MARK,
  MARK_LOG,
  MOVES,
  PLACE,
  RESTARTS,
  SEAT,
  STEP,
  TRUTH,
} from "./fields.js";
import { endFold, fold, goAway, leave } from "./folding.js";
import { EMPTY } from "./history.js";
import { confirmedEnd, ID, isKnown, positionOf, spotOf } from "./hold.js";
import { serveMembers } from "./hub.js";
import { DAMAGED, readAll, readFrom, STALE, TWICE } from "./reading.js";
import type { Setup } from "./setup.js";
import { PATH } from "./state.js";
import {
  FOLD_HOME,
  FOLD_PUBLISH,
  FOLD_REMOVE_SEGMENT,
  FOLD_REMOVE_SNAPSHOT,
  IDLE,
  LINK_SEAT,
  NO_FOLD,
  ORPHAN,
  READY,
  WRITE_HEAD,
} from "./steps.js";
import { MEMBER, NOBODY, Turn, writesAt } from "./turn.js";
import { World } from "./world.js";

/** The states of a setup. */
export function protocol(setup: Setup): Model {
  const world = new World(setup);
  if (setup.beginsRemoved) removeBefore(world);
  const turn = new Turn(world);
  return {
    width: world.width,
    initial: world.state.slice(),
    expand(state: Uint16Array, found: Found) {
      turn.begin(state, found);
      for (let process = 0; process < setup.processes; process++) stepsOf(turn, process);
      turn.home = null;
      if (setup.joins) join(turn);
      if (world.directoryCount > 1) displace(turn);
      if (setup.damages) damage(turn);
    },
    isGood(state: Uint16Array) {
      world.state.set(state);
      return isServed(world);
    },
  };
}

/** Whether a process serves, or none does any more what others could wait for, as when all seats of the setup are used up. */
function isServed(world: World): boolean {
  let isOver = true;
  for (let process = 0; process < world.setup.processes; process++) {
    if (!world.exists(world.of(process, PLACE) & PATH)) continue;
    const step = world.of(process, STEP);
    const isAtHome = world.pathOf(process) === world.homeOf(process);
    if (step === READY && isAtHome && world.isSeated(process)) return true;
    if (step !== READY && step !== IDLE) isOver = false;
  }
  return isOver;
}

function removeBefore(world: World): void {
  const { histories, setup } = world;
  const cleared = histories.with(EMPTY, setup.writes);
  const end = histories.with(cleared, setup.writes);
  world.set(END_EPOCH, 2);
  world.set(END_LOG, end);
  world.set(TRUTH, end);
  world.put(0, STEP, LINK_SEAT);
  world.put(0, EPOCH, 1);
  world.put(1, FOLD, FOLD_REMOVE_SEGMENT | ORPHAN);
  world.put(1, FOLD_LOG, cleared);
  world.put(1, FOLDED, 1 << world.slotOf(1, 1));
}

function stepsOf(turn: Turn, process: number): void {
  const { world } = turn;
  if (!world.exists(world.of(process, PLACE) & PATH)) return;
  const isIdle = world.of(process, STEP) === IDLE;
  turn.home = isIdle ? null : world.homeOf(process);
  world.enter(directoryOf(world, process));
  if (!contend(turn, process) && !serveMembers(turn, process)) leave(turn, process);
  foldIn(turn, process);
  turn.home = null;
  if (world.setup.marks) followOthers(turn, process);
  if (world.is("a seat names an absolute address")) joinOriginal(turn, process);
  const isBusy = world.of(process, STEP) !== IDLE || world.of(process, FOLD) !== NO_FOLD;
  if (isBusy && world.get(RESTARTS) < (world.setup.restarts ?? 0)) {
    turn.take(process, "ends, and another one is started", () => {
      world.enter(world.homeOf(process));
      goAway(world, process);
      world.set(RESTARTS, world.get(RESTARTS) + 1);
    });
  }
  if (world.of(process, SEAT) === 1 && world.get(BACKUPS) < (world.setup.backups ?? 0)) {
    turn.take(process, "has its seat linked by a backup", () => {
      world.backUpSeat(process);
      world.set(BACKUPS, world.get(BACKUPS) + 1);
    });
  }
}

/** Where a process does what it does next: where its path leads as long as it has opened no directory. */
function directoryOf(world: World, process: number): number {
  const step = world.of(process, STEP);
  const isByPath = (world.setup.goesByPath || world.is("a contender goes by path")) && step <= WRITE_HEAD;
  return step === IDLE || isByPath ? world.pathOf(process) : world.homeOf(process);
}

function foldIn(turn: Turn, process: number): void {
  const { world } = turn;
  const home = world.of(process, FOLD) & FOLD_HOME ? 1 : 0;
  const step = world.of(process, FOLD) & 7;
  const isBlind = step >= FOLD_REMOVE_SNAPSHOT && world.is("a file is removed after a look at the path");
  turn.home = home;
  world.enter(world.setup.goesByPath || world.is("a compaction goes by path") ? world.pathOf(process) : home);
  // What a temporary file is linked to is where that file is, and what is removed is put aside first, and looked at.
  if (world.setup.goesByPath && world.entered !== home && step >= FOLD_PUBLISH && !isBlind) {
    turn.take(process, "meets another directory, and stops its compaction", () => endFold(world, process));
  } else fold(turn, process);
}

/** The directory is copied, or moved so that its path leads to another one. */
function displace(turn: Turn): void {
  const { world } = turn;
  world.enter(0);
  if (world.setup.copies && world.get(COPIES) === 0 && world.get(MOVES) === 0 && world.segments() !== 0) {
    turn.take(NOBODY, "the directory is copied", () => {
      world.copy();
      world.set(COPIES, 1);
    });
  }
  if (world.get(MOVES) === (world.setup.moves ?? 0)) return;
  turn.take(NOBODY, "the directory is moved, and its path leads to another one", () => {
    world.set(MOVES, world.get(MOVES) + 1);
    for (let process = 0; process < world.setup.processes; process++) world.noteLate(process, false);
  });
}

/** A member of the copy connects to the address in its seat, which is that of the original's manager. */
function joinOriginal(turn: Turn, process: number): void {
  const { world } = turn;
  if (world.pathOf(process) === 0 || world.of(process, STEP) !== IDLE) return;
  world.enter(1);
  const seats = world.seats();
  for (let hub = 0; hub < world.setup.processes; hub++) {
    const isThere = world.of(hub, STEP) === READY && world.homeOf(hub) === 0;
    if (!isThere || world.of(hub, EPOCH) !== highest(seats)) continue;
    turn.take(process, "sends its write to the manager that its seat names", () => {
      world.put(hub, INBOX, world.of(hub, INBOX) | (writesAt(world, 1) & ~world.get(CONFIRMED)));
    });
  }
}

/** A member that joined reads up to the position that its welcome names, in the directory in which it found its hub. */
function join(turn: Turn): void {
  const { world } = turn;
  const to = world.get(JOINING_TO);
  if (to === 0) return;
  turn.take(MEMBER, "reads the files up to the position of its welcome", () => {
    const home = to >> ID;
    const isByPath = world.setup.goesByPath || world.is("a joining member reads by path");
    if (isByPath) world.enter(world.at(0));
    else world.enter(home);
    const isThere = !world.setup.goesByPath || isKnown(world, to);
    const read = isThere ? readAll(world, spotOf(to)) : STALE;
    world.enter(home);
    world.set(JOINING_TO, 0);
    take(turn, read);
  });
}

/** A member without a hub that holds a state reads what follows it, up to where a hub says. */
function followOthers(turn: Turn, process: number): void {
  const { world } = turn;
  if (world.of(process, STEP) !== IDLE) return;
  for (let hub = 0; hub < world.setup.processes; hub++) {
    if (world.of(hub, STEP) !== READY || world.homeOf(hub) !== world.pathOf(process)) continue;
    const to = confirmedEnd(world, hub);
    const position = positionOf(world, hub);
    if (position === world.of(process, MARK)) continue;
    world.enter(world.homeOf(hub));
    turn.take(process, "reads what follows, up to where a hub says", () => {
      const read = readFrom(world, to, world.of(process, MARK), world.of(process, MARK_LOG));
      take(turn, read);
      if (read <= STALE) return;
      world.put(process, MARK, position);
      world.put(process, MARK_LOG, read);
    });
  }
}

function take(turn: Turn, read: number): void {
  if (read === DAMAGED && turn.world.isHurt) return;
  if (read === DAMAGED) turn.violate("a member takes the log for corrupt");
  else if (read === TWICE) turn.violate("a write takes effect twice");
  else if (read !== STALE) turn.tell(read, "a member");
}
