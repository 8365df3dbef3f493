import {
  ADD,
  ALWAYS,
  CLEAR,
  DELETE,
  type Entry,
  EXPIRE,
  IF_ABSENT,
  isOfHub,
  KEEP,
  LIMIT,
  NEVER,
  PATCH,
  type Path,
  PUBLISH,
  SET,
  SWAP,
} from "../log/entry.js";
import { readRule } from "../log/limit-rule.js";
import { MAX_ARRAY_LENGTH } from "../log/limits.js";
import { countAt, countHit } from "./counting.js";
import { type Edit, exchange, presentAt, remove, type Touch, takeBack, touch, visibleAt, wrap, write } from "./edit.js";
import { Expiry } from "./expiry.js";
import { Patched, patch } from "./patch.js";
import { Slot } from "./slot.js";
import { metSwap } from "./swap.js";
import { unread } from "./tree.js";

/** The entry took effect. */
export const APPLIED = 1;
/** No effect: its condition was not met, or there was nothing to delete, to touch, to patch or to end. */
export const UNMET = 2;
/** No effect: what is there is not a number, or the sum is not finite. */
export const NOT_A_NUMBER = 3;
/** No effect: an array would have more than `MAX_ARRAY_LENGTH` elements. */
export const TOO_FAR = 4;
export type Status = 1 | 2 | 3 | 4;

/** What `assert` throws: the log or the code breaks an invariant, so the state cannot be trusted any more. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** @throws InvariantError unless `isTrue`. */
export function assert(isTrue: boolean, message: string): asserts isTrue {
  if (!isTrue) throw new InvariantError(message);
}

/** What takes an entry back: the slot that it replaced (null: there was none), or what it changed in one. */
export type Undo = Slot | null | Edit | Touch | Patched;

/** What an entry came to. */
export interface Outcome {
  /** 0: not known. */
  status: Status | 0;
  /** What takes the entry back; undefined when it changed nothing, and for a `CLEAR`. */
  undo: Undo | undefined;
  /** `ADD`: the new number; `LIMIT`: how much is counted. */
  number: number;
  /** `LIMIT`: when the count expires. */
  expiresAt: number;
  /** A time in ms before which the entry does the same to the same state, whenever it is executed; `-Infinity`: there is none. */
  validUntil: number;
  /** Whether `taken` is needed. */
  readonly isTake?: boolean;
  /** `DELETE`: what was there, frozen; undefined when nothing was, or it is not needed. */
  taken?: unknown;
}

/** For callers that need nothing of the outcome but the status. */
const SPARE: Outcome = { status: 0, undo: undefined, number: 0, expiresAt: NEVER, validUntil: Infinity };

/** The slots that an executor changes. */
export interface SlotStore {
  get(key: string): Slot | undefined;
  /** {@link Slots.put} */
  put(key: string, slot: Slot | undefined, next: Slot | undefined): void;
  /** {@link Slots.setText} */
  setText(key: string, json: string): void;
  /** {@link Slots.settle} */
  settle(key: string, from: number, to: number): void;
}

/** Executes one entry after the other, and writes what each came to into the outcome that its caller gives. */
export class Executor<Store extends SlotStore> {
  slots: Store;
  readonly #emptyStore: () => Store;
  #outcome = SPARE;
  #time = 0;

  constructor(emptyStore: () => Store) {
    this.#emptyStore = emptyStore;
    this.slots = emptyStore();
  }

  /**
   * Does what an entry says to the slots as they are at `time`.
   * @param isUndoable Whether `outcome.undo` is needed. When it is not, nothing in the slot may still have to be taken back.
   * @param outcome What the entry came to is written into it.
   */
  execute(entry: Entry, time: number, isUndoable: boolean, outcome = SPARE): Status {
    outcome.undo = undefined;
    outcome.number = 0;
    outcome.expiresAt = NEVER;
    outcome.validUntil = Infinity;
    if (outcome.isTake) outcome.taken = this.#taken(entry.path, time);
    this.#outcome = outcome;
    this.#time = time;
    outcome.status = this.#execute(entry, time, isUndoable);
    this.#outcome = SPARE;
    SPARE.undo = undefined; // it may hold a large value
    return outcome.status;
  }

  #execute(entry: Entry, time: number, isUndoable: boolean): Status {
    if (entry.type === CLEAR) return this.#clear();
    if (isOfHub(entry) || entry.type === PUBLISH) return UNMET;
    if (!isUndoable && isText(entry)) {
      this.slots.setText(entry.path[0] as string, entry.json);
      return APPLIED;
    }
    const slot = this.slots.get(entry.path[0] as string);
    if (entry.path.length === 1) {
      if (entry.type === SET && entry.condition === ALWAYS) return this.#setSlot(slot, entry, isUndoable);
      if (entry.type === DELETE) return this.#deleteSlot(slot, entry);
    }
    this.#look(slot);
    const live = slot?.isExpired(time) ? undefined : slot;
    if (entry.type === ADD) return this.#add(slot, live, entry);
    if (entry.type === LIMIT) return this.#limit(slot, live, entry);
    if (entry.type === PATCH) return this.#patch(live, entry);
    if (entry.type === SWAP) return this.#swap(slot, live, entry);
    if (entry.type !== SET) return this.#changePresent(live, entry);
    if (entry.condition === IF_ABSENT && live !== undefined && presentAt(live, entry.path, time) !== undefined)
      return UNMET;
    if (entry.path.length === 1) return this.#setSlot(slot, entry, isUndoable);
    return this.#setBelow(slot, live, entry, unread(entry.json));
  }

  /** Takes an entry back; all later ones of its slot have been taken back. */
  takeBack(entry: Entry, undo: Undo): void {
    const key = entry.path[0] as string;
    if (undo instanceof Slot || undo === null) {
      this.replaceSlot(key, undo);
      return;
    }
    const slot = this.slots.get(key);
    assert(slot !== undefined, "expected the slot of a change that is taken back");
    const next = slot.next;
    if (undo instanceof Patched) undo.takeBack(slot, entry.path);
    else takeBack(slot, entry.path, undo);
    this.slots.settle(key, next, slot.next);
  }

  /** Puts a slot, or nothing (null), in place of the one under a key; returns that. */
  replaceSlot(key: string, next: Slot | null): Slot | null {
    const slot = this.slots.get(key);
    this.slots.put(key, slot, next ?? undefined);
    return slot ?? null;
  }

  /** Notes that the outcome depends on what is expired in the slot: if nothing is, it holds until something expires. */
  #look(slot: Slot | undefined): void {
    const next = slot === undefined ? Infinity : slot.next;
    this.#outcome.validUntil = next > this.#time ? next : -Infinity;
  }

  #clear(): Status {
    this.slots = this.#emptyStore();
    return APPLIED;
  }

  #setSlot(slot: Slot | undefined, entry: Entry, isUndoable: boolean): Status {
    const key = entry.path[0] as string;
    const expiries = entry.expiresAt === NEVER ? null : new Expiry(entry.expiresAt);
    if (slot === undefined || isUndoable) {
      this.#replace(key, slot, new Slot(entry.json, expiries));
      return APPLIED;
    }
    const next = slot.next;
    slot.reset(entry.json, expiries);
    this.slots.settle(key, next, slot.next);
    return APPLIED;
  }

  /** Removes the slot even if it is expired, so that the effect does not depend on the time. */
  #deleteSlot(slot: Slot | undefined, entry: Entry): Status {
    if (slot === undefined) return UNMET;
    // The effect does not depend on the time, but the status that is reported does.
    this.#look(slot);
    this.#replace(entry.path[0] as string, slot, undefined);
    return slot.isExpired(this.#time) ? UNMET : APPLIED;
  }

  #changePresent(live: Slot | undefined, entry: Entry): Status {
    if (live === undefined || presentAt(live, entry.path, this.#time) === undefined) return UNMET;
    const next = live.next;
    if (entry.type === EXPIRE) return this.#changed(live, entry, next, touch(live, entry.path, entry.expiresAt));
    assert(entry.type === DELETE, `expected an entry of a batch, got one of type ${entry.type}`);
    return this.#changed(live, entry, next, remove(live, entry.path));
  }

  #patch(live: Slot | undefined, entry: Entry): Status {
    if (live === undefined) return UNMET;
    const next = live.next;
    const patched = patch(live, entry, this.#time);
    return patched === undefined ? UNMET : this.#changed(live, entry, next, patched);
  }

  #swap(slot: Slot | undefined, live: Slot | undefined, entry: Entry): Status {
    const said = metSwap(live, entry, this.#time);
    if (said === undefined) return UNMET;
    const { path } = entry;
    const known = said.from === undefined ? undefined : live?.expiries?.find(path, path.length);
    const expiresAt = entry.expiresAt === KEEP ? (known?.at ?? NEVER) : entry.expiresAt;
    return this.#setBelow(slot, path.length === 1 ? undefined : live, { ...entry, expiresAt }, said.to);
  }

  /** What is at a path before it is removed; it means nothing where the removal has no effect. */
  #taken(path: Path, time: number): unknown {
    const slot = this.slots.get(path[0] as string);
    const isThere = slot !== undefined && presentAt(slot, path, time) !== undefined;
    return isThere ? visibleAt(slot, path, time) : undefined;
  }

  #add(slot: Slot | undefined, live: Slot | undefined, entry: Entry): Status {
    const value = live && presentAt(live, entry.path, this.#time);
    if (value !== undefined && typeof value !== "number") return NOT_A_NUMBER;
    const sum = (value ?? 0) + entry.amount;
    if (!Number.isFinite(sum)) return NOT_A_NUMBER;
    this.#outcome.number = sum;
    if (live === undefined || value === undefined) return this.#setBelow(slot, live, entry, sum);
    return this.#changed(live, entry, live.next, exchange(live, entry.path, sum));
  }

  #limit(slot: Slot | undefined, live: Slot | undefined, entry: Entry): Status {
    const { path, json, amount } = entry;
    const rule = readRule(json);
    if (rule === null) return UNMET;
    const found = live === undefined ? null : countAt(live, path, this.#time);
    if (found === undefined) return NOT_A_NUMBER;
    const counted = countHit(rule, amount, found, this.#time);
    this.#outcome.number = counted.used;
    this.#outcome.expiresAt = counted.expiresAt;
    if (!counted.isCounted) return UNMET;
    if (!Number.isFinite(counted.number)) return NOT_A_NUMBER;
    if (live !== undefined && found?.expiresAt === counted.expiresAt)
      return this.#changed(live, entry, live.next, exchange(live, path, counted.number));
    return this.#setBelow(slot, live, { ...entry, expiresAt: counted.expiresAt }, counted.number);
  }

  /** Stores a value at a path in the slot, or in a new one if there is no live one. */
  #setBelow(slot: Slot | undefined, live: Slot | undefined, entry: Entry, leaf: unknown): Status {
    const { path, expiresAt } = entry;
    if (live !== undefined) {
      const next = live.next;
      return this.#changed(live, entry, next, write(live, entry, leaf, this.#time, MAX_ARRAY_LENGTH));
    }
    const value = wrap(entry, 1, leaf, MAX_ARRAY_LENGTH);
    const expiries = expiresAt === NEVER ? null : Expiry.chain(path, 1, expiresAt);
    this.#replace(path[0] as string, slot, Slot.of(value, expiries));
    return APPLIED;
  }

  /** Notes a change in a slot and what takes it back, or that it was too far. */
  #changed(slot: Slot, entry: Entry, next: number, undo: Edit | Touch | Patched | undefined): Status {
    if (undo === undefined) return TOO_FAR;
    this.#outcome.undo = undo;
    this.slots.settle(entry.path[0] as string, next, slot.next);
    return APPLIED;
  }

  #replace(key: string, slot: Slot | undefined, next: Slot | undefined): void {
    this.#outcome.undo = slot ?? null;
    this.slots.put(key, slot, next);
  }
}

/** Whether an entry makes a slot that is just its text, whatever was there. */
function isText({ type, path, condition, expiresAt }: Entry): boolean {
  return type === SET && path.length === 1 && condition === ALWAYS && expiresAt === NEVER;
}
