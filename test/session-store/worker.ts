/**
 * A worker process of an application with sessions. It serves each site of the application on a port of its own, so that the
 * test decides which worker answers, and takes orders by messages: `{ id, site, call, args }` is answered by `{ id, result }`
 * or `{ id, error }`. `call` is `store.<method>`, `storage.<method or property>`, or one of the commands below.
 */
import { existsSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import {
  ClusterSessionStore,
  type ClusterSessionStoreOptions,
  type SessionPayload,
} from "../../dist/session-store/index.js";
import { type Framework, type SessionSettings, serve } from "./frameworks.js";
import { Gates } from "./gates.js";

/** One site of an application. All sites of an application share one storage. */
export interface Site {
  readonly framework: Framework;
  readonly store?: Omit<ClusterSessionStoreOptions, "storage" | "path">;
  readonly settings?: SessionSettings;
  /** The field that holds the id of the user, for the option `index` of the store. */
  readonly userField?: string;
}

/** The sites by name, and the directory of their storage. */
export interface WorkerOptions {
  readonly sites: Record<string, Site>;
  readonly path: string;
}

/** How often the frameworks have called their stores, and how often these have called back. */
export interface Counts {
  calls: number;
  callbacks: number;
  /** Callbacks that were called more than once. */
  doubled: number;
}

interface Order {
  readonly id: number;
  readonly site: string;
  readonly call: string;
  readonly args: unknown[];
}

// biome-ignore lint/suspicious/noExplicitAny: methods by their names.
type Methods = Record<string, any>;

const { sites, path } = JSON.parse(process.argv[2] as string) as WorkerOptions;
const stores = new Map<string, ClusterSessionStore>();
const gates = new Gates();
const counts: Counts = { calls: 0, callbacks: 0, doubled: 0 };

/** Counts the calls of a store by its framework. */
function countCalls(store: ClusterSessionStore): void {
  const counted = store as Methods;
  for (const method of ["get", "set", "touch", "destroy"]) {
    const call = counted[method].bind(store);
    counted[method] = (...args: unknown[]) => {
      const callback = args.at(-1);
      if (typeof callback !== "function") return call(...args);
      counts.calls++;
      let isCalled = false;
      return call(...args.slice(0, -1), (...results: unknown[]) => {
        if (isCalled) counts.doubled++;
        else counts.callbacks++;
        isCalled = true;
        callback(...results);
      });
    };
  }
}

const commands: Methods = {
  reached: (gate: string) => gates.reached(gate),
  open: (gate: string) => gates.open(gate),
  counts: () => counts,
  /** Makes the event loop stand still until a file exists. */
  standStill(file: string) {
    const word = new Int32Array(new SharedArrayBuffer(4));
    process.send?.({ isStanding: true });
    while (!existsSync(file)) Atomics.wait(word, 0, 0, 1);
  },
  /** Looks for a key until it has expired; returns when it was seen for the last time (0: never), and when it was gone. */
  async lookUntilGone(key: string) {
    const [{ storage }] = stores.values() as Iterable<ClusterSessionStore> as [ClusterSessionStore];
    let seenAt = 0;
    for (;;) {
      const before = Date.now();
      const isThere = storage.has([key]);
      const after = Date.now();
      if (!isThere) return { seenAt, goneAt: after };
      seenAt = before;
      await turn();
    }
  },
};

function obey(site: string, call: string, args: unknown[]): unknown {
  const store = stores.get(site) as ClusterSessionStore;
  const [target, method] = call.split(".") as [string, string | undefined];
  if (method === undefined) return commands[target](...args);
  const object = (target === "store" ? store : store.storage) as Methods;
  const member = object[method];
  return typeof member === "function" ? member.apply(object, args) : member;
}

process.on("message", async ({ id, site, call, args }: Order) => {
  try {
    process.send?.({ id, result: (await obey(site, call, args)) ?? null });
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException;
    process.send?.({ id, error: { name, code, message } });
  }
});
process.on("disconnect", () => process.exit());

const ports: Record<string, number> = {};
for (const [name, { framework, store: options = {}, settings = {}, userField }] of Object.entries(sites)) {
  const index = userField === undefined ? {} : { index: (session: SessionPayload) => session[userField] };
  const store = new ClusterSessionStore({ ...options, ...index, path });
  stores.set(name, store);
  countCalls(store);
  ports[name] = await serve(framework, store, settings, { gates });
}
process.send?.({ ports });
