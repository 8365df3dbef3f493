/**
 * A worker of an application with sessions, in a process of its own. It serves HTTP on a port of its own, so that the test
 * says which worker answers, and takes orders by messages: `{ id, call, args }` is answered by `{ id, result }` or
 * `{ id, error }`. `call` is `store.<method>`, `storage.<method or property>`, or one of the commands below.
 */
import { existsSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { ClusterSessionStore, type ClusterSessionStoreOptions } from "../../dist/session-store/index.js";
import { type Framework, type SessionSettings, serve } from "./frameworks.js";
import { Gates } from "./gates.js";

/** What the test says when it starts a worker. */
export interface WorkerOptions {
  readonly framework: Framework;
  readonly store: ClusterSessionStoreOptions;
  readonly settings: SessionSettings;
}

/** How often the framework has called the store, and was called back. */
export interface Counts {
  calls: number;
  callbacks: number;
  /** Callbacks that were called again. */
  doubled: number;
}

interface Order {
  readonly id: number;
  readonly call: string;
  readonly args: unknown[];
}

// biome-ignore lint/suspicious/noExplicitAny: methods by their names.
type Methods = Record<string, any>;

const { framework, store: storeOptions, settings } = JSON.parse(process.argv[2] as string) as WorkerOptions;
const store = new ClusterSessionStore(storeOptions);
const gates = new Gates();
const counts: Counts = { calls: 0, callbacks: 0, doubled: 0 };

/** Counts what the framework calls. */
function countCalls(): void {
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
  /** Lets the event loop stand still until a file is there. */
  standStill(file: string) {
    const word = new Int32Array(new SharedArrayBuffer(4));
    process.send?.({ isStanding: true });
    while (!existsSync(file)) Atomics.wait(word, 0, 0, 1);
  },
  /** Looks at a session until it has expired: when it was there for the last time, and when it was gone. */
  async lookUntilGone(sid: string) {
    let seenAt = 0;
    for (;;) {
      const before = Date.now();
      const isThere = store.storage.has([`session/${sid}`]);
      const after = Date.now();
      if (!isThere) return { seenAt, goneAt: after };
      seenAt = before;
      await turn();
    }
  },
};

function obey(call: string, args: unknown[]): unknown {
  const [target, method] = call.split(".") as [string, string | undefined];
  if (method === undefined) return commands[target](...args);
  const object = (target === "store" ? store : store.storage) as Methods;
  const member = object[method];
  return typeof member === "function" ? member.apply(object, args) : member;
}

process.on("message", async ({ id, call, args }: Order) => {
  try {
    process.send?.({ id, result: (await obey(call, args)) ?? null });
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException;
    process.send?.({ id, error: { name, code, message } });
  }
});
process.on("disconnect", () => process.exit());

countCalls();
process.send?.({ port: await serve(framework, store, settings, gates) });
