/** One round: members under violence, then a time without, then everything that they did and saw is checked. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Storage } from "../../../dist/core/index.js";
import { until } from "../cluster/processes.js";
import { teardown } from "../cluster/teardown.js";
import { Dice } from "../simulation/dice.js";
import { check, type Shown } from "./checker.js";
import { failoversOf } from "./failover.js";
import { Population } from "./population.js";
import { readHistory } from "./records.js";
import { ASSIGNMENT, type Assignment, NAME, pidOf, placesOf, type Settings, SHORT_TTL_MS } from "./settings.js";
import { Tally } from "./tally.js";
import { type Strike, Violence } from "./violence.js";
import { type Starter, starterOf } from "./ways.js";
import { type Ordered, UnseenError, Witness } from "./witness.js";

/** Longest time, in ms, from the end of the violence until all members show the same. */
const PEACE_MS = 90_000;

/** Longest time, in ms, that a process that starts members may take to end before it is killed. */
const END_MS = 10_000;

export interface Outcome {
  /** Empty: nothing is wrong, and nothing is left of the round. Otherwise its directory is kept. */
  readonly problems: readonly string[];
  readonly directory: string;
  readonly tally: Tally;
}

/** Runs a round; all its processes are gone on return, and when the test ends. */
export async function runRound(t: TestContext, settings: Settings): Promise<Outcome> {
  const round = new Round(t, settings);
  const { directory, tally } = round;
  const problems = await round.run().catch((error: Error) => [`${error.stack}`]);
  await round.end();
  if (problems.length === 0) rmSync(directory, { recursive: true });
  return { problems, directory, tally };
}

class Round {
  readonly directory = mkdtempSync(join(tmpdir(), "cluster-storage-chaos-"));
  readonly tally = new Tally();
  readonly #settings: Settings;
  readonly #places = placesOf(this.directory);
  readonly #population = new Population(this.directory);
  #witness: Witness | undefined;
  #end = () => Promise.resolve();

  constructor(t: TestContext, settings: Settings) {
    this.#settings = settings;
    for (const place of Object.values(this.#places)) mkdirSync(place);
    teardown(t, () => this.end());
  }

  /** Returns what is wrong. */
  async run(): Promise<string[]> {
    const { violenceMs, way, members, seed } = this.#settings;
    const assignment: Assignment = {
      ...this.#settings,
      directory: this.directory,
      endsAt: Date.now() + violenceMs + 2 * PEACE_MS,
    };
    const starter = starterOf(way, this.directory, { ...process.env, [ASSIGNMENT]: JSON.stringify(assignment) });
    this.#end = () => starter.end();
    this.#witness = new Witness(this.directory);
    starter.start(members);
    await until("a first member", () => this.#labels("histories").length > 0, PEACE_MS);
    const violence = new Violence(
      this.directory,
      this.#population,
      starter,
      this.#settings,
      new Dice(seed),
      this.tally,
    );
    await violence.rage();
    const shownAt = await this.#makePeace(starter);
    this.#witness.end();
    return this.#check([...this.#memberStates(), ...(await this.#coldStates())], shownAt, violence.strikes);
  }

  /** May be called again. */
  async end(): Promise<void> {
    this.#witness?.end();
    const end = this.#end;
    this.#end = () => Promise.resolve();
    if (this.#population.all.length > 0) await Promise.race([end(), sleep(END_MS)]);
    await this.#population.end();
  }

  /** All members stop writing, have everything confirmed, and write down their states. Returns when that was, by the wall clock. */
  async #makePeace(starter: Starter): Promise<number> {
    const isStarted = () =>
      starter.starting === 0 && (!starter.startsAgain || this.#population.members.length === this.#settings.members);
    await until("all members are started", isStarted, PEACE_MS);
    this.#order("stop");
    const expired = Date.now() + SHORT_TTL_MS;
    await until("all members settle", () => this.#areAllIn("settled"), PEACE_MS);
    await until("whatever is short has expired", () => Date.now() > expired);
    this.#order("show");
    await until("all members show their state", () => this.#areAllIn("states"), PEACE_MS);
    return Date.now();
  }

  #order(what: string): void {
    writeFileSync(join(this.#places.orders, what), "");
  }

  #areAllIn(place: "settled" | "states"): boolean {
    const pids = new Set(this.#labels(place).map(pidOf));
    const { members } = this.#population;
    return members.length > 0 && members.every((pid) => pids.has(pid));
  }

  #labels(place: "histories" | "settled" | "states"): string[] {
    return readdirSync(this.#places[place]).filter((name) => !name.endsWith(".part"));
  }

  #memberStates(): Shown[] {
    return this.#labels("states").map((label) => {
      const entries = JSON.parse(readFileSync(join(this.#places.states, label), "utf8")) as [string, unknown][];
      return { by: label, state: Object.fromEntries(entries) };
    });
  }

  /**
   * The state once all members are gone: from the files as they were left, and from `app.db` alone. On a busy machine
   * members that leave at the same time may all give up to wait for their manager, and it may not know yet that they are
   * gone; then no member folds the log. That is counted, and `app.db` is looked at after the cold start.
   */
  async #coldStates(): Promise<Shown[]> {
    const { storage } = this.#places;
    if (this.#settings.endsInDeath) {
      await this.#population.end();
      const restarted = await shownIn(storage, "a cold start");
      return [restarted, await this.#shownByCopy()];
    }
    this.#order("leave");
    await this.#population.gone(() => this.#population.members, PEACE_MS);
    const isFolded = readdirSync(join(storage, `${NAME}.db.d`)).every((name) => !name.startsWith("log."));
    if (!isFolded) this.tally.count("left without a fold");
    const copied = isFolded ? [await this.#shownByCopy()] : [];
    const restarted = await shownIn(storage, "a cold start");
    return isFolded ? [...copied, restarted] : [restarted, await this.#shownByCopy()];
  }

  #shownByCopy(): Promise<Shown> {
    const copy = join(this.directory, "copy");
    mkdirSync(copy);
    cpSync(join(this.#places.storage, `${NAME}.db`), join(copy, `${NAME}.db`));
    return shownIn(copy, `${NAME}.db alone`);
  }

  /** The whole log; null when a part of it was missed, so that the round shows nothing. */
  #seen(witness: Witness): readonly Ordered[] | null {
    try {
      return witness.log();
    } catch (error) {
      if (!(error instanceof UnseenError)) throw error;
      this.tally.count("rounds not seen whole");
      return null;
    }
  }

  #check(states: readonly Shown[], shownAt: number, strikes: readonly Strike[]): string[] {
    const witness = this.#witness as Witness;
    const histories = this.#labels("histories").map((label) => readHistory(label, join(this.#places.histories, label)));
    const log = this.#seen(witness);
    if (log === null) return [];
    const snapshots = witness.snapshots();
    const problems = check({ log, histories, snapshots, states, shownAt });
    const { tally } = this;
    tally.count("rounds");
    tally.count("members", histories.length);
    tally.count("batches", log.length);
    tally.count("batches sent twice", repeatedIn(log));
    tally.count("epochs", new Set(log.map(({ epoch }) => epoch)).size);
    tally.count("compactions", snapshots.length);
    for (const { writes, reads } of histories) {
      tally.count("confirmed writes", writes.filter(({ ackedAt }) => ackedAt < Infinity).length);
      tally.count(
        "values read",
        reads.reduce((sum, { seen }) => sum + seen.length, 0),
      );
    }
    const of = (kind: Strike["kind"]) => strikes.filter((strike) => strike.kind === kind);
    tally.killedMs.push(...failoversOf(histories, of("killed")));
    tally.frozenMs.push(...failoversOf(histories, of("frozen")));
    return problems;
  }
}

/** How many batches are in the log although they, or later ones of their member, precede them there. */
function repeatedIn(log: readonly Ordered[]): number {
  const highest = new Map<number, number>();
  return log.filter(({ batch: { origin, number } }) => {
    const isRepeated = origin !== 0 && number <= (highest.get(origin) ?? 0);
    if (!isRepeated) highest.set(origin, number);
    return isRepeated;
  }).length;
}

async function shownIn(path: string, by: string): Promise<Shown> {
  const storage = await Storage.open(NAME, { path });
  const state = Object.fromEntries(storage.entries());
  await storage.close();
  return { by, state };
}
