/**
 * The covers of one top-level key: how a few of them stand for all pending entries of the key, so that what others write costs
 * nothing for the entries that it does not concern.
 */
import { ADD, ALWAYS, DELETE, type Entry, IF_ABSENT, NEVER, PATCH, type Path, SET } from "../log/entry.js";
import { executeOn } from "../state/detached.js";
import { exchangeContents } from "../state/edit.js";
import { APPLIED, type Status, TOO_FAR, UNMET } from "../state/executor.js";
import { Expiry } from "../state/expiry.js";
import { fieldsOf } from "../state/patch.js";
import { Slot } from "../state/slot.js";
import type { Table } from "../state/table.js";
import { Cover } from "./cover.js";
import type { Op } from "./op.js";
import { Sum } from "./sum.js";

/**
 * The cover of a top-level key, and those below it.
 *
 * Invariant: the slot of the key with the contents of the covers at their paths is the confirmed one; as it is, it is what the
 * pending entries make of that. The containers of each path are live objects for both, and no entry that a cover stands for
 * depends on anything else but them and what is at or below the path.
 */
export class Covers extends Cover {
  /** Whether what is shown has to be made again from the confirmed contents: only `putBack` may be called. */
  isStale = false;
  /** Whether others have written since the oldest cover was made: fields that are shown may be in another order than in the log. */
  #isMixed = false;

  constructor() {
    super(1);
  }

  /** Performs an op. False, and nothing is done, when no cover can stand for it. */
  perform(table: Table, op: Op): boolean {
    const { entry } = op;
    const cover = this.over(entry.path);
    const isPerformed = cover === null ? this.#begin(table, op) : this.#performIn(table, cover, op);
    if (isPerformed) op.undo = undefined;
    return isPerformed;
  }

  /**
   * Executes an entry of another member at `time`, below what is pending. Afterwards this may be stale.
   * @returns The status; null, and nothing is done, when that is not possible before `putBack`.
   */
  execute(table: Table, entry: Entry, time: number): Status | null {
    const { path } = entry;
    const cover = this.over(path);
    this.#isMixed = true;
    if (cover !== null) {
      if (table.containersUntil(path, cover.depth, time) === 0) return null;
      const wasThere = cover.contents !== null;
      const status = executeOn(cover, entry, cover.depth, time);
      this.#touched(table, cover, path);
      this.#placeAdded(table, cover, path, wasThere);
      return status;
    }
    const depth = this.clearDepth(path);
    if (depth > path.length) return entry.type === PATCH ? this.#executeFields(table, entry, time) : null;
    return table.containersUntil(path, depth, time) === 0 ? null : table.execute(entry, time, false);
  }

  /** Makes the oldest op that a cover stands for part of the confirmed contents, at its place in the log. */
  confirm(table: Table, op: Op, time: number): void {
    const { entry } = op;
    const cover = this.over(entry.path);
    if (cover !== null) {
      const wasThere = cover.contents !== null;
      const isForeseen = cover.count === 1 && !cover.isTouched;
      if (!isForeseen) executeOn(cover, entry, cover.depth, time, op);
      this.#placeAdded(table, cover, entry.path, wasThere);
      if (entry.type === ADD) cover.sum?.remove(entry.amount);
      this.#leave(entry.path, cover, op);
      return;
    }
    op.status = APPLIED;
    let isLater = false;
    for (const [field, contents] of fieldsOf(entry) ?? []) {
      const path = [...entry.path, field];
      const fieldCover = this.over(path) as Cover;
      const wasThere = fieldCover.contents !== null;
      fieldCover.contents = contents;
      this.#placeAdded(table, fieldCover, path, wasThere);
      if (isLater) fieldCover.laterCount--;
      this.#leave(path, fieldCover, op);
      isLater = true;
    }
  }

  /** Puts the confirmed contents back into the slot. No cover is left. */
  putBack(table: Table, key: string): void {
    this.visit([key], (path, contents) => table.replaceAt(path, contents));
    this.drop();
  }

  /** Forgets the covers. */
  drop(): void {
    this.contents = null;
    this.count = 0;
    this.hider = null;
    this.sum = null;
    this.isTouched = false;
    this.children = null;
    this.isStale = false;
    this.#isMixed = false;
  }

  /** Performs an op that lies at or below a cover. */
  #performIn(table: Table, cover: Cover, op: Op): boolean {
    const { entry, time } = op;
    const until = table.containersUntil(entry.path, cover.depth, time);
    if (until === 0) return false;
    const isExact = cover.depth === entry.path.length;
    if (isExact && isHiding(op)) {
      this.#hide(table, entry.path, contentsOf(entry), op, until);
      return true;
    }
    if (cover.sum === null) {
      if (table.execute(entry, time, false, op) === TOO_FAR) return false;
      cover.count++;
      return true;
    }
    return isExact && entry.type === ADD && this.#addTo(table, cover, op, until);
  }

  /** Performs an op that no cover lies over, by making one. */
  #begin(table: Table, op: Op): boolean {
    const { entry, time } = op;
    const { path } = entry;
    if (entry.type === PATCH) return this.#patch(table, op);
    const until = table.containersUntil(path, path.length, time);
    if (until === 0) return false;
    if (isHiding(op)) {
      this.#hide(table, path, contentsOf(entry), op, until);
      return true;
    }
    if (this.clearDepth(path) > path.length) return false;
    const isMaking = entry.type === ADD || (entry.type === SET && entry.condition === IF_ABSENT);
    if (!isMaking) return false;
    const value = table.present(path, time);
    if (value === undefined) return this.#make(table, op, until);
    if (entry.type !== ADD || !Number.isSafeInteger(value)) return false;
    const cover = this.at(path);
    // Something stays there meanwhile, so that the field keeps its place among the others.
    cover.contents = table.replaceAt(path, Slot.of(value, null));
    cover.sum = new Sum(cover.contents);
    if (this.#addTo(table, cover, op, until)) return true;
    table.replaceAt(path, cover.contents);
    this.#removeCover(path, cover);
    return false;
  }

  /** Performs an op that stores something where nothing is. */
  #make(table: Table, op: Op, until: number): boolean {
    const { path } = op.entry;
    const cover = this.at(path);
    cover.contents = table.replaceAt(path, null);
    cover.count = 1;
    table.execute(op.entry, op.time, false, op);
    // What is expired now may not be expired at an earlier time.
    op.validUntil = cover.contents === null ? until : -Infinity;
    return true;
  }

  /** Adds the amount of an op to the sum of a cover. */
  #addTo(table: Table, cover: Cover, op: Op, until: number): boolean {
    const { entry, time } = op;
    const sum = cover.sum as Sum;
    if (!sum.add(entry.amount, time, cover.contents)) return false;
    const shown = sum.on(cover.contents) as Slot;
    table.replaceAt(entry.path, shown);
    cover.count++;
    op.status = APPLIED;
    op.number = shown.value as number;
    op.validUntil = Math.min(until, shown.expiresAt);
    return true;
  }

  /** Performs a patch by hiding each of its fields. */
  #patch(table: Table, op: Op): boolean {
    const { path } = op.entry;
    const until = table.containersUntil(path, path.length + 1, op.time);
    const fields = until === 0 ? undefined : fieldsOf(op.entry);
    if (fields === undefined) return false;
    let isLater = false;
    for (const [field, contents] of fields) {
      const cover = this.#hide(table, [...path, field], contents, op, until);
      if (isLater) cover.laterCount++;
      isLater = true;
    }
    op.status = APPLIED;
    return true;
  }

  /** Shows contents at a path instead of what is there; that is kept in a cover, with what those below it kept. */
  #hide(table: Table, path: Path, contents: Slot | null, op: Op, until: number): Cover {
    const cover = this.at(path);
    const shown = table.replaceAt(path, contents);
    op.status = APPLIED;
    op.validUntil = until;
    if (op.entry.type === DELETE) noteWhetherFound(op, shown);
    if (cover.count === 0) {
      cover.contents = shown;
      this.#takeOver(cover, path[0] as string);
    }
    cover.count++;
    cover.hider = op;
    cover.sum = null;
    return cover;
  }

  /** Makes a cover stand for what those below it stood for. */
  #takeOver(cover: Cover, key: string): void {
    const { children } = cover;
    if (children === null) return;
    cover.children = null;
    cover.isTouched = true;
    for (const [step, child] of children) {
      child.visit([key, step], (path, contents, { count, laterCount }) => {
        exchangeContents(cover.contents as Slot, path, contents);
        cover.count += count - laterCount;
      });
    }
  }

  /** Executes a patch of another member on an object of which fields are covered. */
  #executeFields(table: Table, entry: Entry, time: number): Status | null {
    const { path } = entry;
    const isLive = table.containersUntil(path, path.length + 1, time) > 0;
    const fields = isLive ? fieldsOf(entry) : undefined;
    if (fields === undefined) return null;
    for (const field of fields.keys()) {
      const fieldPath = [...path, field];
      if (this.over(fieldPath) === null && this.clearDepth(fieldPath) > fieldPath.length) return null;
    }
    for (const [field, contents] of fields) {
      const fieldPath = [...path, field];
      const cover = this.over(fieldPath);
      if (cover === null) table.replaceAt(fieldPath, contents);
      else {
        const wasThere = cover.contents !== null;
        cover.contents = contents;
        this.#touched(table, cover, fieldPath);
        this.#placeAdded(table, cover, fieldPath, wasThere);
      }
    }
    return APPLIED;
  }

  /** Shows what the pending entries make of the contents of a cover, which an entry of another member may have changed. */
  #touched(table: Table, cover: Cover, path: Path): void {
    cover.isTouched = true;
    if (cover.hider !== null) return;
    const shown = cover.sum === null ? null : cover.sum.on(cover.contents);
    if (shown === null) this.isStale = true;
    else table.replaceAt(path.length === cover.depth ? path : path.slice(0, cover.depth), shown);
  }

  /** Puts a field that the log may just have added, as it shows, behind those that the log has added before. */
  #placeAdded(table: Table, cover: Cover, path: Path, wasThere: boolean): void {
    if (wasThere || !this.#isMixed || this.isStale || cover.depth === 1) return;
    const place = path.length === cover.depth ? path : path.slice(0, cover.depth);
    table.replaceAt(place, table.replaceAt(place, null));
  }

  /** An op that a cover stands for has left. */
  #leave(path: Path, cover: Cover, op: Op): void {
    if (cover.hider === op) cover.hider = null;
    cover.count--;
    if (cover.count === 0) this.#removeCover(path, cover);
  }

  /** Removes the cover at or above a path. */
  #removeCover(path: Path, cover: Cover): void {
    if (cover === this) this.drop();
    else this.remove(path.slice(0, cover.depth));
  }
}

/** Whether an op stores or removes exactly what is at its path, whatever it is, where an object has that. */
function isHiding({ entry: { type, condition }, isTake }: Op): boolean {
  return (type === DELETE && !isTake) || (type === SET && condition === ALWAYS);
}

/** Notes what a `DELETE` comes to: the effect does not depend on the time, but the status does. */
function noteWhetherFound(op: Op, found: Slot | null): void {
  if (found === null) op.status = UNMET;
  else if (found.isExpired(op.time)) {
    op.status = UNMET;
    op.validUntil = -Infinity;
  } else op.validUntil = Math.min(op.validUntil, found.expiresAt);
}

/** What an entry of which `isHiding` is true puts at its path. */
function contentsOf({ type, json, expiresAt }: Entry): Slot | null {
  if (type === DELETE) return null;
  return new Slot(json, expiresAt === NEVER ? null : new Expiry(expiresAt));
}
