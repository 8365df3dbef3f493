/** Jobs of a member that writes the time again and again, sees it written, or makes trouble meanwhile. */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { nowNs } from "../measure/compare.mjs";
import { SMALL } from "../measure/samples.mjs";

const TICK_MS = 5;

/** A loop that goes on until it is stopped. */
function repeat(step) {
  let isStopped = false;
  const done = (async () => {
    while (!isStopped) await step();
  })();
  return () => {
    isStopped = true;
    return done;
  };
}

export function beatJobs(member) {
  let delays = [];
  let lastIndex = -1;
  let stop = () => {};
  let writtenCount = 0;
  const note = ({ index, at }) => {
    if (index === lastIndex) return;
    lastIndex = index;
    delays.push(nowNs() - at);
  };
  return {
    /** Writes the time again and again, with pauses. */
    async beat({ count, pauseMs }) {
      const { store } = member;
      for (let index = 0; index < count; index++) {
        const beat = { index, at: nowNs() };
        if (store.publish) store.publish(JSON.stringify(beat));
        else store.set("beat", beat);
        await sleep(pauseMs);
      }
      await store.flush();
    },
    /** Notes from now on how long ago each beat was when it became visible here. */
    async listen() {
      const { store } = member;
      if (store.subscribe) return store.subscribe((text) => note(JSON.parse(text)));
      store.onChange(({ path }) => {
        if (path[0] === "beat") note(store.get("beat"));
      });
    },
    startBeats() {
      delays = [];
      lastIndex = -1;
    },
    /** What was noted since `startBeats`, and the number of the last beat. */
    delays: () => ({ delays, lastIndex }),
    /** Writes at a rate until `stopTrouble`. */
    startWriting({ perSecond, id }) {
      const perTick = Math.max(1, Math.round((perSecond * TICK_MS) / 1000));
      let next = nowNs();
      stop = repeat(async () => {
        for (let index = 0; index < perTick; index++) member.store.set(`load${id}:${index % 1_000}`, SMALL);
        writtenCount += perTick;
        next = Math.max(next + TICK_MS * 1e6, nowNs() - 1e9);
        const waitMs = (next - nowNs()) / 1e6;
        if (waitMs > 0) await sleep(waitMs);
        else await nextTurn();
      });
    },
    /** Keeps the event loop busy, `blockMs` in every `everyMs`, until `stopTrouble`. */
    startBlocking({ blockMs, everyMs }) {
      stop = repeat(async () => {
        const end = nowNs() + blockMs * 1e6;
        while (nowNs() < end);
        await sleep(everyMs - blockMs);
      });
    },
    async stopTrouble() {
      await stop();
      stop = () => {};
      await member.store.flush?.();
      const count = writtenCount;
      writtenCount = 0;
      return count;
    },
  };
}
