/** The suite for the embedded engine, from every place where a member can be. */
import type { TestContext } from "node:test";
import type { Storage, StorageOptions } from "../../../dist/core/index.js";
import { type Member, until } from "../../proof/cluster/processes.js";
import { Home } from "./home.js";
import { conformance, type Pair, remoteOf, settled } from "./suite.js";

function pairOf(storage: Storage, other: Pair["other"]): Pair {
  return { storage, other, settle: () => settled({ storage, other }) };
}

conformance("two storages of one process", async (t, options) => {
  const home = new Home(t, options);
  return pairOf(await home.open(), remoteOf(await home.open()));
});

conformance("a member, the manager in another process", async (t, options) => {
  const home = new Home(t, options);
  const other = await home.member();
  const storage = await home.open();
  if (storage.isManager) throw new Error("expected the manager in the other process");
  return pairOf(storage, other);
});

conformance("the manager, a member in another process", async (t, options) => {
  const home = new Home(t, options);
  const storage = await home.open();
  const other = await home.member();
  if (!storage.isManager) throw new Error("expected the manager in this process");
  return pairOf(storage, other);
});

conformance("a member after a failover", async (t, options) => {
  const home = new Home(t, options);
  const first = await home.member();
  const [storage, other] = await Promise.all([home.open(), home.member()]);
  storage.set("written before", 1);
  await settled({ storage, other });
  await first.kill();
  await until("another manager", () => storage.connected && storage.managerPid !== first.pid);
  await settled({ storage, other });
  storage.clear();
  return pairOf(storage, other);
});

/** Everything is closed and opened again between writing and reading. */
async function reopened(t: TestContext, options?: StorageOptions): Promise<Pair> {
  const home = new Home(t, options);
  let member: Member = await home.member();
  const pair: Pair = {
    storage: await home.open(),
    other: member,
    async settle() {
      await settled(pair);
      await Promise.all([pair.storage.close(), member.call("close")]);
      await member.kill();
      pair.storage = await home.open();
      member = await home.member();
      pair.other = member;
    },
  };
  return pair;
}

conformance("reopened from disk", reopened);
