/** What the copies of this package that an application has loaded know of each other: builds in several module formats, versions. */
import { PROTOCOL } from "./local/engine.js";
import type { Log } from "./log/log.js";
import type { Replica } from "./replica/replica.js";

/** What the adapters know of a storage beyond its public API. The properties change as the storage goes on. */
export interface StorageFacts {
  /** The number of the last batch that was applied here. */
  readonly seq: number;
  /** Whether writes of this process are not confirmed yet. */
  readonly hasPending: boolean;
  /** ms from when the last batch was ordered until it was known here; large when this process had stood still. */
  readonly delayMs: number;
  /** How often the whole state was replaced. Numbers of batches from before such a moment mean nothing after it. */
  readonly reloadCount: number;
  /** {@link Log.isPushed} */
  readonly isPushed: boolean;
  /** What reads and writes throw while the status is `"failed"`; else null. */
  readonly failure: Error | null;
  /** Reads, limits, and writes with a stamp: a field of the value that gets its place in the log, see `stamps.ts`. */
  readonly replica: Pick<Replica, "add" | "limits" | "patch" | "peek" | "pendingKeys" | "set">;
  /** {@link Replica.holds} */
  holds(key: string): boolean;
  /** {@link Replica.keyParts} */
  keyParts(prefix: string): Iterable<readonly string[]>;
}

/**
 * Where a storage keeps its {@link StorageFacts}. All copies of this package that an application has loaded use the same symbol,
 * so that an adapter of one copy takes a storage of another. A property that is defined at run time is in no public type.
 */
export const FACTS = Symbol.for("cluster-storage.facts");

/** What an adapter knows of a storage; undefined when this is no storage, or one of another version. */
export function factsOf(storage: unknown): StorageFacts | undefined {
  return (storage as { readonly [FACTS]?: StorageFacts } | null | undefined)?.[FACTS];
}

/** The version of this package. */
export const VERSION = "2.0.0";

/**
 * The storages that are open in this realm, by the key of their engine. The map is a property of the global object, so that a storage
 * has one replica, whichever builds of this package open it. Another version has a map of its own, and is another
 * member: the objects in the map are of one version.
 */
export function openStorages(): Map<string, unknown> {
  const key = Symbol.for(`cluster-storage/${PROTOCOL}/${VERSION}`);
  const known = Object.getOwnPropertyDescriptor(globalThis, key);
  if (known !== undefined) return known.value;
  const value = new Map<string, unknown>();
  Object.defineProperty(globalThis, key, { value });
  return value;
}
