/**
 * The protocol of the local engine as a model: each process takes its steps in any order with those of all others, and may
 * be frozen before each of them for any time, or forever, which is the same as an end.
 *
 * What is left out, and why that misses nothing:
 *
 * - Sockets: what a hub has broadcast reaches all processes at once, and a write may reach any hub that began to serve
 *   while it was not confirmed, at any time. Real connections do less.
 * - Time: any process may take the manager for dead at any moment, and a hub may compact or leave whenever it is idle.
 * - Temporary files, claims, sockets and the copy for people: no process reads them while there is a log.
 * - Bytes: frames are whole or not there, but for the one that is being written, which readers meet as an unfinished end.
 * - Power: all that was written stays. The simulation and the fault tests cut the power.
 * - Forgotten origins, salvage, and storages that do not persist.
 */
import { contend, ORPHAN } from "./contender.js";
import type { Found, Model } from "./explore.js";
import { fold, goAway, leave } from "./folding.js";
import { EMPTY } from "./history.js";
import { confirmedEnd } from "./hold.js";
import { serveMembers } from "./hub.js";
import { DAMAGED, readAll, readFrom, STALE, TWICE } from "./reading.js";
import type { Setup } from "./setup.js";
import { FOLD_REMOVE_SEGMENT, IDLE, LINK_SEAT, NO_FOLD, READY } from "./steps.js";
import { Turn } from "./turn.js";
import {
  BACKUPS,
  END_EPOCH,
  END_LOG,
  EPOCH,
  FOLD,
  FOLD_LOG,
  FOLDED,
  JOINING_TO,
  MARK,
  MARK_LOG,
  packed,
  RESTARTS,
  SEAT,
  STEP,
  TRUTH,
  unpacked,
  World,
} from "./world.js";

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
      if (setup.joins) join(turn);
    },
  };
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
  if (!contend(turn, process) && !serveMembers(turn, process)) leave(turn, process);
  fold(turn, process);
  if (world.setup.marks) followOthers(turn, process);
  const isBusy = world.of(process, STEP) !== IDLE || world.of(process, FOLD) !== NO_FOLD;
  if (isBusy && world.get(RESTARTS) < (world.setup.restarts ?? 0)) {
    turn.take(process, "ends, and another one is started", () => {
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

/** A member that joined reads up to the position that its welcome names. */
function join(turn: Turn): void {
  const { world } = turn;
  const to = world.get(JOINING_TO);
  if (to === 0) return;
  turn.take(-1, "reads the files up to the position of its welcome", () => {
    const read = readAll(world, unpacked(to));
    world.set(JOINING_TO, 0);
    take(turn, read);
  });
}

/** A member without a hub that holds a state reads what follows it, up to where a hub says. */
function followOthers(turn: Turn, process: number): void {
  const { world } = turn;
  if (world.of(process, STEP) !== IDLE) return;
  for (let hub = 0; hub < world.setup.processes; hub++) {
    if (world.of(hub, STEP) !== READY) continue;
    const to = confirmedEnd(world, hub);
    if (packed(to) === world.of(process, MARK)) continue;
    turn.take(process, "reads what follows, up to where a hub says", () => {
      const read = readFrom(world, to, world.of(process, MARK), world.of(process, MARK_LOG));
      take(turn, read);
      if (read <= STALE) return;
      world.put(process, MARK, packed(to));
      world.put(process, MARK_LOG, read);
    });
  }
}

function take(turn: Turn, read: number): void {
  if (read === DAMAGED) turn.violate("a member takes the log for corrupt");
  else if (read === TWICE) turn.violate("a write takes effect twice");
  else if (read !== STALE) turn.tell(read, "a member");
}
