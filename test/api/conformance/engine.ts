/** The suite for one engine, from every place where a member can be. */
import type { TestContext } from "node:test";
import type { Storage, StorageOptions } from "../../../dist/core/index.js";
import { isQuick } from "../../proof/budget.js";
import { type Member, until } from "../../proof/cluster/processes.js";
import { conformance, type Pair, remoteOf, settled } from "./suite.js";

/** Members of one storage named "app" that are all gone, with their files, when the test ends. */
export interface Members {
  /** Opens it in this process and waits until it has everything. */
  open(): Promise<Storage>;
  /** Opens it in another process and waits until it has everything. */
  member(): Promise<Member>;
}

/** What the suite needs of an engine. */
export interface EngineUnderTest {
  readonly name: string;
  /** What {@link Storage.filename} is. */
  readonly filename: RegExp;
  /** A storage that holds nothing yet; all of its members get these options. */
  members(t: TestContext, options?: StorageOptions): Members;
}

/** Runs the suite for every place of the two storages of a pair; a quick run stays in this process. */
export function engineConformance(engine: EngineUnderTest): void {
  const { filename } = engine;
  const pairOf = (storage: Storage, other: Pair["other"]): Pair => ({
    storage,
    other,
    filename,
    settle: () => settled({ storage, other }),
  });

  conformance(`${engine.name}: two storages of one process`, async (t, options) => {
    const members = engine.members(t, options);
    return pairOf(await members.open(), remoteOf(await members.open()));
  });

  if (isQuick) return;

  conformance(`${engine.name}: a member, the manager in another process`, async (t, options) => {
    const members = engine.members(t, options);
    const other = await members.member();
    const storage = await members.open();
    if (storage.isManager) throw new Error("expected the manager in the other process");
    return pairOf(storage, other);
  });

  conformance(`${engine.name}: the manager, a member in another process`, async (t, options) => {
    const members = engine.members(t, options);
    const storage = await members.open();
    const other = await members.member();
    if (!storage.isManager) throw new Error("expected the manager in this process");
    return pairOf(storage, other);
  });

  conformance(`${engine.name}: a member after a failover`, async (t, options) => {
    const members = engine.members(t, options);
    const first = await members.member();
    const [storage, other] = await Promise.all([members.open(), members.member()]);
    storage.set("written before", 1);
    await settled({ storage, other });
    await first.kill();
    await until("another manager", () => storage.connected && storage.managerPid !== first.pid);
    await settled({ storage, other });
    storage.clear();
    return pairOf(storage, other);
  });

  conformance(`${engine.name}: reopened between writing and reading`, async (t, options) => {
    const members = engine.members(t, options);
    const other = await members.member();
    const pair = pairOf(await members.open(), other);
    pair.settle = async () => {
      await settled(pair);
      await Promise.all([pair.storage.close(), other.call("close")]);
      pair.storage = await members.open();
      await other.call("openAgain");
    };
    return pair;
  });
}
