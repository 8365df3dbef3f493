/** A replica whose log, clock and event loop the test controls. */
import { decodeEntries, encodeEntries } from "../../../dist/core/log/codec.js";
import type { Entry } from "../../../dist/core/log/entry.js";
import { BATCH } from "../../../dist/core/log/frame.js";
import { spokenLevels } from "../../../dist/core/log/levels.js";
import type { Log } from "../../../dist/core/log/log.js";
import { type Change, Replica } from "../../../dist/core/replica/replica.js";

export const NOW = 1_700_000_000_000;

interface Limits {
  maxValueBytes?: number;
  maxPendingBytes?: number;
  maxInFlight?: number;
}

export function openReplica(limits: Limits = {}) {
  const { maxValueBytes = 1 << 20, maxPendingBytes = 1 << 20, maxInFlight = 1000 } = limits;
  const open = {
    now: NOW,
    sent: [] as Buffer[],
    held: [] as boolean[],
    barriers: [] as (() => void)[],
    needed: [] as number[],
    timers: [] as { at: number; call: () => void }[],
    changes: [] as Change[],
    /** Changes and departures, in the order in which they were announced. */
    seen: [] as string[],
    expired: [] as string[],
    told: [] as string[],
    errors: [] as Error[],
    later: [] as (() => void)[],
    seq: 0,
    originCount: 0,
    foreignCount: 0,
    listens: true,
    onReload: (): unknown => undefined,
    replica: null as unknown as Replica,
    /** A batch of another member. */
    foreign(...entries: Entry[]) {
      const stamp = { seq: ++open.seq, time: open.now, origin: 77, born: NOW, number: ++open.foreignCount };
      const frame = encodeEntries(entries, BATCH, stamp);
      open.replica.sink.batch(frame, 0, frame.length);
    },
    confirm: () => open.replica.sink.confirmed(++open.seq, open.now),
    join: () => open.replica.sink.connected(),
  };
  const told = (name: string) => () => void open.told.push(name);
  const log: Log = {
    isPushed: true,
    readCount: 0,
    member: "me",
    open: () => {},
    append: (frame) => open.sent.push(frame),
    barrier: (done) => open.barriers.push(done),
    needLevel: (level) => open.needed.push(level),
    levels: spokenLevels(1),
    hold: (alive) => open.held.push(alive),
    close: (done) => done(),
    destroy: (done) => done(),
    stats: { epoch: 1, members: 1, bytes: 0, compactions: 0, compactionError: null, healed: 0, clockOffsetMs: 0 },
  };
  open.replica = new Replica(log, {
    clock: {
      now: () => open.now,
      microtask: queueMicrotask,
      soon: (call) => open.later.push(call),
      after: (ms, call) => {
        const timer = { at: open.now + ms, call };
        open.timers.push(timer);
        return { cancel: () => (open.timers = open.timers.filter((other) => other !== timer)) };
      },
    },
    random: () => Buffer.from([++open.originCount, 0, 0, 0, 0, 0, 0]),
    maxValueBytes,
    maxPendingBytes,
    maxInFlight,
    events: {
      hasListeners: () => open.listens,
      changed: (change) => {
        open.changes.push(change);
        open.seen.push(`change ${change.path.join(".")}`);
      },
      left: (member) => open.seen.push(`left ${member}`),
      expired: ({ path }) => open.expired.push(path.join(".")),
      reloaded: () => {
        open.told.push("reloaded");
        open.onReload();
      },
      connected: told("connected"),
      disconnected: told("disconnected"),
      managerChanged: told("managerChanged"),
      diskTrouble: told("diskTrouble"),
      forgotten: (error) => open.errors.push(error),
      warned: (error) => open.errors.push(error),
      failed: (error) => open.errors.push(error),
    },
  });
  return open;
}

export const tick = () => new Promise<void>((resolve) => setImmediate(resolve));
export const entriesOf = (frame: Buffer | undefined) => decodeEntries(frame as Buffer, 0, (frame as Buffer).length);
