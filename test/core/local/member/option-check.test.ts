/** Processes that open one storage with different options are told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HubOptions } from "../../../../dist/core/local/machine/machine.js";
import { OptionCheck } from "../../../../dist/core/local/member/option-check.js";
import { managerOptions } from "../../../../dist/core/local/wire/messages.js";
import { spokenLevels } from "../../../../dist/core/log/levels.js";
import type { LogSink } from "../../../../dist/core/log/log.js";
import { Home } from "../../../api/conformance/home.js";
import { until } from "../../../proof/cluster/processes.js";

const OWN: HubOptions = {
  ...{
    fsync: "everysec",
    gcInterval: 1000,
    recover: "strict",
    persist: true,
    compactAfterBytes: 1e9,
    levels: spokenLevels(1),
  },
  ...{ stallTimeout: 5000, maxMemberBacklogBytes: 4096 },
};

/** What is reported about managers with these options, one after the other. */
function reported(...managers: (Partial<HubOptions> | null)[]): string[] {
  const errors: string[] = [];
  const sink = { warned: (error: Error) => errors.push(error.message) } as unknown as LogSink;
  const check = new OptionCheck(OWN);
  for (const changes of managers) check.compare(changes && managerOptions({ ...OWN, ...changes }), sink);
  return errors;
}

test("nothing is reported of equal options, of those that each process obeys for itself, and of a manager that says nothing", () => {
  assert.deepEqual(reported({}, { recover: "salvage" }, { compactAfterBytes: 1 }, null), []);
});

test("each difference is named with both values, once", () => {
  const errors = reported({ fsync: "always", stallTimeout: 100 }, { fsync: "always", stallTimeout: 100 });
  assert.equal(errors.length, 1);
  assert.match(errors[0] as string, /fsync "everysec" here and "always" in the process of the manager/);
  assert.match(errors[0] as string, /stallTimeout 5000 here and 100 in/);
});

test("other differences are reported anew, and the same ones after a manager without", () => {
  assert.equal(reported({ fsync: "always" }, { fsync: "never" }, {}, { fsync: "never" }).length, 3);
});

test("a process is told that differs from the process of the manager, and both go on", async (t) => {
  const home = new Home(t);
  const manager = await home.open();
  manager.set("key", 1);
  await manager.flush();
  const other = await home.member({ fsync: "always" });
  const same = await home.member();
  const errorsOf = async (member: typeof other) =>
    (await member.call<string[]>("events")).filter((event) => event.startsWith("error"));
  await until("it is told", async () => (await errorsOf(other)).length > 0);
  const [error, ...further] = await errorsOf(other);
  assert.match(error as string, /^error ERR_STORAGE_OPTIONS: .*fsync "always" here and "everysec" in the process/);
  assert.deepEqual([further, await errorsOf(same)], [[], []]);
  assert.equal(await other.call("get", "key"), 1);
});
