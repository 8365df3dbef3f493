/** How one simulation is set up. */
import type { HubOptions } from "../../../dist/core/local/machine/machine.js";
import type { Dice } from "./dice.js";
import type { Remains } from "./inode.js";

export interface Settings {
  readonly memberCount: number;
  readonly fsync: HubOptions["fsync"];
  readonly persist: boolean;
  readonly gcInterval: number;
  readonly compactAfterBytes: number;
  readonly maxMemberBacklogBytes: number;
  readonly maxInFlight: number;
  readonly stallTimeout: number;
  /** Mean time between two steps of a member, in ms. */
  readonly pauseMs: number;
  readonly durationMs: number;
  /** Probability that a process may not be the manager. */
  readonly bystanders: number;
  /** What a loss of power may leave of a file. */
  readonly remains: readonly Remains[];
}

/** Writes gather never, while a few batches are on their way, while one is. */
export const IN_FLIGHT = [1000, 3, 1] as const;

/** Chooses how a simulation is set up. */
export function chooseSettings(dice: Dice, maxInFlight: number): Settings {
  const memberCount = 2 + (dice.chance(0.5) ? dice.below(2) : dice.below(6));
  const durationMs = dice.pick([200, 600, 1500, 4000]);
  return {
    memberCount,
    fsync: dice.pick(["always", "everysec", "never"]),
    persist: dice.chance(0.9),
    gcInterval: dice.pick([200, 2000, 100_000]),
    compactAfterBytes: dice.pick([300, 1500, 1500, 8000, 1_000_000]),
    maxMemberBacklogBytes: dice.pick([100, 2000, 1_000_000]),
    maxInFlight,
    stallTimeout: dice.pick([100, 300, 1000]),
    pauseMs: (durationMs * memberCount) / dice.pick([30, 80, 160, 240]),
    durationMs,
    bystanders: dice.pick([0, 0, 0, 0.4]),
    remains: dice.chance(0.3) ? ["nothing"] : ["nothing", "everything", "a prefix", "a prefix and zeros", "sectors"],
  };
}
