/** Raises the level of the log once something needs that, and all processes that have the storage open can follow: see `levels.ts`. */
import { encodeEntries } from "../../log/codec.js";
import { levelEntry } from "../../log/entry.js";
import { isSpoken, levelError, type SpokenLevels } from "../../log/levels.js";
import { askAll, type Lives } from "../election/member-socket.js";
import type { Machine, Place } from "../machine/machine.js";
import { encodeLevelHeld, type Hello } from "../wire/messages.js";

/** ms from the beginning of an epoch within which nothing is raised: right after a failover, members may not have connected yet. */
const QUIET_MS = 60_000;

/** A member as its hello describes it. */
export type LevelMember = Pick<Hello, "member" | "pid" | "levels">;

/** What the hub does for it. */
export interface RaisedHub {
  /** The members that are connected, whether or not they have been welcomed. */
  connected(): readonly LevelMember[];
  /** Orders a frame of the hub's own. */
  order(frame: Buffer, done: (isConfirmed: boolean) => void): void;
  /** Sends a frame to all members. */
  tell(frame: Buffer): void;
}

/**
 * Invariant: from the moment at which the `LEVEL` entry is ordered, no member is let in that does not speak the new level. All that are
 * in then do, and so do those that have the storage open and are not connected: there are none.
 */
export class LevelRaiser {
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #own: SpokenLevels;
  readonly #hub: RaisedHub;
  readonly #since: number;
  #level: number;
  #needed = 0;
  #isAsking = false;

  /** @param own What the process of the hub speaks. @param level That of the log. */
  constructor(machine: Machine, place: Place, own: SpokenLevels, level: number, hub: RaisedHub) {
    this.#machine = machine;
    this.#place = place;
    this.#own = own;
    this.#level = level;
    this.#hub = hub;
    this.#since = machine.clock.elapsed();
  }

  /** Why a process cannot take part; null: it can. */
  refusal({ levels }: Pick<Hello, "levels">): Error | null {
    return isSpoken(this.#level, levels) ? null : levelError("the storage", this.#level, levels);
  }

  /** A member needs a level. */
  need(level: number): void {
    this.#needed = Math.max(this.#needed, level);
    this.look();
  }

  /** Raises the log, if that is needed and possible now. Called at each heartbeat. */
  look(): void {
    if (this.#needed <= this.#level || this.#isAsking || this.#isHeld()) return;
    this.#isAsking = true;
    askAll(this.#machine, this.#place, "", (lives) => {
      this.#isAsking = false;
      // Some may have connected, or left, meanwhile.
      if (this.#isHeld()) return;
      const strangers = this.#strangersAmong(lives);
      if (strangers !== "") this.#hold(strangers);
      else this.#raise(this.#needed);
    });
  }

  #raise(level: number): void {
    this.#level = level;
    // Where the disk refuses, the entry is written when it takes writes again; a successor is asked again.
    this.#hub.order(encodeEntries([levelEntry(level)]), () => {});
  }

  /** Whether something that is known now hinders it. */
  #isHeld(): boolean {
    const left = Math.ceil(QUIET_MS - (this.#machine.clock.elapsed() - this.#since));
    const old = [{ pid: 0, levels: this.#own }, ...this.#hub.connected()].filter(
      ({ levels }) => levels.max < this.#needed,
    );
    if (left > 0) this.#hold(`the manager is new, and raises no log in its first ${QUIET_MS / 1000} s`, left);
    else if (old.length > 0) this.#hold(`others must be replaced first: ${old.map(describe).join(", ")}`);
    return left > 0 || old.length > 0;
  }

  /** What is known of members that have the storage open, or may have, and are not connected; empty: there are none. */
  #strangersAmong(lives: Lives): string {
    if (lives === null) return "the directory of the storage cannot be read";
    const known = new Set(this.#hub.connected().map(({ member }) => member));
    const isOpen = (life: string): boolean => life !== "ended" && life !== "missing";
    const count = [...lives].filter(([member, life]) => !known.has(member) && isOpen(life)).length;
    return count === 0 ? "" : `${count} that may have the storage open ${count === 1 ? "is" : "are"} not connected`;
  }

  #hold(why: string, waitMs = 0): void {
    this.#hub.tell(encodeLevelHeld({ why, waitMs }));
  }
}

function describe({ pid, levels: { most, max } }: Pick<LevelMember, "pid" | "levels">): string {
  const who = pid === 0 ? "the process of the manager" : `process ${pid}`;
  return `${who} ${max < most ? `has maxLevel: ${max}` : `speaks level ${most} at most`}`;
}
