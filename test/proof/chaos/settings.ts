/**
 * What one round is like: all of it follows from its seed. Real processes are not deterministic, so the same seed gives the
 * same members, load and plan of violence, but not the same moment of each act.
 */
import { join } from "node:path";
import type { Storage } from "../../../dist/core/index.js";
import { Dice } from "../simulation/dice.js";

/** How the members are started: forked, as workers of `node:cluster`, or by PM2 in cluster mode. */
export type Way = "fork" | "cluster" | "pm2";

/** By seed modulo their number, so that the first seeds have each way. */
const WAYS: readonly Way[] = ["fork", "fork", "cluster", "pm2", "fork", "cluster", "fork", "cluster"];

/**
 * What happens in a round: everything to the members and their files but a move; only removed sockets, and members that join; or the
 * storage's directory is moved away in the middle of it all.
 */
export type Kind = "violent" | "calm" | "moved";

/** By seed divided by the number of ways, modulo their number. */
const KINDS: readonly Kind[] = ["violent", "calm", "moved", "violent"];

/** `stallTimeout` of a calm round, in ms: whatever the machine does, no manager is silent for so long. */
const CALM_STALL_MS = 20_000;

/** Time of violence in a round, in ms: that of PM2 is short, since PM2 is slow to start what was killed. */
const VIOLENCE_MS: Readonly<Record<Way, number>> = { fork: 18_000, cluster: 16_000, pm2: 8_000 };

export interface Settings {
  readonly seed: number;
  readonly kind: Kind;
  readonly way: Way;
  readonly members: number;
  readonly violenceMs: number;
  readonly stallTimeout: number;
  /** Pause between two ticks of a member's load, in ms: all members together write about the same in each round. */
  readonly tickMs: number;
  /** Share of values that are some 40 KiB long, so that the log is compacted. */
  readonly longShare: number;
  /** Whether all members are killed in the end; otherwise they all leave by `close`. */
  readonly endsInDeath: boolean;
}

export function settingsOf(seed: number): Settings {
  const dice = new Dice(seed);
  const kind = KINDS[Math.floor(seed / WAYS.length) % KINDS.length] as Kind;
  const chosen = WAYS[seed % WAYS.length] as Way;
  // PM2 starts members again at any moment, which is too much for what is judged there.
  const way = chosen === "pm2" && kind !== "violent" ? "cluster" : chosen;
  const members = 4 + dice.below(way === "pm2" ? 3 : 13);
  return {
    seed,
    kind,
    way,
    members,
    violenceMs: VIOLENCE_MS[way],
    stallTimeout: kind === "calm" ? CALM_STALL_MS : 300 + dice.below(201),
    tickMs: 2 * members,
    longShare: dice.chance(0.4) ? 0.3 : 0.001,
    endsInDeath: dice.chance(0.5),
  };
}

/** The environment variable by which a member knows its round, and by which its process is found: JSON of {@link Assignment}. */
export const ASSIGNMENT = "CLUSTER_STORAGE_CHAOS";

/** What a member gets to know at its start. */
export interface Assignment extends Settings {
  /** The directory of the round. */
  readonly directory: string;
  /** When a member ends by itself: in microseconds, as the clock that all processes share shows them. */
  readonly endsAt: number;
}

/** The exit code of a member that has left by `close`. Not 0, which is what PM2 takes a SIGKILL for. */
export const LEFT_CODE = 3;

/** Name of the storage. */
export const NAME = "app";

/** Longest ttl, in ms, of what expires within a round; all others are {@link LONG_TTL_MS}. */
export const SHORT_TTL_MS = 1500;
export const LONG_TTL_MS = 3_600_000;

/** Storage time, as a process takes it to be. */
export const timeOf = (storage: Storage): number => Date.now() + storage.stats().clockOffsetMs;

/** What a member writes down in the end. */
export interface Showing {
  readonly role: string;
  readonly epoch: number;
  /** Storage time. */
  readonly time: number;
  readonly entries: readonly (readonly [key: string, value: unknown])[];
}

/** The directories of a round. */
export const placesOf = (directory: string) => ({
  /** Of the storage's files. */
  storage: join(directory, "storage"),
  /** Its segments, snapshots, seats and sockets. */
  database: join(directory, "storage", `${NAME}.db.d`),
  /** One file of records for each member. */
  histories: join(directory, "histories"),
  /** An empty file for each member that rests, and holds all that was confirmed before. */
  resting: join(directory, "resting"),
  /** Files whose names are orders to members: `rest`, `stop`, `show`, `leave`, `block.<pid>.<ms>`, `<exit>.<pid>`. */
  orders: join(directory, "orders"),
  /** An empty file for each member that has stopped writing and has everything confirmed. */
  settled: join(directory, "settled"),
  /** What each member shows in the end. */
  states: join(directory, "states"),
  /** Links to all segments and snapshots that ever were. */
  witness: join(directory, "witness"),
  /** The same of the storage that began at the place of one that was moved. */
  successor: join(directory, "successor"),
  /** The wall clock of the members: see `wall-clock.ts`. */
  clock: join(directory, "clock"),
  /** Where a storage is moved to. */
  moved: join(directory, "moved"),
  /** Copies of the storage, in directories with numbers. */
  copies: join(directory, "copies"),
});

/** The name of a member in histories: no two members have the same, also when a process id is used again. */
export const labelOf = (pid: number, startedAt: number): string => `${pid}-${startedAt.toString(36)}`;

export const pidOf = (label: string): number => Number(label.slice(0, label.indexOf("-")));
