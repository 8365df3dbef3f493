/**
 * Requests in several processes that bring an expired session back while others destroy it: the real code of it, in processes whose
 * writes get their places in the log, and are delivered, in random orders.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FACTS } from "../../dist/core/facts.js";
import type { Storage } from "../../dist/core/index.js";
import { elapsedTime } from "../../dist/core/runtime.js";
import { DestroyedSessions } from "../../dist/session-store/destroyed-sessions.js";
import { ExpiredKeys } from "../../dist/session-store/expired-keys.js";
import { BIRTH, isSession } from "../../dist/session-store/payload.js";
import type { LoadedSession } from "../../dist/session-store/request-context.js";
import { Revival } from "../../dist/session-store/revival.js";
import { Revocations } from "../../dist/session-store/revocations.js";
import { SessionUsers } from "../../dist/session-store/session-users.js";
import { randomOf } from "../proof/budget.js";

const RUNS = Math.ceil(500 * Number(process.env.CLUSTER_STORAGE_RUNS ?? 1));
const KEY = "session/s";

/** Sessions without users. */
const revocationsOf = (storage: Storage) => new Revocations(storage, "session", new SessionUsers(null, () => {}));

/** Returns a whole number below another one. */
type Random = (below: number) => number;

function randomFrom(seed: number): Random {
  const roll = randomOf(seed + 1);
  return (below) => Math.floor(roll() * below);
}

type Value = Record<string, unknown>;
type State = Map<string, unknown>;

/** One write: what it does to a state, and who waits for what it came to. */
interface Write {
  apply(state: State): boolean;
  settle(result: boolean): void;
}

/** One process: the log as far as it was delivered here, with the pending writes on top. */
class Process {
  readonly outbox: Write[] = [];
  readonly [FACTS] = { holds: () => true, replica: this };
  #deliveredCount = 0;
  readonly #pending: Write[] = [];
  readonly #log: Write[];
  readonly #state: State = new Map();

  constructor(log: Write[]) {
    this.#log = log;
  }

  on(): void {}

  get hasWork(): boolean {
    return this.outbox.length > 0 || this.#deliveredCount < this.#log.length;
  }

  /** Lets the oldest write that was not ordered yet have the next place. */
  order(): void {
    const write = this.outbox.shift();
    if (write !== undefined) this.#log.push(write);
  }

  deliver(): void {
    const write = this.#log[this.#deliveredCount];
    if (write === undefined) return;
    this.#deliveredCount++;
    const result = write.apply(this.#state);
    if (this.#pending[0] !== write) return;
    this.#pending.shift();
    write.settle(result);
  }

  get([key]: [string]): unknown {
    const view = new Map(this.#state);
    for (const write of this.#pending) write.apply(view);
    return view.get(key) ?? null;
  }

  set([key]: [string], value: unknown): void {
    void this.#write((state) => state.set(key, value) !== undefined);
  }

  delete([key]: [string]): void {
    void this.#write((state) => state.delete(key));
  }

  add([key]: [string], value: unknown): Promise<boolean> {
    return this.#write((state) => !state.has(key) && state.set(key, value) !== undefined);
  }

  patch([key]: [string], changes: Value, { match, ttl }: { match: Value; ttl: number }): Promise<boolean> {
    return this.#write((state) => {
      const value = state.get(key) as Value | undefined;
      if (value === undefined || value[BIRTH] !== match[BIRTH]) return false;
      if (ttl === 1) state.delete(key);
      else state.set(key, { ...value, ...changes });
      return true;
    });
  }

  #write(apply: (state: State) => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const write = { apply, settle: resolve };
      this.#pending.push(write);
      this.outbox.push(write);
    });
  }
}

/** A storage with its log in several processes. */
class World {
  readonly log: Write[] = [];
  readonly processes: Process[];
  readonly #random: Random;

  constructor(random: Random, count: number) {
    this.#random = random;
    this.processes = Array.from({ length: count }, () => new Process(this.log));
  }

  /** Does random work of the log and of the processes until none is left. */
  async run(): Promise<void> {
    for (;;) {
      for (let turn = 0; turn < 12; turn++) await null;
      const working = this.processes.filter(({ hasWork }) => hasWork);
      const process = working[this.#random(working.length)];
      if (process === undefined) return;
      if (this.#random(2) === 0) process.order();
      else process.deliver();
    }
  }

  /** What every process sees once all has been delivered. */
  get final(): unknown {
    const [first, ...others] = this.processes.map((process) => process.get([KEY]));
    for (const other of others) assert.deepEqual(other, first);
    return first;
  }
}

/** A request that had loaded the session before it expired. */
function request(world: World, processIndex: number, name: string): () => Promise<boolean> {
  const storage = world.processes[processIndex] as unknown as Storage;
  const destroyed = new DestroyedSessions(storage, "session");
  const known =
    revivals.get(storage) ??
    new Revival(storage, destroyed, ExpiredKeys.of(storage, "session/"), revocationsOf(storage));
  revivals.set(storage, known);
  const now = elapsedTime();
  const vitals = { destructions: destroyed.of("s"), readAt: 0, seenAt: now, endsAt: now };
  const loaded: LoadedSession = { sid: "s", birth: "b", fields: {}, cookie: undefined, vitals };
  const changes = { [name]: 1 };
  return () =>
    known.revive(loaded, { key: KEY, session: { user: "ada", ...changes }, changes, lifetime: 1000, since: 0 });
}
const revivals = new WeakMap<object, Revival>();

function destroy(world: World, processIndex: number): void {
  const storage = world.processes[processIndex] as unknown as Storage;
  new DestroyedSessions(storage, "session").note("s");
  storage.delete([KEY]);
}

/** Begins calls one after another, with random work of the log in between. */
async function begin(world: World, random: Random, calls: readonly (() => unknown)[]): Promise<unknown[]> {
  const results: unknown[] = [];
  for (const call of calls) {
    results.push(call());
    const isRunOn = random(2) === 0;
    for (let step = random(6); isRunOn && step > 0; step--) {
      const process = world.processes[random(world.processes.length)] as Process;
      if (random(2) === 0) process.order();
      else process.deliver();
      for (let turn = 0; turn < 12; turn++) await null;
    }
  }
  await world.run();
  return Promise.all(results);
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const left = [...items];
  return items.map(() => left.splice(random(left.length), 1)[0] as T);
}

describe(`an expired session, ${RUNS} times in random orders`, () => {
  it("comes back with what all of its requests have written, when nobody destroys it", async () => {
    for (let seed = 0; seed < RUNS; seed++) {
      const random = randomFrom(seed);
      const world = new World(random, 3);
      const names = ["a", "b", "c", "d"].slice(0, 1 + random(4));
      const requests = names.map((name) => request(world, random(3), name));
      const results = await begin(world, random, requests);
      assert.ok(
        results.every((result) => result === true),
        `seed ${seed}`,
      );
      const expected = Object.fromEntries(names.map((name) => [name, 1]));
      assert.deepEqual(world.final, { user: "ada", ...expected, [BIRTH]: "b" }, `seed ${seed}`);
    }
  });

  it("does not come back when it is destroyed at any moment since it was loaded", async () => {
    let backCount = 0;
    for (let seed = 0; seed < RUNS; seed++) {
      const random = randomFrom(seed);
      const world = new World(random, 3);
      const requests = ["a", "b"].slice(0, 1 + random(2)).map((name) => request(world, random(3), name));
      const destroyer = random(3);
      const results = await begin(world, random, shuffled(random, [...requests, () => destroy(world, destroyer)]));
      assert.equal(isSession(world.final), false, `seed ${seed}: ${JSON.stringify(world.final)}`);
      if (results.includes(true)) backCount++;
    }
    assert.ok(backCount > 0, "in some orders it was back before it was destroyed");
  });

  it("is not changed by old requests when another one has taken its place", async () => {
    for (let seed = 0; seed < RUNS; seed++) {
      const random = randomFrom(seed);
      const world = new World(random, 2);
      const fresh = { user: "eve", [BIRTH]: "new" };
      const requests = ["a", "b"].map((name) => request(world, random(2), name));
      const place = (): void => {
        const storage = world.processes[random(2)] as unknown as Storage;
        storage.set([KEY], fresh);
      };
      await begin(world, random, shuffled(random, [...requests, place]));
      assert.deepEqual(world.final, fresh, `seed ${seed}`);
    }
  });
});
