/** Values near the limit, with the default options: nobody who reads notices anything but the values. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Processes, temporaryDirectory } from "./processes.js";

const VALUE_BYTES = 15 * 1024 * 1024;

test("members that read are not disconnected however many values near the limit are written at once, nor is one that joins", async (t) => {
  const processes = new Processes(t, { path: temporaryDirectory(t) });
  const [idle, ...writers] = await processes.startJoined(3);
  const fills = writers.map((writer, index) => writer.call("fill", `${index}.`, 4, VALUE_BYTES));
  const joining = processes.startJoined(1);
  await Promise.all(fills);
  const members = [idle, ...writers, ...(await joining)].filter((member) => member !== undefined);
  for (const member of members) {
    await member.call("sync");
    assert.deepEqual(await member.call("events"), ["ready", "connect"]);
    assert.equal(await member.call("size"), 8);
    const { epoch, members: count } = await member.stats();
    assert.deepEqual([epoch, count], [1, 4], "the manager is the first one");
  }
});
