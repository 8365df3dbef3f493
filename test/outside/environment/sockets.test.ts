/** Sockets that a person or a cleaner of old files removes: they come back, and nobody takes a living process for dead. */
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../../proof/cluster/processes.js";
import { commonDirectory } from "./strange-machine.js";
import { StrangeMember } from "./strange-member.js";

/** Longest, in ms, until a removed socket is back and others have joined: some pulses of a manager, on a busy machine. */
const BACK_MS = 10_000;

const skip = process.platform === "win32" && "there are no sockets among the files of Windows";

/** The names in a storage's directory, sorted. */
const namesIn = (path: string): string[] => readdirSync(join(path, "app.db.d")).sort();

/** Two members with something in the log. */
async function pair(t: TestContext): Promise<{ path: string; members: [StrangeMember, StrangeMember] }> {
  const path = commonDirectory(t);
  const members: [StrangeMember, StrangeMember] = [new StrangeMember(t), new StrangeMember(t)];
  for (const member of members) await member.open({ path });
  await members[0].set("a", 1);
  await members[1].set("b", 2);
  return { path, members };
}

const KINDS = {
  "the socket of the manager": /^hub\./,
  "the sockets of members": /^member\./,
  "all sockets": /^(hub|member)\./,
};

for (const [kind, pattern] of Object.entries(KINDS)) {
  test(`${kind}: removed ones come back under their names, and new members join meanwhile`, { skip }, async (t) => {
    const { path, members } = await pair(t);
    const before = namesIn(path);
    for (const name of before) if (pattern.test(name)) rmSync(join(path, "app.db.d", name));
    assert.notDeepEqual(namesIn(path), before, "what the test is about");
    const third = new StrangeMember(t);
    const started = performance.now();
    const { epoch } = await third.open({ path });
    assert.ok(performance.now() - started < BACK_MS, "it joins as soon as the manager listens again");
    assert.equal(epoch, 1, "nobody has claimed the seat");
    await third.set("c", 3);
    assert.deepEqual(await members[1].get("c"), 3);
    await third.ask(({ storage }) => storage.close());
    await until("the names are those of before", () => `${namesIn(path)}` === `${before}`, BACK_MS);
    for (const member of [...members, third]) {
      assert.equal((await member.facts()).epoch, 1);
      assert.deepEqual(
        await member.ask(({ errors }) => errors.filter(({ message }) => message.includes("departure"))),
        [],
      );
    }
    await members[0].kill();
    await members[1].set("d", 4);
    const fourth = new StrangeMember(t);
    assert.equal((await fourth.open({ path })).epoch, 2, "a manager that has died after that is replaced as always");
    assert.deepEqual(await fourth.ask(({ storage }) => storage.keys().sort()), ["a", "b", "c", "d"]);
  });
}
