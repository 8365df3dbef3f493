/**
 * One file: what processes see of it (the page cache) and what the disk has.
 *
 * Invariant: the disk differs from the page cache in `#dirty`, which a sync brings to the disk, and in `#dropped`, which a
 * failed sync gave up: those pages count as clean, and no later sync writes them.
 */
import type { Dice } from "./dice.js";

const SECTOR_BYTES = 512;

type Range = readonly [from: number, to: number];

/** How much of what was not synced a loss of power leaves of one file. */
export type Remains = "nothing" | "everything" | "a prefix" | "a prefix and zeros" | "sectors";

export class Inode {
  #cache = Buffer.alloc(0);
  #bytes = 0;
  #disk: Buffer = Buffer.alloc(0);
  #dirty: Range[] = [];
  #dropped: Range[] = [];
  /** Whether what was given up is written again, and not synced yet. */
  #isMended = false;
  /** Whether a loss of power left something after what it took. */
  hasHole = false;
  links = 1;
  modifiedAt = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** What processes read; valid until the next write. */
  get content(): Buffer {
    return this.#cache.subarray(0, this.#bytes);
  }

  /** What is on the disk. */
  get disk(): Buffer {
    return this.#disk;
  }

  /** Whether a failed sync gave up some of it, and it was not written again and synced since. */
  get hasDropped(): boolean {
    return this.#dropped.length > 0 || this.#isMended;
  }

  write(bytes: Buffer, position: number): void {
    const end = position + bytes.length;
    if (end > this.#cache.length) {
      const grown = Buffer.alloc(Math.max(end, this.#cache.length * 2));
      this.#cache.copy(grown, 0, 0, this.#bytes);
      this.#cache = grown;
    }
    if (position > this.#bytes) this.#cache.fill(0, this.#bytes, position);
    bytes.copy(this.#cache, position);
    this.#bytes = Math.max(this.#bytes, end);
    if (this.#dropped.length > 0) {
      this.#dropped = this.#dropped.filter(([from, to]) => from < position || to > end);
      this.#isMended = true;
    }
    const last = this.#dirty.at(-1);
    if (last !== undefined && last[1] === position) this.#dirty[this.#dirty.length - 1] = [last[0], end];
    else this.#dirty.push([position, end]);
  }

  truncate(bytes: number): void {
    if (bytes > this.#bytes) this.#cache.fill(0, this.#bytes, Math.min(bytes, this.#cache.length));
    this.#bytes = Math.min(bytes, this.#cache.length);
  }

  /** Everything reaches the disk that is not there and was not given up. */
  sync(): void {
    this.#apply(this.#dirty, this.#bytes);
    this.#dirty = [];
    this.#isMended = false;
  }

  /** A sync fails: what is on the disk stays as it is, and the pages count as clean. */
  drop(): void {
    this.#dropped.push(...this.#dirty);
    this.#dirty = [];
  }

  /** The machine has lost its power: what remains is all that there is. */
  cut(dice: Dice, remains: Remains): void {
    if (this.#dirty.length > 0 && remains !== "nothing") {
      const kept = keptOf(this.#dirty, this.#bytes, dice, remains);
      const end = kept.reduce((bytes, [, to]) => Math.max(bytes, to), 0);
      const isWhole = remains === "everything" || remains === "a prefix and zeros";
      this.#apply(kept, isWhole ? this.#bytes : Math.max(this.#disk.length, end));
      this.hasHole ||= remains === "sectors" && isHoled(this.#dirty, kept);
    }
    this.#dirty = [];
    this.#dropped = [];
    this.#isMended = false;
    this.#cache = Buffer.from(this.#disk);
    this.#bytes = this.#disk.length;
  }

  #apply(ranges: readonly Range[], bytes: number): void {
    const disk = Buffer.alloc(bytes);
    this.#disk.copy(disk, 0, 0, Math.min(bytes, this.#disk.length));
    for (const [from, to] of ranges) this.#cache.copy(disk, from, from, Math.min(to, bytes, this.#bytes));
    this.#disk = disk;
  }
}

/** Whether something is missing before the last of what was kept. */
function isHoled(dirty: readonly Range[], kept: readonly Range[]): boolean {
  const from = dirty[0]?.[0] ?? 0;
  return kept.some(([start], index) => start > (kept[index - 1]?.[1] ?? from));
}

function keptOf(dirty: readonly Range[], bytes: number, dice: Dice, remains: Remains): Range[] {
  if (remains === "everything") return [...dirty];
  const live = dirty.map(([from, to]): Range => [from, Math.min(to, bytes)]).filter(([from, to]) => from < to);
  if (remains !== "sectors") {
    const total = live.reduce((sum, [from, to]) => sum + to - from, 0);
    let left = dice.below(total + 1);
    return live.flatMap(([from, to]): Range[] => {
      const count = Math.min(left, to - from);
      left -= count;
      return count > 0 ? [[from, from + count]] : [];
    });
  }
  return live.flatMap(([from, to]) => {
    const sectors: Range[] = [];
    for (let at = from; at < to; ) {
      const next = Math.min(to, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
      if (dice.chance(0.5)) sectors.push([at, next]);
      at = next;
    }
    return sectors;
  });
}
