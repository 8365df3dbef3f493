/** What is done to the members of a round, as its seed plans it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dice } from "../simulation/dice.js";
import type { Copies } from "./copies.js";
import type { Pid, Population } from "./population.js";
import { now } from "./records.js";
import { placesOf, type Settings } from "./settings.js";
import { removeSockets, type SocketKind } from "./sockets.js";
import type { Ending, Tally } from "./tally.js";
import type { Starter } from "./ways.js";

/** What ended the service of a manager. */
export interface Strike {
  readonly kind: Ending;
  /** In microseconds, as {@link now}. */
  readonly at: number;
  /** Of the manager that was killed or frozen. */
  readonly epoch: number;
  readonly pid: Pid;
}

const WEIGHTS = {
  killManager: 30,
  killMember: 20,
  killHalf: 3,
  killAll: 1.5,
  freezeManager: 35,
  freezeMembers: 35,
  endManager: 30,
  endMember: 12,
  block: 10,
  storm: 2,
  close: 8,
  removeSockets: 8,
  copy: 4,
};
type Action = keyof typeof WEIGHTS;

/** How a process ends but by SIGKILL, or its hub alone does; `close` of a manager is the close of any member. */
const EXITS = ["SIGTERM", "exit", "throw", "hub", "close"] as const;

/** Members that are started at once in a storm. */
const STORM = 32;
/** Longest time that an event loop is blocked, in ms. */
const BLOCK_MS = 1000;
/** Longest pause between two actions, in ms. */
const PAUSE_MS = 500;
/** Most members that one action freezes. */
const MAX_FROZEN = 3;
/** Most surplus members that are ended between two actions. */
const MAX_LEAVING = 8;
/** Longest time, in ms, that one freeze lasts, in stallTimeouts. */
const MAX_FREEZE = 3;

/** All that an actor of a round needs. */
export interface Scene {
  readonly directory: string;
  readonly population: Population;
  readonly starter: Starter;
  readonly settings: Settings;
  readonly dice: Dice;
  readonly tally: Tally;
  readonly copies: Copies;
}

export class Violence {
  readonly strikes: Strike[] = [];
  readonly #population: Population;
  readonly #starter: Starter;
  readonly #settings: Settings;
  readonly #orders: string;
  readonly #database: string;
  readonly #dice: Dice;
  readonly #tally: Tally;
  readonly #copies: Copies;
  readonly #frozen = new Set<Pid>();

  constructor({ directory, population, starter, settings, dice, tally, copies }: Scene) {
    const { orders, database } = placesOf(directory);
    this.#orders = orders;
    this.#database = database;
    this.#population = population;
    this.#starter = starter;
    this.#settings = settings;
    this.#dice = dice;
    this.#tally = tally;
    this.#copies = copies;
  }

  /** Returns when the time is over; no process is frozen then. */
  async rage(): Promise<void> {
    const end = performance.now() + this.#settings.violenceMs;
    while (performance.now() < end) {
      await sleep(this.#dice.below(PAUSE_MS));
      const members = this.#population.members;
      if (members.length === 0) this.#refill(0);
      else this.#actions[this.#action()](this.#dice.pick(members), members);
      const left = this.#population.members;
      this.#refill(left.length);
      this.#thin(left);
    }
    for (const pid of this.#frozen) this.#population.signal(pid, "SIGCONT");
    // All others may be about to leave.
    if (!this.#starter.startsAgain) this.#starter.start(1);
  }

  #action(): Action {
    const { storm, close, killAll, ...always } = WEIGHTS;
    // A copy that is taken after a move has another history.
    if (this.#settings.kind === "moved") return this.#dice.weighted({ ...WEIGHTS, copy: 0 });
    // PM2 starts members again by itself: it starts neither more of them nor those that left, and is slow with all at once.
    const weights = this.#starter.startsAgain ? { ...always, storm: 0, close: 0, killAll: 0 } : WEIGHTS;
    return this.#dice.weighted(weights);
  }

  readonly #actions: Readonly<Record<Action, (pid: Pid, members: readonly Pid[]) => void>> = {
    killManager: () => this.#killManager(),
    killMember: (pid) => this.#kill(pid),
    killHalf: (_, members) => {
      for (const one of members) if (this.#dice.chance(0.5)) this.#kill(one);
    },
    killAll: (_, members) => {
      this.#tally.count("cold starts");
      for (const one of members) this.#kill(one);
    },
    freezeManager: () => this.#freezeManager(),
    freezeMembers: (_, members) => {
      for (let left = 1 + this.#dice.below(MAX_FROZEN); left > 0; left--) {
        this.#freeze(this.#dice.pick(members), this.#freezeMs());
      }
    },
    endManager: () => {
      const { manager } = this.#population;
      if (manager) this.#end(manager.pid);
    },
    endMember: (pid) => this.#end(pid),
    block: (pid) => this.#block(pid),
    storm: () => {
      this.#tally.count("storms");
      this.#starter.start(STORM);
    },
    close: (pid) => this.#close(pid),
    removeSockets: () => {
      const kind = this.#dice.pick<SocketKind>(["hubs", "members", "all"]);
      this.#tally.count("sockets removed", removeSockets(this.#database, kind));
    },
    copy: () => this.#copies.take(this.#dice.chance(0.5) ? "-r" : "-a"),
  };

  /** PM2 does not start members again that have left by `close`. */
  #end(pid: Pid): void {
    const how = this.#dice.pick(this.#starter.startsAgain ? EXITS.filter((exit) => exit !== "close") : EXITS);
    if (how === "close") this.#close(pid);
    else if (how !== "SIGTERM") writeFileSync(join(this.#orders, `${how}.${pid}`), "");
    else {
      const { manager } = this.#population;
      if (!this.#population.signal(pid, "SIGTERM")) return;
      if (manager?.pid === pid) this.strikes.push({ kind: "SIGTERM", at: now(), ...manager });
    }
    if (how !== "close") this.#tally.count("other exits");
  }

  #kill(pid: Pid): void {
    const { manager } = this.#population;
    if (!this.#population.signal(pid, "SIGKILL")) return;
    this.#tally.count("kills");
    if (manager?.pid !== pid) return;
    this.#tally.count("managers killed");
    this.strikes.push({ kind: "killed", at: now(), ...manager });
  }

  #killManager(): void {
    const { manager } = this.#population;
    if (manager !== undefined) this.#kill(manager.pid);
  }

  /** A third of the freezes are shorter than `stallTimeout`, the others longer. */
  #freezeMs(): number {
    return 10 + this.#dice.below(MAX_FREEZE * this.#settings.stallTimeout);
  }

  #freezeManager(): void {
    const { manager } = this.#population;
    const ms = this.#freezeMs();
    if (manager === undefined || !this.#freeze(manager.pid, ms)) return;
    this.#tally.count("managers stopped");
    if (ms > this.#settings.stallTimeout) this.strikes.push({ kind: "frozen", at: now(), ...manager });
  }

  #freeze(pid: Pid, ms: number): boolean {
    if (this.#frozen.has(pid) || !this.#population.signal(pid, "SIGSTOP")) return false;
    this.#tally.count("stops");
    this.#frozen.add(pid);
    setTimeout(() => {
      this.#population.signal(pid, "SIGCONT");
      this.#frozen.delete(pid);
    }, ms);
    return true;
  }

  #block(pid: Pid): void {
    this.#tally.count("event loops blocked");
    writeFileSync(join(this.#orders, `block.${pid}.${this.#dice.below(BLOCK_MS)}`), "");
  }

  #close(pid: Pid): void {
    this.#tally.count("members closed");
    writeFileSync(join(this.#orders, `close.${pid}`), "");
  }

  #refill(count: number): void {
    const missing = this.#settings.members - count - this.#starter.starting;
    if (missing > 0 && !this.#starter.startsAgain) this.#starter.start(missing);
  }

  /** Surplus members after a storm are ended at any moment, also before they have joined: most are killed, some close. */
  #thin(members: readonly Pid[]): void {
    const surplus = Math.min(members.length - this.#settings.members, MAX_LEAVING);
    for (let left = surplus; left > 0; left--) {
      const pid = this.#dice.pick(members);
      if (this.#dice.chance(0.7)) this.#kill(pid);
      else this.#close(pid);
    }
  }
}
