/** One directory by two file systems, as an overlay and what is below it: sockets of the one refuse in the other, and nobody is dead. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../proof/cluster/processes.js";
import { commonDirectory, mount, noMounts } from "./strange-machine.js";
import { StrangeMember } from "./strange-member.js";

/** Longer than the lease of a manager that is out of reach, in ms. */
const WATCH_MS = 5000;

/** A directory that is seen twice: by itself, and through an overlay. */
function overlay(t: TestContext): { upper: string; merged: string } {
  const base = commonDirectory(t);
  // On a file system of its own, since the temporary directory may be an overlay itself.
  mount(t, base, "-t", "tmpfs", "tmpfs");
  const [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map((name) => join(base, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const directory of [lower, upper, work]) mkdirSync(directory);
  mount(t, merged, "-t", "overlay", "overlay", "-o", `lowerdir=${lower},upperdir=${upper},workdir=${work}`);
  return { upper, merged };
}

/** A manager is in one of the directories, and a member opens the other. */
async function expectPatience(t: TestContext, first: "upper" | "merged", second: "upper" | "merged"): Promise<void> {
  const paths = overlay(t);
  const [a, b] = [new StrangeMember(t), new StrangeMember(t)];
  await a.open({ path: paths[first] });
  await a.set("a", 1);
  await b.ask(({ open }, path) => void open({ path }), paths[second]);
  await until("b reports that it cannot reach a", async () => (await b.codes()).includes("ERR_STORAGE_UNREACHABLE"));
  const end = performance.now() + WATCH_MS;
  for (let index = 0; performance.now() < end; index++) {
    await a.set("count", index);
    await sleep(100);
  }
  assert.deepEqual(await a.facts(), { epoch: 1, members: 1, isManager: true });
  assert.deepEqual(await a.codes(), []);
  assert.equal((await b.facts()).isManager, false);
  await a.kill();
  assert.equal(await b.get("a"), 1, "it takes over once the manager is dead");
  assert.equal((await b.facts()).epoch, 2);
  const departures = await b.ask(({ errors }) => errors.filter(({ message }) => message.includes("departure")));
  assert.deepEqual(departures, [], "the manager, whom its socket refuses too, has not taken it for dead");
}

describe("one directory by two file systems", { skip: noMounts, concurrency: true }, () => {
  it("a manager above an overlay is not dead for a member below it", (t) => expectPatience(t, "merged", "upper"));
  it("a manager below an overlay is not dead for a member above it", (t) => expectPatience(t, "upper", "merged"));
});
