/** A member whose wall clock the test sets, and which makes bursts of hits. */
import { setTimeout as sleep } from "node:timers/promises";
import type { StorageLimitOptions } from "../../../dist/core/index.js";
import { followWallClock } from "../chaos/wall-clock.js";

followWallClock(process.env.WALL_CLOCK as string);
const member = await import("./member.js");

/** Hits that are on their way at once. */
const WIDTH = 10;

Object.assign(member.commands, {
  /** Makes hits; returns how many were allowed, and reports it to the parent after each few. */
  async burst(path: string, options: StorageLimitOptions, count: number) {
    let allowed = 0;
    for (let made = 0; made < count; made += WIDTH) {
      const hits = Array.from({ length: WIDTH }, () => member.storage.limit([path], options));
      for (const hit of await Promise.all(hits)) if (hit.allowed) allowed++;
      process.send?.({ confirmed: allowed });
      await sleep(1);
    }
    return allowed;
  },
  /** Refused hits, one after the other; returns how many wrote something. */
  async refused(path: string, options: StorageLimitOptions, count: number) {
    const { seq } = member.storage.stats();
    for (let made = 0; made < count; made++) {
      const { allowed } = await member.storage.limit([path], options);
      if (allowed) throw new Error("expected a refusal");
    }
    return member.storage.stats().seq - seq;
  },
});
