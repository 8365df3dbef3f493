/** The longest time that this process' event loop did nothing but one thing. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

/** What the histogram looks at, in ms: it sees a block as what comes on top of this. */
const RESOLUTION_MS = 1;
/** Until a block that has just ended is in the histogram. */
const SETTLE_MS = 10;

/** Begins to watch; returns a function that ends it and gives the longest block meanwhile, in ns. */
export function watchBlocks() {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return async () => {
    await sleep(SETTLE_MS);
    histogram.disable();
    return Math.max(1, histogram.max - RESOLUTION_MS * 1e6);
  };
}
