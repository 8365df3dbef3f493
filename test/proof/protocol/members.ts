/**
 * Which members have left, as a model of its own: each member listens on a socket in the directory, and a hub orders
 * `LEFT(member)` when the member's connection is closed and its socket refuses. `LEFT` ends what the member holds: claims, locks.
 *
 * Promised: no member that lives gets a `LEFT`, however it is cut off, frozen or out of reach; and each that has died gets one,
 * after all that it has written, from the manager that is there then, once.
 *
 * Of the log there is what counts here: whether a member has written, and its `LEFT`. What a manager has appended and not
 * confirmed is there for its successor or is not.
 */
import { OUTSIDE } from "./explore.js";
import { SmallModel } from "./small-model.js";

export interface MembersSetup {
  /** For each process where it is: a socket of another place refuses. */
  readonly places: readonly number[];
  /** How many processes die, how often one is frozen, and how often a hub cuts one off. */
  readonly deaths?: number;
  readonly freezes?: number;
  readonly cuts?: number;
  /** How often the socket of a member is removed from outside. */
  readonly removals?: number;
  readonly variant?: MembersVariant;
}

/** A way in which the rules could be wrong. */
export type MembersVariant =
  | "a closed connection counts as left"
  | "a member that does not answer counts as left"
  | "a missing socket counts as left"
  | "a socket that refuses counts as left wherever that is"
  | "a member's socket is bound under the name that others use"
  | "a member connects before it listens"
  | "a member that answers is not looked at again"
  | "a new manager does not look at the sockets of members"
  | "a new manager looks for the sockets of members once"
  | "a socket is removed before the LEFT is confirmed"
  | "a member that has left is let in again";

/** Fields of the whole: the newest epoch, its manager, whether that has listed the sockets once; what came from outside. */
const EPOCH = 0;
const MANAGER = 1;
const HAS_LISTED = 2;
const DEATHS = 3;
const FREEZES = 4;
const CUTS = 5;
const REMOVALS = 6;
const HEADER = 7;

/** Fields of a process. */
const LIFE = 0;
const SOCKET = 1;
const CONNECTION = 2;
/** A batch is on its way to the hub. */
const IS_SENDING = 3;
/** The log holds a batch of it that no `LEFT` follows. */
const HAS_WRITTEN = 4;
const LEFT = 5;
/** What the hub knows: it must look at the socket; it has ordered the `LEFT`. */
const IS_SUSPECT = 6;
const IS_OUT = 7;
const FIELDS = 8;

/** A process that dies is without connections first, then without its socket. */
const RUNNING = 0;
const FROZEN = 1;
const DYING = 2;
const DEAD = 3;

/** A member's socket: never bound; bound; bound, but nothing listens there; removed by a hub, or from outside. */
const NO_SOCKET = 0;
const BOUND = 1;
const NOT_LISTENING = 2;
const CLEARED = 3;
const REMOVED = 4;

const NO_CONNECTION = 0;
/** The hub has not accepted it. */
const WAITING = 1;
const WELCOMED = 2;

/** Whether a hub must look at a socket; the last is of a hub that forgets to look again. */
const SUSPECT = 1;
const ANSWERED = 2;

const NOT_LEFT = 0;
const APPENDED = 1;
const CONFIRMED = 2;

export class Members extends SmallModel {
  readonly #setup: MembersSetup;
  readonly #processes: number[];

  constructor(setup: MembersSetup) {
    super(HEADER, FIELDS, setup.places.length);
    this.#setup = setup;
    this.#processes = setup.places.map((_, process) => process);
  }

  #is(variant: MembersVariant): boolean {
    return this.#setup.variant === variant;
  }

  protected takeSteps(): void {
    for (const process of this.#processes) {
      if (this.of(process, LIFE) === RUNNING) this.#act(process);
      if (this.of(process, LIFE) === DYING) {
        this.take(process, "is gone, and its socket refuses", () => this.put(process, LIFE, DEAD));
      }
      this.#meetTrouble(process);
    }
    if (this.#isServing()) for (const member of this.#processes) this.#serve(member);
    if (this.#isServing()) this.#list();
  }

  /**
   * A manager serves all that live, and the log has a `LEFT` of each member that has written and died. Not so where the socket
   * was removed from outside before the member died: what that one holds ends with its lease.
   */
  protected isServed(): boolean {
    if (this.#processes.every((process) => this.of(process, LIFE) !== RUNNING)) return true;
    if (!this.#isServing()) return false;
    return this.#processes.every((process) => {
      const life = this.of(process, LIFE);
      if (life === RUNNING) return this.of(process, CONNECTION) === WELCOMED || !this.#isNear(process);
      if (life !== DEAD || !this.of(process, HAS_WRITTEN) || !this.#isNear(process)) return true;
      return this.of(process, LEFT) === CONFIRMED || this.of(process, SOCKET) === REMOVED;
    });
  }

  get #manager(): number {
    return this.get(MANAGER) - 1;
  }

  #isServing(): boolean {
    return this.#manager >= 0 && this.of(this.#manager, LIFE) === RUNNING;
  }

  /** Whether a process and the manager can reach each other's sockets. */
  #isNear(process: number): boolean {
    return this.#setup.places[process] === this.#setup.places[this.#manager];
  }

  #act(process: number): void {
    const socket = this.of(process, SOCKET);
    if (socket !== BOUND) {
      const isEarly = socket !== NOT_LISTENING && this.#is("a member's socket is bound under the name that others use");
      this.take(process, isEarly ? "binds its socket" : "listens", () => {
        this.put(process, SOCKET, isEarly ? NOT_LISTENING : BOUND);
      });
    }
    if (!this.#isServing()) this.#claim(process);
    else if (this.of(process, CONNECTION) === NO_CONNECTION) {
      const isReady = socket === BOUND || this.#is("a member connects before it listens");
      if (isReady && this.#isNear(process)) {
        this.take(process, "connects", () => this.put(process, CONNECTION, WAITING));
      }
    } else if (
      this.of(process, CONNECTION) === WELCOMED &&
      !this.of(process, IS_SENDING) &&
      !this.of(process, HAS_WRITTEN)
    ) {
      this.take(process, "sends a batch", () => this.put(process, IS_SENDING, 1));
    }
  }

  /** A seat for each time that a manager can die or be frozen. */
  #claim(process: number): void {
    const { deaths = 0, freezes = 0 } = this.#setup;
    if (this.get(EPOCH) > deaths + freezes) return;
    const isAppended = this.#processes.some((member) => this.of(member, LEFT) === APPENDED);
    this.take(process, "claims the seat", () => this.#begin(process, CONFIRMED));
    if (!isAppended) return;
    this.take(process, "claims the seat before the last frames come", () => this.#begin(process, NOT_LEFT));
  }

  #begin(process: number, left: number): void {
    this.set(EPOCH, this.get(EPOCH) + 1);
    this.set(MANAGER, process + 1);
    this.set(HAS_LISTED, 0);
    for (const member of this.#processes) {
      if (this.of(member, LEFT) === APPENDED) this.put(member, LEFT, left);
      for (const field of [CONNECTION, IS_SENDING, IS_SUSPECT, IS_OUT]) this.put(member, field, 0);
    }
  }

  /** At each pulse: members of managers before it may not have come, and a socket that was removed may be there again. */
  #list(): void {
    const isOnce = this.#is("a new manager looks for the sockets of members once");
    if (this.#is("a new manager does not look at the sockets of members")) return;
    const found = this.#processes.filter((member) => {
      const isKnown =
        this.of(member, CONNECTION) === WELCOMED || this.of(member, IS_OUT) || this.of(member, IS_SUSPECT);
      return !isKnown && (this.of(member, SOCKET) === BOUND || this.of(member, SOCKET) === NOT_LISTENING);
    });
    if (isOnce ? this.get(HAS_LISTED) : found.length === 0) return;
    this.take(this.#manager, "lists the sockets of members", () => {
      if (isOnce) this.set(HAS_LISTED, 1);
      for (const member of found) this.put(member, IS_SUSPECT, SUSPECT);
    });
  }

  /** What the hub does about a member. */
  #serve(member: number): void {
    const manager = this.#manager;
    switch (this.of(member, CONNECTION)) {
      case WAITING:
        this.take(manager, `takes the connection of member ${member}`, () => this.#accept(member));
        break;
      case WELCOMED:
        if (this.of(member, IS_SENDING)) {
          this.take(manager, `appends the batch of member ${member}`, () => {
            this.put(member, IS_SENDING, 0);
            this.put(member, HAS_WRITTEN, 1);
            if (this.of(member, LEFT) !== NOT_LEFT) this.violate("a batch of a member follows its LEFT");
          });
        } else if (this.of(member, LIFE) >= DYING) {
          this.take(manager, `finds the connection of member ${member} closed`, () => this.#disconnect(member));
        }
        break;
    }
    if (this.of(member, IS_SUSPECT) === SUSPECT) {
      this.take(manager, `looks at the socket of member ${member}`, () => this.#look(member));
    }
    this.#finish(member);
  }

  #accept(member: number): void {
    const isLetIn = !this.of(member, IS_OUT) || this.#is("a member that has left is let in again");
    this.put(member, CONNECTION, isLetIn ? WELCOMED : NO_CONNECTION);
    this.put(member, IS_SUSPECT, 0);
  }

  #disconnect(member: number): void {
    this.put(member, CONNECTION, NO_CONNECTION);
    this.put(member, IS_SENDING, 0);
    if (this.of(member, IS_SUSPECT) !== ANSWERED) this.put(member, IS_SUSPECT, SUSPECT);
  }

  /** Refused is left, if it is the place of the hub; whatever else it meets, it looks again. */
  #look(member: number): void {
    if (this.#hasLeft(member)) this.#order(member);
    else if (this.#is("a member that answers is not looked at again")) this.put(member, IS_SUSPECT, ANSWERED);
  }

  #hasLeft(member: number): boolean {
    if (this.#is("a closed connection counts as left")) return true;
    const socket = this.of(member, SOCKET);
    if (socket === NO_SOCKET || socket === REMOVED) return this.#is("a missing socket counts as left");
    if (!this.#isNear(member)) return this.#is("a socket that refuses counts as left wherever that is");
    if (socket === NOT_LISTENING || this.of(member, LIFE) === DEAD) return true;
    return this.of(member, LIFE) === FROZEN && this.#is("a member that does not answer counts as left");
  }

  #order(member: number): void {
    if (this.of(member, LIFE) <= FROZEN) this.violate(`LEFT of member ${member}, which lives`);
    if (this.of(member, IS_OUT)) this.violate(`LEFT of member ${member} twice`);
    this.put(member, IS_SUSPECT, 0);
    this.put(member, IS_OUT, 1);
    if (this.of(member, LEFT) === NOT_LEFT) this.put(member, LEFT, APPENDED);
  }

  /** Confirms the `LEFT`; only then the socket is removed. */
  #finish(member: number): void {
    const manager = this.#manager;
    const left = this.of(member, LEFT);
    if (!this.of(member, IS_OUT)) return;
    if (left === APPENDED) {
      this.take(manager, `confirms the LEFT of member ${member}`, () => this.put(member, LEFT, CONFIRMED));
    }
    const isDue = left === CONFIRMED || this.#is("a socket is removed before the LEFT is confirmed");
    if (!isDue || this.of(member, SOCKET) !== BOUND) return;
    this.take(manager, `removes the socket of member ${member}`, () => this.put(member, SOCKET, CLEARED));
  }

  /** What comes from outside. */
  #meetTrouble(process: number): void {
    const setup = this.#setup;
    const life = this.of(process, LIFE);
    const happen = (text: string, field: number, most: number | undefined, change: () => void) => {
      if (this.get(field) >= (most ?? 0)) return;
      this.take(OUTSIDE, `${text} ${process}`, () => {
        this.set(field, this.get(field) + 1);
        change();
      });
    };
    if (life >= DYING) return;
    happen("death of process", DEATHS, setup.deaths, () => this.put(process, LIFE, DYING));
    if (this.of(process, SOCKET) === BOUND) {
      happen("removal of the socket of member", REMOVALS, setup.removals, () => this.put(process, SOCKET, REMOVED));
    }
    if (this.of(process, CONNECTION) === WELCOMED && this.#isServing()) {
      happen("a cut of the connection of member", CUTS, setup.cuts, () => this.#disconnect(process));
    }
    if (life === FROZEN) this.take(OUTSIDE, `process ${process} goes on`, () => this.put(process, LIFE, RUNNING));
    else happen("a freeze of process", FREEZES, setup.freezes, () => this.put(process, LIFE, FROZEN));
  }
}
