/** Time in which only sockets are removed, clocks are set, and members join. */
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../cluster/processes.js";
import { placesOf } from "./settings.js";
import { areListening, listed, removeSockets, SOCKET_KINDS } from "./sockets.js";
import type { Scene } from "./violence.js";

/** Longest pause before a removal, in ms. */
const PAUSE_MS = 1000;
/** Most members that one removal meets at their start. */
const MAX_JOINING = 2;
/** How long, in ms, they are removed again and again, at most, where no member begins late. */
const AGAIN_MS = 1500;
/**
 * Longest time, in ms, where a member begins late: well below the `stallTimeout` of a calm round, after which a manager that nobody can
 * reach rightly gives up its seat.
 */
const MOST_AGAIN_MS = 8000;
/** Longest time, in ms, until all sockets are there again, on a busy machine. */
const LONGEST_MS = 60_000;

/**
 * Returns what is wrong: the removal of a socket is no reason to claim the seat, neither for the members that are connected nor for
 * those that find no socket to connect to; and all sockets are there again after a heartbeat.
 *
 * @param isServed Whether all members that were ever started have had a write confirmed.
 */
export async function disturb(scene: Scene, isServed: () => boolean): Promise<string[]> {
  const { database, histories } = placesOf(scene.directory);
  // Closed ones are none here: each has a history as soon as its program runs.
  const startedCount = () => listed(histories).length;
  const { population, starter, settings, dice, tally, copies, clock } = scene;
  const isWhole = async () => {
    const { members } = population;
    return starter.starting === 0 && isServed() && (await areListening(database, members.length));
  };
  await until("all members have joined", isWhole, LONGEST_MS);
  const first = population.manager;
  for (const end = performance.now() + settings.violenceMs; performance.now() < end; ) {
    await sleep(dice.below(PAUSE_MS));
    if (dice.chance(0.5)) clock.jump(dice, tally);
    if (dice.chance(0.3)) copies.take(dice.chance(0.5) ? "-r" : "-a");
    const kind = dice.pick(SOCKET_KINDS);
    tally.count("removals in calm");
    const joining = dice.below(MAX_JOINING + 1);
    const before = startedCount();
    starter.start(joining);
    const again = performance.now() + dice.below(AGAIN_MS);
    // Again and again, so that each new member begins while there is none.
    const longest = performance.now() + MOST_AGAIN_MS;
    const isOver = () => {
      tally.count("sockets removed", removeSockets(database, kind));
      const haveBegun = startedCount() >= before + joining || performance.now() >= longest;
      return haveBegun && performance.now() >= again;
    };
    await until("the new members have begun", isOver, LONGEST_MS);
    await until(`all sockets are there again, after ${kind} were removed`, isWhole, LONGEST_MS);
    tally.count("members that joined after those", joining);
    const { manager } = population;
    if (manager?.epoch !== first?.epoch)
      return [
        `after ${kind} were removed, the epoch went from ${first?.epoch} to ${manager?.epoch} for that reason alone`,
      ];
  }
  return [];
}
