/**
 * Locks on the simulated machine, while processes are killed and stand still, managers among them, and connections break. Events come one after
 * the other here, so the checker sees in which order processes hold a lock.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seeds } from "../budget.js";
import { joined, onCalmMachine, openedIn, until } from "./calm.js";
import type { Member } from "./member.js";
import type { World } from "./world.js";

const GATE = 20;
const MEMBERS = 4;
const SESSIONS = 60;
const LEASE_MS = 10_000;

interface Session {
  readonly member: Member;
  readonly token: number;
  isOver: boolean;
  /** It stood still since it began, so its lease may have ended. */
  wasFrozen: boolean;
}

class Checker {
  readonly #world: World;
  readonly #count: number;
  readonly sessions: Session[] = [];
  takenOverCount = 0;

  constructor(world: World, count: number) {
    this.#world = world;
    this.#count = count;
  }

  begins(member: Member, token: number): Session {
    const session: Session = { member, token, isOver: false, wasFrozen: false };
    const others = this.sessions.filter(({ isOver, member: other }) => !isOver && other.process.isAlive);
    const holders = others.filter(({ wasFrozen }) => !wasFrozen);
    this.takenOverCount += others.length - holders.length;
    const texts = holders.map(({ member: other, token: held }) => `${other.name} with ${held}`);
    assert(holders.length < this.#count, `${member.name} holds with ${token}, and ${texts} does`);
    const last = this.sessions.at(-1)?.token ?? 0;
    assert(this.#count > 1 || token > last, `${member.name} holds with ${token}, after ${last}`);
    assert(!this.sessions.some((other) => other.token === token), `${token} is of two holders`);
    this.sessions.push(session);
    return session;
  }

  froze(member: Member): void {
    for (const session of this.sessions) if (session.member === member && !session.isOver) session.wasFrozen = true;
  }

  /** A member that holds the lock again and again, until it is killed. */
  run(member: Member): void {
    const { process } = member;
    const { dice } = this.#world;
    process.main.in(0, () => {
      const waitMs = dice.chance(0.3) ? dice.below(500) : Number.POSITIVE_INFINITY;
      const claim = member.replica.locks.claim(["r"], { count: this.#count, leaseMs: LEASE_MS, waitMs }, () => {});
      const again = (): void => void process.main.in(dice.below(50), () => this.run(member));
      const settled = (call: () => void): void => {
        this.#world.scheduler.stirCount++;
        if (process.isAlive) this.#world.expect(call);
      };
      claim.acquired.then(
        (isHeld) =>
          settled(() => {
            if (!isHeld) return again();
            const session = this.begins(member, claim.token);
            claim.signal.addEventListener("abort", () => {
              session.isOver = true;
              this.#world.expect(() => assert(session.wasFrozen, `${member.name} lost ${claim.token} while it ran`));
            });
            process.main.in(dice.below(300), () => {
              session.isOver = true;
              void claim.release();
              again();
            });
          }),
        (error) => settled(() => assert.fail(error)),
      );
    });
  }
}

async function start(world: World, checker: Checker): Promise<void> {
  const member = await openedIn(world, world.startProcess());
  await joined(world, member);
  checker.run(member);
}

/** One thing goes wrong, and a process that ended is replaced. */
async function disturb(world: World, checker: Checker): Promise<void> {
  const { dice } = world;
  const member = dice.pick([...world.members].filter(({ process }) => !process.isFrozen && process.isAlive));
  const what = dice.pick(["kill", "freeze", "break"]);
  if (what === "break") world.network.breakOne();
  else if (what === "kill") {
    member.process.kill();
    await start(world, checker);
  } else {
    const { process } = member;
    const ms = dice.below(2 * LEASE_MS);
    checker.froze(member);
    process.freeze();
    world.scheduler.world.in(ms, () => process.thaw());
    await until(world, "the end of a stop", () => !process.isFrozen || !process.isAlive);
  }
}

async function simulateLocks(seed: number, count: number): Promise<Checker> {
  let checker: Checker | undefined;
  await onCalmMachine(seed, async (world) => {
    world.settings = { ...world.settings, stallTimeout: 1000 };
    checker = new Checker(world, count);
    for (let index = 0; index < MEMBERS; index++) await start(world, checker);
    const { sessions } = checker;
    while (sessions.length < SESSIONS) {
      const next = sessions.length + 1 + world.dice.below(8);
      await until(world, "other holders", () => sessions.length >= next);
      await disturb(world, checker);
    }
    const last = sessions.length;
    await until(world, "holders in the end", () => sessions.length >= last + 2 * MEMBERS);
  });
  return checker as Checker;
}

test("a lock has one holder at a time, with tokens that rise, whatever happens to processes and connections", async (t) => {
  let [machines, sessions, takenOver] = [0, 0, 0];
  for (const seed of seeds(GATE)) {
    const checker = await simulateLocks(seed, seed % 3 === 0 ? 2 : 1).catch((error: Error) => {
      throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
    });
    machines++;
    sessions += checker.sessions.length;
    takenOver += checker.takenOverCount;
  }
  t.diagnostic(`${machines} machines, ${sessions} times held, ${takenOver} of them after a process stood still`);
});
