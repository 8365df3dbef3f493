/**
 * Which members have left without a word. A connection that ends shows nothing: its member may have been cut off, or connect again.
 * Only when the socket of the member refuses too has its process ended; then that is ordered as a batch of the log, so that what
 * the member had claimed ends at one place for all.
 */
import { bestEffort } from "../disk/file-access.js";
import { askForLife, isMember, memberPath, membersIn } from "../election/member-socket.js";
import type { Machine, Place } from "../machine/machine.js";

/** What a hub knows of its members. */
export interface Presence {
  /** Whether a member is connected now. */
  isLive(member: string): boolean;
  /** Orders the departure of a member; `done` is called with whether it is confirmed. */
  left(member: string, done: (isConfirmed: boolean) => void): void;
  /** Whether all that was ordered so far is confirmed. */
  readonly isSettled: boolean;
}

/**
 * Invariant: the name of a member's socket is removed only after its departure is confirmed. So the names in the directory are all
 * that must be known: a successor, too, asks each that is not connected to it.
 */
export class Departures {
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #own: string;
  readonly #hub: Presence;
  /** Departures that were ordered, and whose names are not removed yet; each with what waits until it is noted. */
  readonly #ordered = new Map<string, () => void>();

  /** @param own The member in the hub's own process. */
  constructor(machine: Machine, place: Place, own: string, hub: Presence) {
    this.#machine = machine;
    this.#place = place;
    this.#own = own;
    this.#hub = hub;
  }

  /** The connection of a member has ended, and it has not said that it leaves. */
  lost(member: string): void {
    if (member !== this.#own && isMember(member)) this.#ask(member);
  }

  /** The socket of a member refuses: its process has ended. */
  ended(member: string): void {
    this.#left(member);
  }

  /** As {@link HubEvents.leaves}. A member that has written nothing has claimed nothing, so its departure need not be noted. */
  leaves(member: string, hasWritten: boolean, noted: () => void): void {
    if (hasWritten && isMember(member)) this.#left(member, noted);
    else noted();
  }

  /** Asks all members that have a socket and are not connected. */
  check(): void {
    if (this.#hub.isSettled) this.#allConfirmed();
    const names = bestEffort(() => this.#machine.files.list(this.#place.directory)) ?? [];
    for (const member of membersIn(names)) {
      if (member !== this.#own && !this.#hub.isLive(member) && !this.#ordered.has(member)) this.#ask(member);
    }
  }

  #ask(member: string): void {
    askForLife(this.#machine, this.#place, member, (life) => {
      if (life === "ended") this.ended(member);
    });
  }

  #left(member: string, noted = (): void => {}): void {
    if (this.#ordered.has(member)) return;
    this.#ordered.set(member, noted);
    // Of several at the same time, only the last one hears that all are confirmed.
    this.#hub.left(member, (areConfirmed) => areConfirmed && this.#allConfirmed());
  }

  /** A name that cannot be removed is tried again, and not noted again. */
  #allConfirmed(): void {
    for (const [member, noted] of this.#ordered) {
      this.#ordered.set(member, () => {});
      const wasThere = bestEffort(() => this.#machine.files.unlink(memberPath(this.#place, member)));
      if (wasThere !== undefined) this.#ordered.delete(member);
      noted();
    }
  }
}
