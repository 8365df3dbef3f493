/** What a hub knows of its seat and its segment. */
import { DONE, EPOCH, SEGMENT, type Spot, type World } from "./world.js";

/** The end of what is confirmed. */
export function confirmedEnd(world: World, process: number): Spot {
  const segment = world.of(process, SEGMENT);
  return {
    slot: world.slotOf(world.of(process, EPOCH), segment & 7),
    offset: world.of(process, DONE) - (segment >> 4),
  };
}

/** The first half of the check. */
export function hasLinks(world: World, process: number): boolean {
  if (world.is("no check") || world.is("bytes alone are checked")) return true;
  if (world.is("a name is checked, not an inode")) return (world.seats() & (1 << world.of(process, EPOCH))) > 0;
  return world.seatLinks(process) === 1;
}

/** The second half. */
export function hasBytes(world: World, process: number): boolean {
  if (world.is("no check") || world.is("a name is checked, not an inode")) return true;
  return world.hasSeatBytes(process);
}
