import type { Entry } from "../log/entry.js";
import type { SnapshotHead, StateView } from "../log/log.js";
import { contentsOf } from "./contents.js";
import { KeyMap } from "./keys/key-map.js";
import type { Slots } from "./slots.js";

/** What is pending on slots, and may hide or change what they have. */
export interface Pending {
  /** The keys that it concerns. */
  keys(): Iterable<string>;
  /** Makes what the slots have under a key the confirmed slot. */
  lift(key: string): void;
}

/**
 * A view of confirmed slots that go on changing: what a key has is copied before it changes, unless it was given before.
 *
 * The keys are given part by part, as the slots divide them. So no step takes longer than to list one part, or one key.
 *
 * Invariants:
 * 1. Given, or copied into `#owed`, is what the keys of the parts before `#part` had, those of `#part` that are not in `#rest`, and
 *    those in `#copied`. What all other keys have has not changed since the view was taken.
 * 2. A key that the slots have, and had not when the view was taken, is in `#copied`, or its part is not after `#part`.
 */
export class OpenView implements StateView {
  readonly head: SnapshotHead;
  readonly #slots: Slots;
  readonly #pending: Pending;
  readonly #onClose: (view: OpenView) => void;
  /** There were few keys when the view was taken: all are in `#rest` from the beginning, however they are divided later. */
  readonly #isSingle: boolean;
  #part = 0;
  #rest: Set<string>;
  #iterator: Iterator<string>;
  readonly #copied = new KeyMap<true>();
  #owed: Entry[] = [];
  #isDetached = false;
  #isClosed = false;

  /** @param slots The confirmed ones, but for what is pending on them. */
  constructor(head: SnapshotHead, slots: Slots, pending: Pending, onClose: (view: OpenView) => void) {
    this.head = head;
    this.#slots = slots;
    this.#pending = pending;
    this.#onClose = onClose;
    slots.settleParts();
    this.#isSingle = slots.parts.length === 1;
    this.#rest = this.#keysOf(0);
    this.#iterator = this.#rest.values();
  }

  /** Whether what a key has was neither given nor copied yet. */
  isAhead(key: string): boolean {
    const part = this.#partOf(key);
    return part > this.#part ? !this.#copied.has(key) : part === this.#part && this.#rest.has(key);
  }

  /** Copies what a key has, unless it was given before: it is about to change. */
  keep(key: string): void {
    if (!this.isAhead(key)) return;
    for (const entry of this.#entriesOf(key)) this.#owed.push(entry);
    if (!this.#rest.delete(key)) this.#copied.set(key, true);
  }

  /** Notes that nothing changes the slots any more, and that all keys are lifted. */
  detach(): void {
    this.#isDetached = true;
  }

  *entries(): Generator<Entry> {
    while (!this.#isClosed) {
      if (this.#owed.length > 0) yield* this.#owed.splice(0);
      const next = this.#iterator.next();
      if (!next.done) {
        const entries = this.#entriesOf(next.value);
        this.#rest.delete(next.value);
        yield* entries;
      } else if (!this.#isSingle && this.#part + 1 < this.#slots.parts.length) this.#begin(this.#part + 1);
      else if (this.#owed.length === 0) this.close();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#owed = [];
    this.#onClose(this);
  }

  #begin(part: number): void {
    this.#part = part;
    this.#rest = this.#keysOf(part);
    this.#iterator = this.#rest.values();
  }

  #partOf(key: string): number {
    return this.#isSingle ? 0 : this.#slots.partOf(key);
  }

  /** The keys of a part that were not copied, also those that are hidden. */
  #keysOf(part: number): Set<string> {
    const keys = new Set<string>();
    for (const [key] of this.#slots.parts[part] ?? []) if (!this.#copied.has(key)) keys.add(key);
    for (const key of this.#isDetached ? [] : this.#pending.keys()) {
      if (this.#partOf(key) === part && !this.#copied.has(key)) keys.add(key);
    }
    return keys;
  }

  /** All at once: the slot may change afterwards. */
  #entriesOf(key: string): Entry[] {
    if (!this.#isDetached) this.#pending.lift(key);
    const held = this.#slots.held(key);
    return held === undefined ? [] : [...contentsOf(key, held)];
  }
}

/** The views that are open on the present confirmed slots. */
export class Views {
  readonly #open = new Set<OpenView>();

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  /** Opens a view: {@link OpenView}. */
  open(head: SnapshotHead, slots: Slots, pending: Pending): StateView {
    const view = new OpenView(head, slots, pending, (closed) => this.#open.delete(closed));
    this.#open.add(view);
    return view;
  }

  /** Whether a view has still to give or to copy what a key has. */
  isAhead(key: string): boolean {
    for (const view of this.#open) if (view.isAhead(key)) return true;
    return false;
  }

  /** {@link OpenView.keep} */
  keep(key: string): void {
    for (const view of this.#open) view.keep(key);
  }

  /** {@link OpenView.detach} */
  detach(): void {
    for (const view of this.#open) view.detach();
    this.#open.clear();
  }
}
