/**
 * What every engine and every member of a cluster promises to the user, as a function of a factory: the API of a storage,
 * seen from where it is used and from elsewhere.
 */
import { type TestContext, test } from "node:test";
import type { Storage, StorageOptions } from "../../../dist/core/index.js";
import { changesAndPromises } from "./changes.js";
import { coordination } from "./coordination.js";
import { expiry } from "./expiry.js";
import { life } from "./life.js";
import { limits } from "./limits.js";
import { patches } from "./patches.js";
import { paths } from "./paths.js";
import { values } from "./values.js";

/** A storage that may be in another process. */
export interface Remote {
  /** Calls a method of the storage, or reads a property. */
  call<T = unknown>(call: string, ...args: unknown[]): Promise<T>;
}

/** Two storages of the same data. */
export interface Pair {
  /** In this process. */
  storage: Storage;
  /** Elsewhere, or in this process too. */
  other: Remote;
  /** What the engine promises for the name of the file copy. */
  readonly filename: RegExp;
  /** Returns when each has what the other has written. They may be other objects then. */
  settle(): Promise<void>;
}

/** Opens a pair; what it opens is removed when the test ends. */
export type Factory = (t: TestContext, options?: StorageOptions) => Promise<Pair>;

/** One promise, tried on a pair that holds nothing. */
export interface Promised {
  readonly name: string;
  readonly options?: StorageOptions;
  /** It closes the pair, so that it needs one of its own. */
  readonly closes?: boolean;
  try(pair: Pair): Promise<void> | void;
}

/** Runs the suite. */
export function conformance(name: string, factory: Factory): void {
  for (const [group, promises] of Object.entries({
    values,
    paths,
    expiry,
    patches,
    limits,
    changesAndPromises,
    coordination,
    life,
  })) {
    test(`${name}: ${group}`, async (t) => {
      let shared: Pair | undefined;
      for (const { name: promise, options, closes, try: attempt } of promises) {
        await t.test(promise, async (inner) => {
          if (options || closes) {
            await attempt(await factory(inner, options));
            return;
          }
          shared ??= await factory(t);
          shared.storage.clear();
          await settled(shared);
          await attempt(shared);
        });
      }
    });
  }
}

/** A storage of this process as one that is elsewhere. */
export function remoteOf(storage: Storage): Remote {
  return {
    async call<T>(call: string, ...args: unknown[]): Promise<T> {
      const member = storage[call as keyof Storage] as unknown;
      return (typeof member === "function" ? await member.apply(storage, args) : member) as T;
    },
  };
}

/** Waits until both have everything. */
export async function settled({ storage, other }: Pick<Pair, "storage" | "other">): Promise<void> {
  await storage.flush();
  await other.call("flush");
  await storage.sync();
  await other.call("sync");
}
