/** Containers that share a volume: each has mounts of its own, a private `/tmp`, and processes of its own. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../../proof/cluster/processes.js";
import { commonDirectory, inContainer, noNamespaces, withMounts } from "./strange-machine.js";
import { StrangeMember } from "./strange-member.js";

const skip = noNamespaces;

/** Epochs that two members may need until they agree: each may claim one, and one more for bad luck. */
const MOST_EPOCHS = 3;
/** Longer than an address of a socket can be. */
const LONG = "v".repeat(100);

/** A container, and where it has a volume. */
interface Container {
  readonly member: StrangeMember;
  readonly path: string;
}

/** A volume, and containers that have it at a path of their own, and a temporary directory of their own. */
function volumeOf(t: TestContext): { volume: string; start(label: string): Container } {
  const base = commonDirectory(t);
  const volume = join(base, "volume");
  const temporary = join(base, "tmp");
  for (const directory of [volume, temporary]) mkdirSync(directory);
  const start = (label: string) => {
    const path = join(base, label, LONG);
    mkdirSync(path, { recursive: true });
    const within = inContainer(`mount -t tmpfs tmpfs '${temporary}'`, `mount --bind '${volume}' '${path}'`);
    return { member: new StrangeMember(t, { within, env: { TMPDIR: temporary } }), path };
  };
  return { volume, start };
}

/** Opens the storage in two containers at the same moment. */
async function openBoth(t: TestContext): Promise<{ volume: string; a: StrangeMember; b: StrangeMember }> {
  const { volume, start } = volumeOf(t);
  const containers = [start("first"), start("second-mount-point")];
  await Promise.all(containers.map(({ member, path }) => member.open({ path })));
  const [a, b] = containers.map(({ member }) => member) as [StrangeMember, StrangeMember];
  return { volume, a, b };
}

test("two containers that have a volume at different, long paths join, and have one manager", { skip }, async (t) => {
  const { a, b } = await openBoth(t);
  assert.deepEqual(await Promise.all([a, b].map((member) => member.ask(() => process.pid))), [1, 1]);
  await Promise.all([a.set("a", 1), b.set("b", 2)]);
  assert.deepEqual([await a.get("b"), await b.get("a")], [2, 1]);
  await until("both know that the other is there", async () => {
    const facts = await Promise.all([a.facts(), b.facts()]);
    return facts.every(({ members }) => members === 2) && facts.filter(({ isManager }) => isManager).length === 1;
  });
  const { epoch } = await a.facts();
  assert.ok(epoch <= MOST_EPOCHS, `few epochs: ${epoch}`);
  // Contenders that cannot reach each other depose one another several times in that time.
  await a.ask(async ({ storage }) => {
    for (let index = 0; index < 30; index++) {
      await storage.increment("count");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  assert.deepEqual([(await b.facts()).epoch, await b.get("count")], [epoch, 30]);
});

test("a container that is killed is replaced by the other one, whichever is the manager", { skip }, async (t) => {
  const { volume, start } = volumeOf(t);
  const first = start("first");
  await first.member.open({ path: first.path });
  const second = start("second");
  await second.member.open({ path: second.path });
  await first.member.set("a", 1);
  await first.member.kill();
  await second.member.set("b", 2);
  assert.deepEqual([await second.member.get("a"), (await second.member.facts()).isManager], [1, true]);
  const third = start("third");
  await third.member.open({ path: third.path });
  await third.member.set("c", 3);
  await second.member.kill();
  await third.member.set("d", 4);
  assert.deepEqual(
    await third.member.ask(({ storage }) => ["a", "b", "c", "d"].map((key) => storage.get(key))),
    [1, 2, 3, 4],
  );
  assert.ok((await third.member.facts()).epoch <= MOST_EPOCHS);
  await until("the sockets of the dead are gone", () => {
    return readdirSync(join(volume, "app.db.d")).filter((name) => name.startsWith("member.")).length === 1;
  });
});

test("a service with a private /tmp joins one without, where the path is long", { skip }, async (t) => {
  const temporary = commonDirectory(t);
  const path = join(commonDirectory(t), LONG);
  mkdirSync(path);
  const env = { TMPDIR: temporary };
  const a = new StrangeMember(t, { env });
  await a.open({ path });
  const b = new StrangeMember(t, { env, within: withMounts(`mount -t tmpfs tmpfs '${temporary}'`) });
  await b.open({ path });
  await b.set("b", 2);
  assert.deepEqual([await a.get("b"), (await b.facts()).epoch, (await b.facts()).members], [2, 1, 2]);
});

test("what does not persist is void after its only container was killed, and stays while another one lives", {
  skip,
}, async (t) => {
  const base = commonDirectory(t);
  const temporary = join(base, "tmp");
  mkdirSync(temporary);
  const start = async (): Promise<StrangeMember> => {
    const member = new StrangeMember(t, { within: inContainer(), env: { TMPDIR: temporary } });
    await member.open({ path: base, persist: false });
    return member;
  };
  const a = await start();
  await a.set("secret", 1);
  await a.kill();
  const b = await start();
  assert.equal(await b.get("secret"), null, "void: its only member was killed, though the next one has its pid again");
  await b.set("secret", 2);
  const c = await start();
  await b.kill();
  const d = await start();
  assert.deepEqual([await c.get("secret"), await d.get("secret")], [2, 2], "a member with the same pid lives");
});
