/** What is done to the members of a round, as its seed plans it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../cluster/processes.js";
import type { Dice } from "../simulation/dice.js";
import type { Copies } from "./copies.js";
import { Damages } from "./damage.js";
import type { Pid, Population } from "./population.js";
import { now } from "./records.js";
import { placesOf, type Settings } from "./settings.js";
import { removeSockets, SOCKET_KINDS } from "./sockets.js";
import type { Ending, Tally } from "./tally.js";
import type { WallClock } from "./wall-clock.js";
import type { Starter } from "./ways.js";
import type { Witness } from "./witness.js";

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
  setClock: 16,
  damage: 60,
};
type Action = keyof typeof WEIGHTS;

/** How a process ends but by SIGKILL, or its hub alone does; `close` of a manager is the close of any member. */
const EXITS = ["SIGTERM", "exit", "throw", "hub", "close"] as const;

/** How often damage that is due is tried before something else is done. */
const DAMAGE_SHARE = 0.7;
/** How often it is the directory that is removed. */
const DIRECTORY_SHARE = 0.06;
/** How often all members are killed as soon as a damage is healed. */
const DEATH_SHARE = 0.3;
/** Longest time, in ms, until a damage is healed, on a busy machine. */
const HEAL_MS = 60_000;

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
  readonly clock: WallClock;
  readonly witness: Witness;
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
  readonly #clock: WallClock;
  readonly #damages: Damages;
  readonly #frozen = new Set<Pid>();
  /** Whether something is to be damaged as soon as that may be. */
  #isDamageDue = false;
  /** Those that were ordered to end. */
  readonly #ending = new Set<Pid>();

  constructor(scene: Scene) {
    const { directory, population, starter, settings, dice, tally, copies, clock } = scene;
    this.#damages = new Damages(scene);
    this.#clock = clock;
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

  /** Returns when the time is over, no process is frozen, all damage is healed, and as many members are left as there shall be. */
  async rage(): Promise<void> {
    const end = performance.now() + this.#settings.violenceMs;
    while (performance.now() < end) {
      await sleep(this.#dice.below(PAUSE_MS));
      const members = this.#population.members;
      const isHealed = this.#damages.look() && !this.#starter.startsAgain;
      if (isHealed && this.#dice.chance(DEATH_SHARE)) this.#killAll(members);
      else if (members.length === 0) this.#refill(0);
      else if (this.#isDamageDue && this.#dice.chance(DAMAGE_SHARE)) await this.#damage(members);
      else this.#actions[this.#action()](this.#dice.pick(members), members);
      const left = this.#population.members;
      this.#refill(left.length);
      this.#thin(left);
    }
    for (const pid of this.#frozen) this.#population.signal(pid, "SIGCONT");
    // All others may be about to leave.
    if (!this.#starter.startsAgain) this.#starter.start(1);
    await until("all damage is healed", () => this.#damages.look() || this.#damages.pending === "", HEAL_MS);
    this.#damages.removeHurtCopy();
    const isThin = () => {
      const { members } = this.#population;
      this.#thin(members);
      return members.length <= this.#settings.members || this.#starter.startsAgain;
    };
    await until("the members that are too many are gone", isThin, HEAL_MS);
  }

  #action(): Action {
    const isMoved = this.#settings.kind === "moved";
    const isHurt = this.#damages.pending !== "";
    return this.#dice.weighted({
      ...WEIGHTS,
      // A copy that is taken after a move has another history. What the guardian of a damage holds must not be cut off.
      ...(isMoved || isHurt ? { copy: 0, damage: 0 } : {}),
      ...(isHurt ? { killAll: 0, removeSockets: 0 } : {}),
      // Times of two histories cannot be compared.
      ...(isMoved ? { setClock: 0 } : {}),
      // PM2 starts members again by itself: it starts neither more of them nor those that left, and is slow with all at once.
      ...(this.#starter.startsAgain ? { storm: 0, close: 0, killAll: 0 } : {}),
    });
  }

  readonly #actions: Readonly<Record<Action, (pid: Pid, members: readonly Pid[]) => void>> = {
    killManager: () => this.#killManager(),
    killMember: (pid) => this.#kill(pid),
    killHalf: (_, members) => {
      for (const one of members) if (this.#dice.chance(0.5)) this.#kill(one);
    },
    killAll: (_, members) => this.#killAll(members),
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
      this.#tally.count("sockets removed", removeSockets(this.#database, this.#dice.pick(SOCKET_KINDS)));
    },
    copy: () => this.#copies.take(this.#dice.chance(0.5) ? "-r" : "-a"),
    setClock: () => this.#clock.jump(this.#dice, this.#tally),
    damage: () => {
      this.#isDamageDue = true;
    },
  };

  #killAll(members: readonly Pid[]): void {
    this.#tally.count("cold starts");
    for (const one of members) this.#kill(one);
  }

  #isUsable = (pid: Pid): boolean => !this.#frozen.has(pid) && !this.#ending.has(pid);

  /** Often right before the manager is killed or frozen, where that may be. */
  async #damage(members: readonly Pid[]): Promise<void> {
    if (this.#dice.chance(DIRECTORY_SHARE)) {
      if (!this.#damages.isFree || !members.every(this.#isUsable)) return;
      const isDone = this.#dice.chance(0.5)
        ? this.#damages.removeDirectory()
        : await this.#damages.removeDirectoryAtRest();
      if (isDone) this.#isDamageDue = false;
      return;
    }
    const outcome = this.#damages.strike(members.filter(this.#isUsable));
    if (outcome !== "nothing") this.#isDamageDue = false;
    if (outcome !== "held") return;
    const after = this.#dice.weighted({ kill: 4, freeze: 2, nothing: 4 });
    if (after === "kill") this.#killManager();
    else if (after === "freeze") this.#freezeManager();
  }

  /** PM2 does not start members again that have left by `close`. */
  #end(pid: Pid): void {
    if (this.#damages.spares(pid)) return;
    this.#ending.add(pid);
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
    if (this.#damages.spares(pid) || !this.#population.signal(pid, "SIGKILL")) return;
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
    if (this.#damages.spares(pid) || this.#frozen.has(pid) || !this.#population.signal(pid, "SIGSTOP")) return false;
    this.#tally.count("stops");
    this.#frozen.add(pid);
    setTimeout(() => {
      this.#population.signal(pid, "SIGCONT");
      this.#frozen.delete(pid);
    }, ms);
    return true;
  }

  #block(pid: Pid): void {
    if (this.#damages.spares(pid)) return;
    this.#tally.count("event loops blocked");
    writeFileSync(join(this.#orders, `block.${pid}.${this.#dice.below(BLOCK_MS)}`), "");
  }

  #close(pid: Pid): void {
    if (this.#damages.spares(pid)) return;
    this.#ending.add(pid);
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
