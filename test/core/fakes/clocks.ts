/** Clocks as the tests of applications put them in place of the global ones: they stand still, and call nothing. */
import { mock } from "node:test";
import timers from "node:timers";

/** What is faked, and how. */
export const KINDS = ["by hand", "by hand, with node:timers", "by node:test"] as const;
export type Kind = (typeof KINDS)[number];

const NAMES = ["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval", "clearImmediate"] as const;

/** How many calls the fakes by hand have dropped. */
export let droppedCount = 0;

/** A function that calls nothing, marked as `@sinonjs/fake-timers` marks its own. */
function fakeOf(name: string): () => object {
  const fake = {
    [name]: () => {
      droppedCount++;
      const timer = { ref: () => timer, unref: () => timer, hasRef: () => false, refresh: () => timer };
      return timer;
    },
  }[name] as () => object;
  return Object.assign(fake, { clock: {} });
}

/** Node.js itself calls `nextTick` for its sockets, and no clock of a test may drop that. */
function fakeNextTick(): void {
  const { nextTick } = process;
  process.nextTick = (call: (...given: unknown[]) => void, ...given: unknown[]): void => {
    const caller = new Error().stack?.split("\n")[2] ?? "";
    if (caller.includes("node:")) nextTick(call, ...given);
    else droppedCount++;
  };
}

class StoppedDate extends Date {
  constructor(...given: unknown[]) {
    super(...((given.length === 0 ? [StoppedDate.now()] : given) as [number]));
  }

  static override now(): number {
    return 1_000_000_000_000;
  }
}

/** Puts clocks that stand still in place of the global ones, for as long as the process lives. */
export function install(kind: Kind): void {
  if (kind === "by node:test") {
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "setImmediate", "Date"] });
    return;
  }
  for (const name of NAMES) {
    const fake = fakeOf(name) as never;
    Object.assign(globalThis, { [name]: fake });
    if (kind === "by hand, with node:timers") Object.assign(timers, { [name]: fake });
  }
  Object.assign(globalThis, { queueMicrotask: fakeOf("queueMicrotask"), Date: StoppedDate });
  Object.defineProperty(globalThis, "performance", { value: { now: () => 0, timeOrigin: 0 } });
  fakeNextTick();
}
