/** What a hub knows of its seat, its segment, and what its members have sent. */
import { COPIES, DONE, EPOCH, INBOX, packed, SEGMENT, type Spot, unpacked } from "./fields.js";
import type { World } from "./world.js";

/** The end of what is confirmed. */
export function confirmedEnd(world: World, process: number): Spot {
  const segment = world.of(process, SEGMENT);
  return {
    slot: world.slotOf(world.of(process, EPOCH), segment & 7),
    offset: world.of(process, DONE) - (segment >> 4),
  };
}

/** The same as what a hub tells to members: with the id in the first frame of its segment. */
export const positionOf = (world: World, process: number): number =>
  packed(confirmedEnd(world, process)) | (world.homeOf(process) << ID);

/** Where the id of a segment is in a position. */
export const ID = 12;

/** The place in the log of a position. */
export const spotOf = (position: number): Spot => unpacked(position & ((1 << ID) - 1));

/** Whether a position is one in the entered directory: its segment has the same id there. */
export function isKnown(world: World, position: number): boolean {
  const { slot } = spotOf(position);
  if (world.is("a position counts in every storage") || !world.hasSegment(slot)) return true;
  if (world.is("a position is known by the storage alone") && world.get(COPIES) > 0) return true;
  return world.createdIn(slot) === position >> ID;
}

/** The look at the path: whether it leads elsewhere than to the directory that the hub has open. */
export const isMoved = (world: World, process: number): boolean => world.pathOf(process) !== world.homeOf(process);

/** Whether a segment that was created by path may be somewhere else, and gets no first frame. */
export function isAstray(world: World, process: number): boolean {
  const isUnseen = world.is("the first frame is written without a look at the path");
  return world.setup.goesByPath === true && !isUnseen && isMoved(world, process);
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

/** The writes that may come next: those of one member come in order. */
export function nextWrites(world: World, process: number): number[] {
  const inbox = world.of(process, INBOX);
  const writes = Array.from({ length: world.setup.writes }, (_, write) => write);
  const waiting = writes.filter((write) => inbox & (1 << write));
  return world.setup.isOneOrigin ? waiting.slice(0, 1) : waiting;
}
