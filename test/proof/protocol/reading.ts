/**
 * How the log is read, as `log-reader.ts` and `recovery.ts` do it.
 *
 * Reading is one step, after listing. That loses nothing: what was appended before a reader knows the end never changes, and
 * a file that it has open stays; so a reader that opens all the files one after another either meets one that is gone, and
 * begins again, or has what it would have read at the moment when it opened the newest one.
 */

import { highest, type Spot } from "./fields.js";
import { EMPTY } from "./history.js";
import { isKnown, spotOf } from "./hold.js";
import type { World } from "./world.js";

/** A file is gone: the reader begins again. */
export const STALE = 0;
/** The files do not hold what was written. */
export const DAMAGED = -1;

/** A write has an effect for the second time. */
export const TWICE = -2;

/** Slots in order; or why not. */
type Links = number[] | typeof STALE | typeof DAMAGED;

/** The chain back from `last` to the first slot that `isFirst`. */
function linksTo(world: World, last: number, isFirst: (slot: number) => boolean): Links {
  const links = [last];
  for (let slot = last; !isFirst(slot); slot = links[0] as number) {
    const previous = world.previous(slot);
    if (previous === null) break;
    if (previous.slot >= slot) return DAMAGED;
    if (!world.hasSegment(previous.slot)) return STALE;
    if (!world.hasHead(previous.slot) || world.frameCount(previous.slot) < previous.offset) return DAMAGED;
    links.unshift(previous.slot);
  }
  return links;
}

/** Where a link ends: where its successor says, the last one at `end`. */
function endOf(world: World, links: readonly number[], index: number, end: number): number {
  const next = links[index + 1];
  if (next === undefined) return end;
  if (world.is("the end of the predecessor is not noted")) return world.frameCount(links[index] as number);
  return (world.previous(next) as Spot).offset;
}

/** Goes on from a history at an offset of the first link; frames up to the history's seq are skipped. */
function follow(world: World, links: readonly number[], offset: number, history: number, end: number): number {
  const { histories } = world;
  let read = history;
  let seq = world.headSeq(links[0] as number) + offset;
  for (const [index, slot] of links.entries()) {
    if (index > 0 && world.headSeq(slot) !== seq) return DAMAGED;
    const from = index === 0 ? offset : 0;
    const to = endOf(world, links, index, end);
    if (from === 0 && to > 0 && !world.isSegmentWhole(slot)) return DAMAGED;
    for (let frame = from + 1; frame <= to; frame++) {
      seq++;
      if (seq > histories.length(read)) read = histories.with(read, histories.at(world.frames(slot), frame));
    }
  }
  return read;
}

/** The newest snapshot of the names, not above a seq; 0 for none. */
export function newestSnapshot(names: number, most = 15): number {
  return Math.max(0, highest(names & ((2 << most) - 1)));
}

/** What is in a snapshot; STALE when it is gone. */
function startOf(world: World, base: number): number {
  if (base === 0) return EMPTY;
  return world.isSnapshotWhole(base) ? world.snapshot(base) : DAMAGED;
}

/** Everything up to a spot. */
export function readAll(world: World, to: Spot): number {
  if (!world.hasSegment(to.slot)) return STALE;
  if (!world.hasHead(to.slot) || world.frameCount(to.slot) < to.offset) return DAMAGED;
  const names = world.snapshots();
  const base = newestSnapshot(names, world.headSeq(to.slot));
  const links = linksTo(world, to.slot, (slot) => world.headSeq(slot) <= base);
  const isCompacted = newestSnapshot(names) > world.headSeq(to.slot);
  if (typeof links === "number") return links === STALE && !isCompacted ? DAMAGED : links;
  const first = links[0] as number;
  if (world.headSeq(first) > base) return isCompacted ? STALE : DAMAGED;
  const start = startOf(world, base);
  if (start === DAMAGED) return DAMAGED;
  const read = follow(world, links, 0, start, to.offset);
  const isForgetful = world.is("a snapshot without the origins");
  return isForgetful && read > 0 && world.histories.effectsOf(read, base) === -1 ? TWICE : read;
}

/** What follows a position up to a spot; null when the position is not known to be part of this history. */
function readTail(world: World, to: Spot, mark: Spot, history: number): { read: number; links: number[] } | null {
  const links = linksTo(world, to.slot, (slot) => slot <= mark.slot);
  if (links === DAMAGED) return { read: DAMAGED, links: [] };
  if (typeof links === "number" || links[0] !== mark.slot) return null;
  const { histories } = world;
  const seq = histories.length(history);
  const end = endOf(world, links, 0, to.offset);
  if (mark.offset > end || (mark.offset === 0 && seq !== world.headSeq(mark.slot))) return null;
  if (mark.offset === end && links[1] !== undefined && world.headSeq(links[1]) !== seq) return null;
  if (mark.offset < end && world.headSeq(mark.slot) + mark.offset !== seq) return null;
  return { read: follow(world, links, mark.offset, history, to.offset), links };
}

/** What follows a position, or else everything, up to a spot. */
export function readFrom(world: World, to: Spot, mark: number, history: number): number {
  if (mark === 0 || !world.hasHead(to.slot) || !isKnown(world, mark)) return readAll(world, to);
  return readTail(world, to, spotOf(mark), history)?.read ?? readAll(world, to);
}

/** What a new manager finds: the history, and its end; no end where a snapshot covers everything. */
export interface Found {
  readonly history: number;
  readonly end: Spot | null;
  /** The slots after the snapshot. */
  readonly chain: number;
  /** The newest segment is read, and ends in an unfinished frame. */
  readonly isTorn: boolean;
}

/** What is found where a snapshot covers everything. */
function foundIn(history: number): Found | 0 | -1 {
  return history === STALE || history === DAMAGED ? history : { history, end: null, chain: 0, isTorn: false };
}

const setOf = (slots: readonly number[]): number => slots.reduce((set, slot) => set | (1 << slot), 0);

/**
 * Recovers the log from what was listed before.
 * @param listed The names of segments.
 * @param base The newest snapshot.
 */
export function recover(world: World, listed: number, base: number, mark: number, history: number): Found | 0 | -1 {
  let last = highest(listed);
  for (let left = listed; last >= 0; last = highest(left)) {
    if (!world.hasSegment(last)) return STALE;
    if (world.hasHead(last)) break;
    left &= ~(1 << last);
  }
  if (last < 0) return foundIn(startOf(world, base));
  const isLeftOver = world.headSeq(last) < base && !world.is("a segment before the snapshot is gone on with");
  if (isLeftOver) return foundIn(startOf(world, base));
  const isTorn = world.isTorn(last);
  const whole = { slot: last, offset: world.frameCount(last) };
  const noted =
    isTorn && world.is("an unfinished end counts as whole") ? { ...whole, offset: whole.offset + 1 } : whole;
  const isUsed = mark !== 0 && isKnown(world, mark);
  const tail = isUsed ? recoverTail(world, base, whole, spotOf(mark), history) : null;
  const found = tail ?? recoverAll(world, base, whole);
  return typeof found === "number" ? found : { ...found, end: found.end && noted, isTorn };
}

function recoverTail(world: World, base: number, end: Spot, mark: Spot, history: number): Found | -1 | null {
  const tail = readTail(world, end, mark, history);
  if (tail === null || (base > 0 && world.snapshot(base) === 0)) return null;
  if (tail.read === DAMAGED) return DAMAGED;
  const older = linksTo(world, tail.links[0] as number, (slot) => world.headSeq(slot) <= base);
  const chain = setOf(tail.links) | (typeof older === "number" ? 0 : setOf(older));
  return { history: tail.read, end, chain, isTorn: false };
}

function recoverAll(world: World, base: number, end: Spot): Found | 0 | -1 {
  const start = startOf(world, base);
  if (start === STALE || start === DAMAGED) return start;
  const links = linksTo(world, end.slot, (slot) => world.headSeq(slot) <= base);
  if (typeof links === "number") return links;
  if (world.headSeq(links[0] as number) > base) return STALE;
  const read = follow(world, links, 0, start, end.offset);
  if (read === DAMAGED) return DAMAGED;
  const seq = world.headSeq(end.slot) + end.offset;
  const isCovered = seq < base || (seq === base && world.headSeq(end.slot) < base);
  if (isCovered) return { history: start, end: null, chain: 0, isTorn: false };
  return { history: read, end, chain: setOf(links), isTorn: false };
}
