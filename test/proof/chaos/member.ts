/** A member of a round: writes and reads at random, records it, and obeys the orders that it finds as names of files. */
import "./seams.js";
import { readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Storage, StorageError } from "../../../dist/core/index.js";
import { Dice } from "../simulation/dice.js";
import { Load, look, type Plan } from "./load.js";
import { type Ended, now, Recorder, type Told } from "./records.js";
import { endHubs } from "./seams.js";
import { ASSIGNMENT, type Assignment, LEFT_CODE, labelOf, NAME, placesOf, type Showing, timeOf } from "./settings.js";

/** Most writes that wait while a member goes on writing. */
const MAX_PENDING = 300;
/** Most plans of one tick. */
const MAX_PLANS = 5;
const SYNC_SHARE = 0.03;
const READ_SHARE = 0.7;

/** Why the last writes of a member that leaves were given up: there is no manager, or one that is about to serve. */
const GIVEN_UP = ["ERR_STORAGE_CLOSED", "ERR_STORAGE_UNREACHABLE"];

const assignment = JSON.parse(process.env[ASSIGNMENT] as string) as Assignment;
const places = placesOf(assignment.directory);
const label = labelOf(process.pid, now());
const dice = new Dice(assignment.seed + process.pid);
const recorder = new Recorder(join(places.histories, label));

process.on("disconnect", () => process.exit(1));
setTimeout(() => process.exit(1), (assignment.endsAt - now()) / 1000).unref();
function failed(error: Error): never {
  recorder.record(["failure", `${error.stack}`]);
  process.exit(1);
}
process.on("uncaughtException", failed);

const storage = new Storage(NAME, { path: places.storage, stallTimeout: assignment.stallTimeout });
storage.on("error", (error: Error) =>
  recorder.record(error instanceof StorageError ? ["told", error.code, error.message] : ["told", `${error}`]),
);
const load = new Load(storage, label, dice, assignment.longShare);
let writeCount = 0;
let healedCount = 0;

/** Records the writes, makes them, and records their results when those are known. */
function write(plans: readonly Plan[]): void {
  const ttls = plans.flatMap(({ texts, ttl = 0 }) => texts.map(() => ttl));
  recorder.record(["write", now(), plans.flatMap(({ texts }) => texts), ttls]);
  const from = writeCount + 1;
  for (const plan of plans) {
    const first = writeCount + 1;
    writeCount += plan.texts.length;
    for (const [index, outcome] of plan.make().entries()) {
      const number = first + index;
      if (outcome === "nothing") recorder.record(["nothing", number]);
      else if (outcome instanceof Promise)
        outcome.then(
          (result) => resolved(number, result),
          (error) => refused(number, error),
        );
    }
  }
  recorder.record(["made", now()]);
  const upTo = writeCount;
  storage.flush().then(
    () => recorder.record(["ack", now(), upTo]),
    (error: Error) => {
      if (isLoss(error)) recorder.record(["lost", from, upTo]);
      gaveUp(error);
    },
  );
}

/** After a move, what was on its way may be in the storage that was moved: that can not be known, and is reported. */
const isLoss = (error: Error): boolean =>
  assignment.kind === "moved" && error instanceof StorageError && error.code === "ERR_STORAGE_EXPIRED";

function resolved(number: number, result: Told): void {
  recorder.record(["result", number, result]);
}

/** A write that a snapshot covers is confirmed, and its result is not known. */
function refused(number: number, error: Error): void {
  if (error.message.includes("a snapshot that covers it")) recorder.record(["result", number, "covered"]);
  else gaveUp(error);
}

/** Pending writes of a member that leaves while there is no manager for 10 s are lost, and their promises are rejected. */
function gaveUp(error: Error): void {
  if (storage.closed && error instanceof StorageError && GIVEN_UP.includes(error.code)) return;
  if (isLoss(error)) return;
  recorder.record(["failure", `${error.stack}`]);
}

function plansOfTick(): Plan[] {
  const plans: Plan[] = [];
  let number = writeCount + 1;
  for (let left = 1 + dice.below(MAX_PLANS); left > 0; left--) {
    const plan = load.next(number);
    plans.push(plan);
    number += plan.texts.length;
  }
  return plans;
}

/** Notes what hubs of this member have healed. */
function noteHealed(): void {
  for (const { healed } = storage.stats(); healedCount < healed; healedCount++) recorder.record(["healed"]);
}

function tick(): void {
  noteHealed();
  if (storage.stats().pending < MAX_PENDING) write(writeCount === 0 ? [load.first()] : plansOfTick());
  if (dice.chance(READ_SHARE)) {
    const paths = load.paths();
    const at = now();
    const seen = look(storage, paths);
    recorder.record(["read", at, now(), seen]);
  }
  if (dice.chance(SYNC_SHARE)) {
    const from = now();
    storage.sync().then(() => recorder.record(["sync", from]), gaveUp);
  }
}

/** Waits until the pending writes are confirmed, if a manager does that, and ends this process. */
async function leave(): Promise<never> {
  noteEnd("close");
  const upTo = writeCount;
  await storage.close().then(() => recorder.record(["ack", now(), upTo]), gaveUp);
  process.exit(LEFT_CODE);
}

function noteEnd(how: Ended): void {
  const { role, epoch } = storage.stats();
  if (role === "manager") recorder.record(["end", now(), how, epoch]);
}

function end(how: "exit" | "throw" | "hub"): void {
  noteEnd(how);
  if (how === "hub") endHubs();
  if (how === "exit") process.exit();
  if (how !== "throw") return;
  process.off("uncaughtException", failed);
  setImmediate(() => {
    throw new Error("an exception that nothing catches, as it was ordered");
  });
}

/** Obeys the orders to this member alone; returns all orders. */
async function obey(): Promise<readonly string[]> {
  const orders = readdirSync(places.orders);
  for (const order of orders) {
    const [what, pid, ms] = order.split(".");
    if (Number(pid) !== process.pid) continue;
    rmSync(join(places.orders, order), { force: true });
    if (what === "close") await leave();
    if (what === "exit" || what === "throw" || what === "hub") end(what);
    if (what === "block") for (const end = now() + 1000 * Number(ms); now() < end; );
  }
  return orders;
}

async function ordered(what: string): Promise<void> {
  while (!(await obey()).includes(what)) await sleep(10);
}

/** Writes nothing while that is ordered. */
async function rest(): Promise<void> {
  await storage.flush().catch(gaveUp);
  await storage.sync().then(() => writeFileSync(join(places.resting, label), ""), gaveUp);
  while ((await obey()).includes("rest")) await sleep(10);
  rmSync(join(places.resting, label), { force: true });
}

for (let orders = await obey(); !orders.includes("stop"); orders = await obey()) {
  if (orders.includes("rest")) await rest();
  tick();
  await sleep(dice.below(2 * assignment.tickMs));
}
await storage.flush().catch(gaveUp);
// After a loss, what is later may still wait.
await storage.flush().catch(gaveUp);
writeFileSync(join(places.settled, label), "");
await ordered("show");
await storage.sync();
const state = join(places.states, label);
const { role, epoch } = storage.stats();
const showing: Showing = { role, epoch, time: timeOf(storage), entries: storage.entries() };
noteHealed();
writeFileSync(`${state}.part`, JSON.stringify(showing));
renameSync(`${state}.part`, state);
await ordered("leave");
await leave();
