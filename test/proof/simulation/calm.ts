/** A simulated machine on which nothing goes wrong but what a test brings about. */
import assert from "node:assert/strict";
import type { Member } from "./member.js";
import type { Process } from "./process.js";
import { World } from "./world.js";

/** Longest simulated time, in ms, that anything may take. */
const MAX_MS = 60_000;
const WRITES = 5;

/** A machine on which nothing goes wrong by itself. The seed determines how long each thing takes. */
export async function onCalmMachine(seed: number, act: (world: World) => Promise<void>): Promise<void> {
  const world = new World(seed);
  const calls = { io: 0, handles: 0, short: 0, sync: 0, refuse: 0, thread: 0, slow: 0 };
  world.weather = { ...world.weather, calls };
  world.settings = { ...world.settings, persist: true, gcInterval: 100_000, compactAfterBytes: 1_000_000 };
  await act(world);
  if (world.failure) throw world.failure;
}

/** Lets time pass until something has happened. */
export async function until(world: World, what: string, isDone: () => boolean): Promise<void> {
  const isInTime = await world.scheduler.run(world.scheduler.time + MAX_MS, () => world.failure !== null || isDone());
  if (world.failure) throw world.failure;
  assert.ok(isInTime, `expected ${what} within ${MAX_MS} ms of simulated time`);
}

/** Opens the storage in a new process. */
export async function openedIn(world: World, process: Process): Promise<Member> {
  const { size } = world.members;
  world.open(process);
  await until(world, "a member", () => world.members.size > size);
  return [...world.members].at(-1) as Member;
}

/** A process that has joined and has written. */
export async function writer(world: World): Promise<Process> {
  const process = world.startProcess();
  const member = await openedIn(world, process);
  await joined(world, member);
  for (let count = 0; count < WRITES; count++) process.main.in(count, () => member.clear());
  await until(world, "confirmed writes", () => world.history.length > 0 && !member.replica.hasPending);
  return process;
}

/** Returns when a member has all that was confirmed. */
export async function joined(world: World, member: Member): Promise<void> {
  let isSynced = false;
  member.process.main.in(0, () =>
    member.sync(() => {
      isSynced = true;
    }),
  );
  await until(world, "a member that has joined", () => isSynced);
}
