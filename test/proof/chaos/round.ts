/** One round: members under violence, then a time without, then everything that they did and saw is checked. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Storage } from "../../../dist/core/index.js";
import { until } from "../cluster/processes.js";
import { teardown } from "../cluster/teardown.js";
import { Dice } from "../simulation/dice.js";
import { disturb } from "./calm.js";
import type { Shown } from "./checker.js";
import { Copies } from "./copies.js";
import type { Move } from "./moved.js";
import { Population } from "./population.js";
import { now, readHistory } from "./records.js";
import {
  ASSIGNMENT,
  type Assignment,
  NAME,
  pidOf,
  placesOf,
  type Settings,
  SHORT_TTL_MS,
  type Showing,
  timeOf,
} from "./settings.js";
import { areListening, listed } from "./sockets.js";
import { Tally } from "./tally.js";
import { type Succession, verdictOn } from "./verdict.js";
import { type Scene, type Strike, Violence } from "./violence.js";
import { WallClock } from "./wall-clock.js";
import { type Starter, starterOf } from "./ways.js";
import { Witness } from "./witness.js";

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
  readonly #copies = new Copies(this.directory, this.tally);
  readonly #dice: Dice;
  readonly #clock: WallClock;
  readonly #served = new Set<string>();
  #witness: Witness | undefined;
  /** Of the storage that began at the place of one that was moved. */
  #successor: Witness | undefined;
  #move: Move | undefined;
  #end = () => Promise.resolve();

  constructor(t: TestContext, settings: Settings) {
    this.#settings = settings;
    this.#dice = new Dice(settings.seed);
    const { database: _, clock, ...places } = this.#places;
    for (const place of Object.values(places)) mkdirSync(place);
    this.#clock = new WallClock(clock);
    teardown(t, () => this.end());
  }

  /** Returns what is wrong. */
  async run(): Promise<string[]> {
    const { violenceMs, way, members } = this.#settings;
    const assignment: Assignment = {
      ...this.#settings,
      directory: this.directory,
      endsAt: now() + 1000 * (violenceMs + 2 * PEACE_MS),
    };
    const starter = starterOf(way, this.directory, { ...process.env, [ASSIGNMENT]: JSON.stringify(assignment) });
    this.#end = () => starter.end();
    this.#witness = new Witness(this.#places.storage, this.#places.witness);
    starter.start(members);
    await until("a first member", () => this.#labels("histories").length > 0, PEACE_MS);
    const [directory, population, settings, dice] = [this.directory, this.#population, this.#settings, this.#dice];
    const witness = this.#witness;
    const scene = {
      directory,
      population,
      starter,
      settings,
      dice,
      tally: this.tally,
      copies: this.#copies,
      clock: this.#clock,
      witness,
    };
    const { problems, strikes } = await this.#act(scene);
    await this.#makePeace(starter);
    this.#witness.end();
    this.#successor?.end();
    const showings = this.#showings();
    const states = [...showings, ...(await this.#coldStates())];
    const histories = this.#labels("histories").map((label) => readHistory(label, join(this.#places.histories, label)));
    const succession = await this.#succession();
    const { copies, problems: wrongCopies } = await this.#copies.outcome();
    const { tally } = this;
    const remains = { settings, tally, histories, witness, showings, states, strikes, copies, succession };
    return [...problems, ...wrongCopies, ...verdictOn(remains)];
  }

  /** What the seed has planned; returns what is wrong already, and what ended managers. */
  async #act(scene: Scene): Promise<{ problems: string[]; strikes: readonly Strike[] }> {
    const { kind, violenceMs } = this.#settings;
    if (kind === "calm") {
      const problems = await disturb(scene, () => this.#isServed());
      return { problems, strikes: [] };
    }
    const violence = new Violence(scene);
    const moveAt = violenceMs * this.#dice.between(0.2, 0.7);
    await Promise.all([violence.rage(), kind === "moved" && sleep(moveAt).then(() => this.#moveAway())]);
    // What is known of the managers after a move has epochs of another history.
    return { problems: [], strikes: kind === "moved" ? [] : violence.strikes };
  }

  /** Whether each member has had a write confirmed, so that it has joined. */
  #isServed(): boolean {
    const labels = this.#labels("histories");
    for (const label of labels) {
      if (this.#served.has(label)) continue;
      if (!readFileSync(join(this.#places.histories, label), "utf8").includes('["ack"')) return false;
      this.#served.add(label);
    }
    return labels.length >= this.#population.members.length;
  }

  /** Renames the directory of the files with the copy beside it, or the whole of what the user has named. */
  async #moveAway(): Promise<void> {
    const { storage, database, moved, successor } = this.#places;
    const witness = this.#witness as Witness;
    let bytes = Number.POSITIVE_INFINITY;
    const grows = () => {
      const before = bytes;
      bytes = logBytes(database);
      return bytes > before;
    };
    await until("the log grows", grows, PEACE_MS);
    witness.end();
    const copy = `${NAME}.db`;
    const from = now();
    if (this.#dice.chance(0.5)) renameSync(storage, moved);
    else {
      if (existsSync(join(storage, copy))) renameSync(join(storage, copy), join(moved, copy));
      renameSync(database, join(moved, `${copy}.d`));
    }
    this.#move = { from, to: now() };
    witness.follow(moved);
    this.#successor = new Witness(storage, successor);
    this.tally.count("moves");
  }

  /** May be called again. */
  async end(): Promise<void> {
    this.#witness?.end();
    this.#successor?.end();
    this.#copies.end();
    const end = this.#end;
    this.#end = () => Promise.resolve();
    if (this.#population.all.length > 0) await Promise.race([end(), sleep(END_MS)]);
    await this.#population.end();
  }

  /** All members stop writing, have everything confirmed, and write down their states. */
  async #makePeace(starter: Starter): Promise<void> {
    const isStarted = () =>
      starter.starting === 0 && (!starter.startsAgain || this.#population.members.length === this.#settings.members);
    await until("all members are started", isStarted, PEACE_MS);
    this.#order("stop");
    await until("all members settle", () => this.#areAllIn("settled"), PEACE_MS);
    // A member that was busy has written after the order.
    const expired = Date.now() + SHORT_TTL_MS;
    const { database } = this.#places;
    const areThere = () => areListening(database, this.#population.members.length);
    await until("all sockets are there, whoever has removed them", areThere, PEACE_MS);
    await until("whatever is short has expired", () => Date.now() > expired);
    this.#order("show");
    await until("all members show their state", () => this.#areAllIn("states"), PEACE_MS);
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

  #showings(): (Shown & Showing)[] {
    return this.#labels("states").map((label) => {
      const showing = JSON.parse(readFileSync(join(this.#places.states, label), "utf8")) as Showing;
      return { ...showing, by: label, state: Object.fromEntries(showing.entries) };
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

  /** What there is to know of a move; null: there was none. */
  async #succession(): Promise<Succession | null> {
    if (this.#move === undefined || this.#successor === undefined) return null;
    this.#witness?.follow(this.#places.moved);
    return { move: this.#move, witness: this.#successor, moved: await this.#movedState() };
  }

  /** What the moved storage shows where it is now, or back at its place; nobody has either of them open. */
  async #movedState(): Promise<Shown> {
    const { moved, storage } = this.#places;
    if (this.#dice.chance(0.5)) return shownIn(moved, "the moved storage");
    rmSync(storage, { recursive: true });
    renameSync(moved, storage);
    return shownIn(storage, "the storage that was moved away and back");
  }
}

/** Of all segments; one that is removed meanwhile has none. */
const logBytes = (directory: string): number =>
  listed(directory)
    .filter((name) => name.startsWith("log."))
    .reduce((sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0), 0);

async function shownIn(path: string, by: string): Promise<Shown> {
  const storage = await Storage.open(NAME, { path });
  const shown = { by, time: timeOf(storage), state: Object.fromEntries(storage.entries()) };
  await storage.close();
  return shown;
}
