/**
 * Eight processes under a mixed load for a long time, some of which come and go. What is alive is bounded, so whatever grows
 * without a bound is a leak. The manager is replaced again and again, also while what is measured does not count yet, since
 * V8 compiles what that runs; then one process is the manager for half of the time that counts, closes, and it goes on as
 * before. Four processes stay from the beginning to the end and never are the manager.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isCampaign, minutes } from "../budget.js";
import { type Member, Processes, temporaryDirectory, until } from "../cluster/processes.js";
import { isSteeper, type Sample, slopeOf } from "./slope.js";
import { type Weight, weighDirectory } from "./weight.js";

const WORKER = fileURLToPath(new URL("./worker.js", import.meta.url));
const MIB = 1024 * 1024;
const STEADY_COUNT = 4;
const GUEST_COUNT = 3;
const MANAGER = "manager";

const DURATION_MS = isCampaign ? minutes * 60_000 : 18_000;
/** What is not counted: caches fill, and V8 compiles, which adds some 100 KiB within the first minutes. */
const WARM_UP_MS = isCampaign ? Math.min(600_000, DURATION_MS / 3) : 4000;
const SAMPLE_MS = isCampaign ? 3000 : 400;
const RESTART_MS = isCampaign ? 10_000 : 1500;
/** Between two rounds of the load of one process. */
const ROUND_MS = isCampaign ? 250 : 100;

/**
 * Bytes that a process may surely gain per hour of each kind. In a gate, which shows leaks only that are as large as what
 * is written, all that it may gain.
 */
const HEAP_LIMIT = isCampaign ? MIB : (8 * MIB * 3_600_000) / DURATION_MS;
/** `compactAfterBytes` and the segments that are written while a compaction runs. */
const SEGMENT_BYTES = 32 * MIB;
/** Snapshots that there may be at once, of the size of the largest, and how far segments may exceed that size. */
const SNAPSHOTS = 4;
/** Names in the directory besides segments, of which there are at most 64 before a compaction: snapshots, seats, sockets, ... */
const MAX_FILES = 100;

type Figure = "rss" | "heap" | "external" | "files" | "keys";
const FIGURES: Figure[] = ["heap", "external", "rss", "files", "keys"];

class Soak {
  readonly #processes: Processes;
  readonly #directory: string;
  readonly #start = performance.now();
  #seed = 0;
  /** The samples after the warm-up, of the processes that stay, by name. */
  readonly weights = new Map<string, Array<{ atMs: number; weight: Weight }>>();
  readonly directory: Array<{ atMs: number; files: number; bytes: number; snapshotBytes: number }> = [];
  readonly restarts = { closed: 0, killed: 0, managers: 0 };
  /** Compactions by process, of which each counts its own. */
  readonly #compactions = new Map<number, number>();
  readonly #failures: string[] = [];

  constructor(t: TestContext) {
    const path = temporaryDirectory(t);
    this.#directory = join(path, "app.db.d");
    this.#processes = new Processes(t, { path, gcInterval: 500 }, "app", WORKER);
  }

  get elapsedMs(): number {
    return performance.now() - this.#start;
  }

  get compactions(): number {
    return [...this.#compactions.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Whether the load must go on: for its time, and longer on a slow machine, until something was compacted and managers replaced. */
  get isOn(): boolean {
    if (this.elapsedMs < DURATION_MS) return true;
    const hasAll = this.compactions > 0 && this.restarts.managers > 1;
    return !hasAll && this.elapsedMs < 10 * DURATION_MS;
  }

  /** Starts a process; once it has joined, its load begins. */
  async start(candidate: boolean): Promise<Member> {
    const member = this.#processes.start({ candidate });
    await member.call("sync");
    await member.call("startLoad", ++this.#seed, ROUND_MS);
    return member;
  }

  async weigh(member: Member): Promise<Weight> {
    const weight = await member.call<Weight>("weigh");
    this.#compactions.set(member.pid, weight.compactions);
    return weight;
  }

  async sample(named: Iterable<[string, Member]>): Promise<void> {
    for (const [name, member] of named) {
      const weight = await this.weigh(member);
      const known = this.weights.get(name) ?? [];
      if (this.elapsedMs > WARM_UP_MS) known.push({ atMs: this.elapsedMs, weight });
      this.weights.set(name, known);
    }
    this.directory.push({ atMs: this.elapsedMs, ...weighDirectory(this.#directory) });
  }

  /** Closes a process, or kills it every third time, and starts another one. */
  async replace(member: Member, candidate: boolean): Promise<Member> {
    const { role } = await this.weigh(member);
    if (role === "manager") this.restarts.managers++;
    await this.#expectNoFailure(member);
    if ((this.restarts.closed + this.restarts.killed) % 3 === 2) this.restarts.killed++;
    else {
      await member.call("close");
      this.restarts.closed++;
    }
    await member.kill();
    return this.start(candidate);
  }

  /** Ends the load, and waits until all members hold the same. */
  async quiet(): Promise<void> {
    const members = this.#processes.living;
    for (const member of members) await member.call("stopLoad");
    await until("all members hold the same", async () => {
      for (const member of members) await member.call("sync");
      return new Set(await Promise.all(members.map((member) => member.call("digest")))).size === 1;
    });
    for (const member of members) await this.#expectNoFailure(member);
    assert.deepEqual(this.#failures, []);
  }

  async #expectNoFailure(member: Member): Promise<void> {
    this.#failures.push(...(await member.call<string[]>("failures")));
  }
}

/** The samples of one figure. */
function seriesOf(samples: ReadonlyArray<{ atMs: number; weight: Weight }>, figure: Figure): Sample[] {
  return samples.map(({ atMs, weight }) => ({ atMs, value: weight[figure] }));
}

const isBytes = (figure: string): boolean => figure !== "files" && figure !== "keys";

function describeSeries(series: readonly Sample[], inBytes: boolean): string {
  const { perHour, error } = slopeOf(series);
  const unit = inBytes ? MIB : 1;
  const show = (value: number) => (value / unit).toFixed(inBytes ? 2 : 0);
  const values = series.map(({ value }) => value).sort((a, b) => a - b);
  const range = `${show(values[0] ?? 0)} to ${show(values.at(-1) ?? 0)}${inBytes ? " MiB" : ""}`;
  return `${range}, slope ${(perHour / unit).toFixed(2)} +- ${(error / unit).toFixed(2)} per hour`;
}

function report(t: TestContext, soak: Soak): void {
  for (const [name, samples] of soak.weights) {
    for (const figure of FIGURES) {
      t.diagnostic(`${name}: ${figure} ${describeSeries(seriesOf(samples, figure), isBytes(figure))}`);
    }
  }
  const counted = soak.directory.filter(({ atMs }) => atMs > WARM_UP_MS);
  for (const figure of ["bytes", "files"] as const) {
    const series = counted.map((found) => ({ atMs: found.atMs, value: found[figure] }));
    t.diagnostic(`directory: ${figure} ${describeSeries(series, figure === "bytes")}`);
  }
  const { closed, killed, managers } = soak.restarts;
  const writes = [...soak.weights.values()].map((samples) => samples.at(-1)?.weight.seq ?? 0);
  const seconds = Math.round(soak.elapsedMs / 1000);
  t.diagnostic(
    `${seconds} s, ${Math.max(...writes)} batches, ${soak.compactions} compactions, ${closed} processes closed and ${killed} killed, ${managers} of them the manager`,
  );
}

/**
 * A process that started later is as young as the others were during their warm-up. So it may have as much as they have, and
 * their growth shows how it will grow.
 */
function expectLight(soak: Soak): void {
  const heapsOf = (isManager: boolean) =>
    [...soak.weights].flatMap(([name, samples]) =>
      (name === MANAGER) === isManager ? samples.map(({ weight }) => weight.heap) : [],
    );
  const most = Math.max(...heapsOf(false)) + MIB;
  for (const heap of heapsOf(true)) assert.ok(heap <= most, `expected a manager of at most ${most} bytes, got ${heap}`);
}

function expectFlat(soak: Soak): void {
  for (const [name, samples] of soak.weights) {
    if (name === MANAGER) continue;
    for (const figure of ["heap", "external"] as const) {
      const series = seriesOf(samples, figure);
      const found = `${name}: ${figure} ${describeSeries(series, true)}`;
      assert.ok(!isSteeper(slopeOf(series), HEAP_LIMIT), `expected at most ${HEAP_LIMIT / MIB} MiB per hour, ${found}`);
    }
  }
  for (const { files, bytes, snapshotBytes } of soak.directory) {
    const most = SEGMENT_BYTES + SNAPSHOTS * snapshotBytes;
    assert.ok(bytes <= most, `expected a directory of at most ${most} bytes, got ${bytes}`);
    assert.ok(files <= MAX_FILES, `expected at most ${MAX_FILES} files, got ${files}`);
  }
}

const skip =
  !isCampaign && process.env.CLUSTER_STORAGE_SOAK === undefined
    ? "npm run test:outside runs it"
    : !existsSync("/proc/self/fd") && "open files cannot be counted on this system";

test("memory, open files and the directory stay as they are while processes come and go", { skip }, async (t) => {
  const soak = new Soak(t);
  const guests: Member[] = [await soak.start(true)];
  const steady: Array<[string, Member]> = [];
  for (let index = 1; index <= STEADY_COUNT; index++) steady.push([`member ${index}`, await soak.start(false)]);
  while (guests.length < GUEST_COUNT) guests.push(await soak.start(true));
  const atFirst = await Promise.all(steady.map(async ([, member]) => (await soak.weigh(member)).files));

  let keeper: Member | null = null;
  let isOver = false;
  const replaceGuest = async (index: number) => {
    guests[index] = await soak.replace(guests[index] as Member, keeper === null || isOver);
  };
  let turn = 0;
  for (let nextRestart = RESTART_MS; soak.isOn; ) {
    await sleep(SAMPLE_MS);
    await soak.sample(keeper !== null && !isOver ? [[MANAGER, keeper], ...steady] : steady);
    for (const guest of guests) await soak.weigh(guest);
    if (soak.elapsedMs < nextRestart) continue;
    nextRestart = soak.elapsedMs + RESTART_MS;
    if (keeper === null && soak.elapsedMs > WARM_UP_MS) {
      const kept = await soak.start(true);
      keeper = kept;
      for (const index of guests.keys()) await replaceGuest(index);
      await until("the only candidate is the manager", async () => (await soak.weigh(kept)).role === "manager");
    } else if (keeper !== null && !isOver && soak.elapsedMs > (WARM_UP_MS + DURATION_MS) / 2) {
      assert.equal((await soak.weigh(keeper)).role, "manager");
      isOver = true;
      for (const index of guests.keys()) await replaceGuest(index);
      guests.push(await soak.replace(keeper, true));
    } else await replaceGuest(turn++ % guests.length);
  }

  report(t, soak);
  await soak.quiet();
  expectFlat(soak);
  expectLight(soak);
  for (const [index, [name, member]] of steady.entries()) {
    await until(`${name} has as many files open as in the beginning`, async () => {
      return (await soak.weigh(member)).files === atFirst[index];
    });
  }
  assert.ok(soak.compactions > 0, "expected compactions, got none");
  assert.ok(soak.restarts.managers > 1, `expected managers to be replaced, got ${soak.restarts.managers}`);
});
