/** Limits over several processes: exact, whoever dies and whatever the clocks say, and never waiting for long. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { StorageLimitOptions, StorageLimitResult } from "../../../dist/core/index.js";
import { runs } from "../budget.js";
import { Tally } from "../chaos/tally.js";
import { WallClock } from "../chaos/wall-clock.js";
import { Dice } from "../simulation/dice.js";
import { type Member, Processes, temporaryDirectory, until } from "./processes.js";

const PROGRAM = fileURLToPath(new URL("./limit-member.js", import.meta.url));
const LIMIT = 100;
const HOUR_MS = 3_600_000;
/** Hits that a process makes: together four times as many as are allowed. */
const HITS = 100;
/** A hit that waits for less than a failover takes is decided without the log. */
const PATIENT = { timeout: 60_000 };

function open(t: TestContext): { processes: Processes; clock: WallClock } {
  const directory = temporaryDirectory(t);
  const clock = new WallClock(join(directory, "clock"));
  process.env.WALL_CLOCK = join(directory, "clock");
  return { processes: new Processes(t, { path: directory }, "app", PROGRAM), clock };
}

const look = (member: Member, path: string, options: StorageLimitOptions) =>
  member.call<StorageLimitResult>("limit", [path], { ...options, cost: 0 });

for (const algorithm of ["window", "gcra"] as const) {
  test(`${algorithm}: 4 processes allow exactly the limit while the manager is killed and clocks jump`, async (t) => {
    const { processes, clock } = open(t);
    const [dice, tally] = [new Dice(Date.now()), new Tally()];
    await processes.startJoined(4);
    for (let round = 0; round < 3 * runs; round++) {
      const path = `round ${round}`;
      const options = { limit: LIMIT, windowMs: HOUR_MS, algorithm, ...PATIENT };
      const members = processes.living;
      for (const member of members) member.confirmed = 0;
      const manager = await processes.manager();
      const began = Date.now();
      const bursts = members.map((member) => member.call<number>("burst", path, options, HITS).catch(() => null));
      const sum = () => members.reduce((count, member) => count + member.confirmed, 0);
      await until("some are allowed", () => sum() > LIMIT / 4);
      clock.jump(dice, tally);
      await manager.kill();
      clock.jump(dice, tally);
      const allowed = (await Promise.all(bursts)).map((count, index) => count ?? (members[index] as Member).confirmed);
      const total = allowed.reduce((count, each) => count + each, 0);
      /** What has drained meanwhile. */
      const most = LIMIT + (algorithm === "gcra" ? Math.ceil(((Date.now() - began) * LIMIT) / HOUR_MS) : 0);
      // What the dead process was answered last, it has not reported.
      assert.ok(total <= most && total >= LIMIT - 10, `${total} were allowed, of ${LIMIT}`);
      const [survivor] = processes.living as [Member];
      await survivor.call("sync");
      assert.equal((await look(survivor, path, options)).used, LIMIT);
      await processes.startJoined(1);
    }
    clock.close();
  });
}

test("100,000 refused hits in each process write nothing", async (t) => {
  const { processes, clock } = open(t);
  const members = await processes.startJoined(2);
  const options = { limit: 1, windowMs: HOUR_MS };
  assert.equal((await members[0]?.call<StorageLimitResult>("limit", ["k"], options))?.allowed, true);
  await members[1]?.call("sync");
  const written = await Promise.all(members.map((member) => member.call<number>("refused", "k", options, 100_000)));
  assert.deepEqual(written, [0, 0]);
  clock.close();
});

test("without a manager no hit waits for longer than its timeout, and what was allowed is counted in the end", async (t) => {
  const { processes, clock } = open(t);
  const member = processes.start({ candidate: false });
  const options = { limit: 3, windowMs: HOUR_MS, timeout: 300 };
  const hits = await Promise.all([1, 2, 3, 4].map(() => member.call<StorageLimitResult>("limit", ["k"], options)));
  assert.deepEqual(
    hits.map(({ allowed }) => allowed),
    [true, true, true, false],
  );
  const closed = await member.call<StorageLimitResult>("limit", ["other"], { ...options, onTimeout: "failClosed" });
  assert.equal(closed.allowed, false);
  const candidate = processes.start();
  await candidate.call("sync");
  await member.call("flush");
  await candidate.call("sync");
  assert.equal((await look(candidate, "k", options)).used, 3);
  clock.close();
});
