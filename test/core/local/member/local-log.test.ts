import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { localEngine } from "../../../../dist/core/local/engine.js";
import type { Machine, Pin } from "../../../../dist/core/local/machine/machine.js";
import { nodeMachine } from "../../../../dist/core/local/machine/node-machine.js";
import type { Log, LogSink } from "../../../../dist/core/log/log.js";
import { resolveOptions } from "../../../../dist/core/options.js";
import { temporaryDirectory, until } from "../../../proof/cluster/processes.js";
import { teardown } from "../../../proof/cluster/teardown.js";

/** Keeps what a log reports, and no state. */
class Reports implements LogSink {
  seq = 0;
  level = 1;
  isConnected = false;
  readonly troubles: Error[] = [];
  /** How often it was reported that the disk takes everything. */
  wellCount = 0;
  readonly failures: Error[] = [];

  view(): null {
    return null;
  }
  restoring(): void {}
  restored(): void {}
  batch(): void {}
  confirmed(): number {
    return 0;
  }
  connected(): void {
    this.isConnected = true;
  }
  disconnected(): void {
    this.isConnected = false;
  }
  managerChanged(): void {}
  levelHeld(): void {}
  warned(): void {}
  diskTrouble(error: Error | null): void {
    if (error === null) this.wellCount++;
    else this.troubles.push(error);
  }
  timeShifted(): void {}
  failed(error: Error): void {
    this.failures.push(error);
  }
}

/** A member, on this machine or one like it. */
function open(t: TestContext, path: string, machine: Machine): { log: Log; reports: Reports } {
  const { log } = localEngine(machine).open("app", resolveOptions({ path }));
  const reports = new Reports();
  log.open(reports);
  teardown(t, () => new Promise((resolve) => log.close(resolve)));
  return { log, reports };
}

/** A member that has joined. */
async function join(t: TestContext, path: string, machine = nodeMachine): Promise<{ log: Log; reports: Reports }> {
  const opened = open(t, path, machine);
  await until("it joins", () => opened.reports.isConnected);
  return opened;
}

/** This machine, on which directories cannot be listed while `isFailing`. */
class Unlisted {
  isFailing = false;
  readonly machine: Machine;

  constructor(code: string) {
    const list = (directory: string): string[] => {
      if (this.isFailing) throw Object.assign(new Error(`${code}: scandir`), { code });
      return nodeMachine.files.list(directory);
    };
    this.machine = { ...nodeMachine, files: { ...nodeMachine.files, list } };
  }
}

for (const [code, told] of [
  ["EACCES", "ERR_STORAGE_DIRECTORY"],
  ["EIO", "EIO"],
] as const) {
  test(`a member that has joined, and meets ${code} when it looks for a manager, reports ${told} and tries again`, async (t) => {
    const path = temporaryDirectory(t);
    const unlisted = new Unlisted(code);
    const first = await join(t, path);
    const { reports } = await join(t, path, unlisted.machine);
    unlisted.isFailing = true;
    await new Promise((resolve) => first.log.close(resolve));
    await until("it reports", () => reports.troubles.length > 0);
    assert.equal((reports.troubles[0] as NodeJS.ErrnoException).code, told);
    unlisted.isFailing = false;
    await until("it has a manager again", () => reports.isConnected);
    assert.deepEqual(reports.failures, []);
  });
}

/** This machine, on which a directory that is held open cannot be listed. */
function unlistedPins(code: string): Unlisted {
  const unlisted = new Unlisted(code);
  const pin = (directory: string): Pin => {
    const held = nodeMachine.files.pin(directory);
    const list = held.files.list.bind(held.files);
    held.files.list = (path) => {
      if (unlisted.isFailing) throw Object.assign(new Error(`${code}: scandir`), { code });
      return list(path);
    };
    return held;
  };
  return Object.assign(unlisted, { machine: { ...nodeMachine, files: { ...nodeMachine.files, pin } } });
}

test("a member that reaches its manager, and cannot read the files, reports that and tries again", async (t) => {
  const path = temporaryDirectory(t);
  await join(t, path);
  const unlisted = unlistedPins("EMFILE");
  unlisted.isFailing = true;
  const { log, reports } = open(t, path, unlisted.machine);
  await until("two tries", () => reports.troubles.length > 1);
  assert.deepEqual([...new Set(reports.troubles.map((error) => (error as NodeJS.ErrnoException).code))], ["EMFILE"]);
  assert.equal(reports.wellCount, 0, "it does not say in between that all is well");
  unlisted.isFailing = false;
  await until("it joins", () => reports.isConnected);
  assert.equal(log.stats.epoch, 1);
  assert.deepEqual(reports.failures, []);
});

test("a member that may not read the files of its manager gives up", async (t) => {
  const path = temporaryDirectory(t);
  await join(t, path);
  const unlisted = unlistedPins("EACCES");
  unlisted.isFailing = true;
  const { reports } = open(t, path, unlisted.machine);
  await until("it gives up", () => reports.failures.length > 0);
  assert.equal((reports.failures[0] as NodeJS.ErrnoException).code, "ERR_STORAGE_DIRECTORY");
});
