import { NEVER, type Path } from "../log/entry.js";
import { Expiry } from "./expiry.js";
import { freeze, isContainer, readJson, Unread, unread } from "./tree.js";

/** The value is JSON text that has not been read. */
const TEXT = 0;
/** The value is parsed; parts of it may be frozen or unread. */
const OPEN = 1;
/** The value is a primitive, or frozen with all below it. */
const FROZEN = 2;

/** A slot, or the JSON text of one that was not looked at and has no expiry. */
export type Held = Slot | string;

/**
 * What is held under one top-level key.
 *
 * Invariant: `expiries` names only what the value has, and is null instead of empty.
 */
export class Slot {
  expiries: Expiry | null;
  #value: unknown;
  #state: 0 | 1 | 2;

  constructor(json: string, expiries: Expiry | null) {
    this.expiries = expiries;
    this.#value = json;
    this.#state = TEXT;
  }

  /** Creates a slot of a value that no other code holds. */
  static of(value: unknown, expiries: Expiry | null): Slot {
    const slot = new Slot("", expiries);
    slot.value = value;
    return slot;
  }

  /** Creates a slot of what a container had under a key, which may be unread. */
  static ofMember(member: unknown, expiries: Expiry | null): Slot {
    return member instanceof Unread ? new Slot(member.json, expiries) : Slot.of(member, expiries);
  }

  /** The value as a member of an unfrozen container: unread if it was not read. */
  get member(): unknown {
    return this.#state === TEXT ? unread(this.#value as string) : this.#value;
  }

  /** Gives the slot the contents that `new Slot` would give it. */
  reset(json: string, expiries: Expiry | null): void {
    this.expiries = expiries;
    this.#value = json;
    this.#state = TEXT;
  }

  /** The JSON text, until the value is read. */
  get text(): string | undefined {
    return this.#state === TEXT ? (this.#value as string) : undefined;
  }

  /** The parsed value. Code that changes it, also in place, must assign it too, so that it does not count as frozen. */
  get value(): unknown {
    if (this.#state === TEXT) this.value = readJson(this.#value as string);
    return this.#value;
  }

  set value(value: unknown) {
    this.#value = value;
    this.#state = isContainer(value) ? OPEN : FROZEN;
  }

  /** The value with all below it frozen, whether or not anything in it is expired. */
  get frozen(): unknown {
    if (this.#state === FROZEN) return this.#value;
    const value = this.value;
    freeze(value);
    this.#state = FROZEN;
    return value;
  }

  /** The value, if it is frozen and nothing in it is expired; otherwise undefined. `now` is called only when something in the slot expires. */
  frozenValue(now: () => number): unknown {
    if (this.#state !== FROZEN) return undefined;
    return this.expiries === null || now() < this.expiries.next ? this.#value : undefined;
  }

  /** A time in ms before which nothing in the slot is expired. */
  get next(): number {
    return this.expiries === null ? Infinity : this.expiries.next;
  }

  /** When the whole value expires, in ms since 1970; `Infinity`: never. */
  get expiresAt(): number {
    return this.expiries === null || this.expiries.at === NEVER ? Infinity : this.expiries.at;
  }

  isExpired(time: number): boolean {
    return this.expiries?.isPassed(time) === true;
  }

  /** Replaces the expiries at the first `end` keys of `path`; returns the old ones. */
  replaceExpiry(path: Path, end: number, subtree: Expiry | null): Expiry | null {
    if (end === 1) {
      const old = this.expiries;
      this.expiries = subtree;
      return old;
    }
    if (this.expiries === null && subtree === null) return null;
    this.expiries ??= new Expiry();
    const old = this.expiries.replace(path, end, subtree);
    if (this.expiries.isEmpty) this.expiries = null;
    return old;
  }

  /** Sets or clears the expiry of what is at `path`; returns the old one. */
  setExpiry(path: Path, at: number): number {
    if (this.expiries === null && at === NEVER) return NEVER;
    this.expiries ??= new Expiry();
    const old = this.expiries.setAt(path, at);
    if (this.expiries.isEmpty) this.expiries = null;
    return old;
  }
}
