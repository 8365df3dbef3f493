/**
 * Who takes a manager for dead, as a model of its own: sockets that cannot be reached while their manager lives.
 *
 * Safety never rests on this: the model of the log lets any process claim at any moment. What is shown here is progress.
 * Processes that cannot reach each other claim no seats from one another, and nobody waits forever for a manager that cannot
 * take connections.
 *
 * A claim and its fence are one step. Time is what it is compared with: a lease is over when a seat is not being refreshed.
 */
import { OUTSIDE } from "./explore.js";
import { SmallModel } from "./small-model.js";

export interface ReachSetup {
  /** For each process where it is: processes at different places see the same files, but not each other's sockets. */
  readonly places: readonly number[];
  /**
   * What a process meets at a socket of another place: none, or one that refuses. That is so on another kernel, and on the same
   * one where the directory is reached through another file system: a socket that was bound below an overlay refuses above it.
   */
  readonly apart?: "absent" | "refused on another kernel" | "refused on the same kernel";
  /** No process can tell that another one is at its place, as where each reads a boot id of its own. */
  readonly isPlaceUnknown?: boolean;
  /** How many processes end, and are started. */
  readonly ends?: number;
  readonly starts?: number;
  /** How often a process is frozen. Each may go on at any time. */
  readonly freezes?: number;
  /** How often the socket of the newest seat is removed from outside. */
  readonly removals?: number;
  /** How many processes stop taking connections, for good, as without file descriptors. */
  readonly deaf?: number;
  readonly variant?: ReachVariant;
}

/** A way in which the rules could be wrong. */
export type ReachVariant =
  | "a missing socket counts as dead"
  | "a socket that does not answer counts as dead"
  | "a socket that refuses counts as dead wherever that is"
  | "the kernel alone says where a socket is"
  | "a contender does not refresh its seat while it reads"
  | "a socket is bound under the name that others use"
  | "a socket that was removed is not bound again"
  | "a seat that is not refreshed is never claimed"
  | "a manager that cannot be reached never gives up"
  | "a manager that cannot be reached claims again";

/** Fields of the whole: the newest seat, its socket, and the process that took it; what came from outside. */
const TOP = 0;
const SOCKET = 1;
const TAKER = 2;
const ENDS = 3;
const STARTS = 4;
const FREEZES = 5;
const REMOVALS = 6;
const DEAF_COUNT = 7;
const HEADER = 8;

/** Fields of a process: what it does, its seat, the seat of the hub to which it is connected, failed tries to reach itself. */
const LIFE = 0;
const ROLE = 1;
const SEAT = 2;
const HUB = 3;
const IS_DEAF = 4;
const FAILED = 5;
const FIELDS = 6;

const RUNNING = 0;
const FROZEN = 1;
const GONE = 2;

const SEEKING = 0;
const CLAIMING = 1;
const READING = 2;
const SERVING = 3;

/** A socket's name: removed; bound; bound, but nothing listens there yet. */
const NO_NAME = 0;
const NAMED = 1;
const NOT_LISTENING = 2;

/** What a process meets where the newest seat says. */
type Meeting = "answer" | "silence" | "refusal" | "nothing";

export class Reach extends SmallModel {
  readonly #setup: ReachSetup;
  readonly #processes: number[];

  constructor(setup: ReachSetup) {
    super(HEADER, FIELDS, setup.places.length);
    this.#setup = setup;
    this.#processes = setup.places.map((_, process) => process);
  }

  #is(variant: ReachVariant): boolean {
    return this.#setup.variant === variant;
  }

  protected takeSteps(): void {
    for (const process of this.#processes) {
      if (this.of(process, LIFE) === RUNNING) this.#act(process);
      this.#meetTrouble(process);
    }
    if (this.get(SOCKET) === NAMED && this.get(REMOVALS) < (this.#setup.removals ?? 0)) {
      this.take(OUTSIDE, "the socket is removed", () => {
        this.set(SOCKET, NO_NAME);
        this.#count(REMOVALS);
      });
    }
  }

  /** Some process serves, all that could reach it are connected, and whoever cannot waits. */
  protected isServed(): boolean {
    const candidates = this.#processes.filter((process) => this.of(process, LIFE) === RUNNING);
    if (candidates.every((process) => this.of(process, IS_DEAF))) return true;
    const manager = candidates.find((process) => this.#isManager(process));
    if (manager === undefined || this.of(manager, IS_DEAF) || this.get(SOCKET) !== NAMED) return false;
    return candidates.every((process) => {
      const isConnected = this.of(process, HUB) === this.get(TOP);
      return process === manager || !this.#isNear(process) || (this.of(process, ROLE) === SEEKING && isConnected);
    });
  }

  #isManager(process: number): boolean {
    return this.of(process, ROLE) === SERVING && this.of(process, SEAT) === this.get(TOP);
  }

  /** Whether a process can reach the socket of the newest seat. */
  #isNear(process: number): boolean {
    return this.#setup.places[process] === this.#setup.places[this.get(TAKER)];
  }

  /** The process that has the newest seat; none when it has ended or stepped down. */
  #holder(): number | undefined {
    return this.#processes.find(
      (process) => this.of(process, SEAT) === this.get(TOP) && this.of(process, ROLE) >= READING,
    );
  }

  #count(field: number): void {
    this.set(field, this.get(field) + 1);
  }

  #act(process: number): void {
    const [role, hub] = [this.of(process, ROLE), this.of(process, HUB)];
    if (role === CLAIMING) this.take(process, `links seat.${this.of(process, SEAT)}`, () => this.#claim(process));
    else if (role !== SEEKING) this.#manage(process);
    else if (hub > 0) this.#follow(process, hub);
    else this.#seek(process);
  }

  /** Looks for the newest seat and its socket. */
  #seek(process: number): void {
    const top = this.get(TOP);
    const meeting = this.#meet(process);
    if (meeting === "answer") {
      this.take(process, `connects to the manager of seat.${top}`, () => this.put(process, HUB, top));
    }
    const isDeaf = this.of(process, IS_DEAF) && !this.#is("a manager that cannot be reached claims again");
    if (isDeaf || !this.#seemsDead(process, meeting)) return;
    this.take(process, `meets ${meeting} at seat.${top}, reaches itself, and will claim seat.${top + 1}`, () => {
      this.put(process, ROLE, CLAIMING);
      this.put(process, SEAT, top + 1);
    });
  }

  #meet(process: number): Meeting {
    const holder = this.#holder();
    if (this.get(SOCKET) === NO_NAME) return "nothing";
    if (!this.#isNear(process)) return (this.#setup.apart ?? "absent") === "absent" ? "nothing" : "refusal";
    if (holder === undefined || this.get(SOCKET) === NOT_LISTENING) return "refusal";
    const isOpen = this.of(holder, ROLE) === SERVING && !this.of(holder, IS_DEAF);
    return isOpen && this.of(holder, LIFE) === RUNNING ? "answer" : "silence";
  }

  /** Refused is the one proof, and only at the place of the seat; else a lease must be over without a refresh. */
  #seemsDead(process: number, meeting: Meeting): boolean {
    if (this.get(TOP) === 0) return true;
    if (meeting === "refusal" && this.#isAtPlace(process)) return true;
    if (meeting === "nothing" && this.#is("a missing socket counts as dead")) return true;
    if (meeting === "silence" && this.#is("a socket that does not answer counts as dead")) return true;
    return !this.#isRefreshed() && !this.#is("a seat that is not refreshed is never claimed");
  }

  /** Whether a process knows the place of the seat for its own: one kernel, and one device number of the directory. */
  #isAtPlace(process: number): boolean {
    const { apart, isPlaceUnknown } = this.#setup;
    if (this.#is("a socket that refuses counts as dead wherever that is")) return true;
    if (this.#is("the kernel alone says where a socket is") && apart === "refused on the same kernel") return true;
    return this.#isNear(process) && !isPlaceUnknown;
  }

  #isRefreshed(): boolean {
    const holder = this.#holder();
    if (holder === undefined || this.of(holder, LIFE) !== RUNNING) return false;
    return this.of(holder, ROLE) === SERVING || !this.#is("a contender does not refresh its seat while it reads");
  }

  #claim(process: number): void {
    const epoch = this.of(process, SEAT);
    if (this.get(TOP) >= epoch) {
      this.#rest(process);
      return;
    }
    const troubles = this.get(ENDS) + this.get(FREEZES) + this.get(DEAF_COUNT);
    if (epoch > 1 + troubles) this.violate(`seat.${epoch} is taken after ${troubles} troubles`);
    this.set(TOP, epoch);
    this.set(TAKER, process);
    this.set(SOCKET, NAMED);
    this.put(process, ROLE, READING);
  }

  /** It looks for a manager, and has no seat. */
  #rest(process: number): void {
    for (const field of [ROLE, SEAT, HUB, FAILED]) this.put(process, field, 0);
  }

  #follow(process: number, hub: number): void {
    const manager = this.#processes.find((other) => this.of(other, ROLE) === SERVING && this.of(other, SEAT) === hub);
    if (manager !== undefined && this.of(manager, LIFE) === RUNNING) return;
    this.take(process, "is disconnected, or hears nothing for too long", () => this.put(process, HUB, 0));
  }

  /** The manager's pulse: it looks at its seat, then connects to itself by the path that others use. */
  #manage(process: number): void {
    if (this.of(process, SEAT) < this.get(TOP)) {
      this.take(process, "finds that its seat is gone", () => this.#rest(process));
      return;
    }
    if (this.of(process, ROLE) === READING) {
      this.take(process, "has read the log, and serves", () => this.put(process, ROLE, SERVING));
    }
    if (this.get(SOCKET) !== NAMED) this.#listenAgain(process);
    else if (this.of(process, IS_DEAF) && !this.#is("a manager that cannot be reached never gives up")) {
      this.take(process, "does not reach itself: it listens again, then gives up its seat", () => {
        if (this.of(process, FAILED) > 0) this.#rest(process);
        else this.put(process, FAILED, 1);
      });
    }
  }

  #listenAgain(process: number): void {
    if (this.#is("a socket that was removed is not bound again")) return;
    const isEarly = this.#is("a socket is bound under the name that others use") && this.get(SOCKET) === NO_NAME;
    this.take(process, isEarly ? "binds its socket" : "listens again under its name", () => {
      this.set(SOCKET, isEarly ? NOT_LISTENING : NAMED);
    });
  }

  /** What comes from outside. */
  #meetTrouble(process: number): void {
    const setup = this.#setup;
    const life = this.of(process, LIFE);
    const happen = (text: string, field: number, most: number | undefined, change: () => void) => {
      if (this.get(field) >= (most ?? 0)) return;
      this.take(OUTSIDE, `process ${process} ${text}`, () => {
        this.#count(field);
        change();
      });
    };
    if (life === GONE) {
      happen("is started", STARTS, setup.starts, () => this.put(process, LIFE, RUNNING));
      return;
    }
    happen("ends", ENDS, setup.ends, () => {
      this.#rest(process);
      this.put(process, IS_DEAF, 0);
      this.put(process, LIFE, GONE);
    });
    if (life === FROZEN) {
      this.take(OUTSIDE, `process ${process} goes on`, () => this.put(process, LIFE, RUNNING));
      return;
    }
    happen("is frozen", FREEZES, setup.freezes, () => this.put(process, LIFE, FROZEN));
    if (this.of(process, IS_DEAF)) return;
    happen("takes no more connections", DEAF_COUNT, setup.deaf, () => this.put(process, IS_DEAF, 1));
  }
}
