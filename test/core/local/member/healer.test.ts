/** A member writes what it holds to the files of its hub. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { snapshotPath } from "../../../../dist/core/local/disk/file-names.js";
import type { FileReport } from "../../../../dist/core/local/machine/healing.js";
import { Healer } from "../../../../dist/core/local/member/healer.js";
import { NEVER, slotEntry } from "../../../../dist/core/log/entry.js";
import type { LogSink, StateView } from "../../../../dist/core/log/log.js";
import { HISTORY, load, makeStorage, place } from "../disk/stored.js";
import { ManualClock } from "../machine/manual-clock.js";
import { manualMachine } from "../machine/manual-machine.js";
import { recover } from "../upkeep/at-once.js";

const SEQ = 20;
const ORDER = { epoch: 3, seq: SEQ, time: 0, history: HISTORY, clock: null };
const PATH = snapshotPath(place, SEQ);

/** A member that holds so many keys at a seq; none: it is still loading. */
class Holder {
  readonly files = makeStorage().files;
  readonly clock = new ManualClock();
  readonly healer = new Healer(manualMachine(this.files, this.clock), place);
  readonly reports: FileReport[] = [];
  openViews = 0;
  readonly #sink: LogSink;

  constructor(seq: number | null = SEQ, keyCount = 3) {
    const entries = Array.from({ length: keyCount }, (_, key) => slotEntry(`held${key}`, '"value"', NEVER));
    const view = (): StateView => {
      this.openViews++;
      let isOpen = true;
      return {
        head: { seq: seq as number, time: 2_000_000, level: 1, origins: [[4711, 20, 2_000_000]] },
        entries: () => entries,
        close: () => {
          if (isOpen) this.openViews--;
          isOpen = false;
        },
      };
    };
    this.#sink = { view: () => (seq === null ? null : view()) } as unknown as LogSink;
  }

  /** Returns when it has reported the result. */
  async end(): Promise<void> {
    for (let turn = 0; !["healed", "failed", "declined"].includes(this.reports.at(-1)?.kind ?? ""); turn++) {
      assert.ok(turn < 100_000, "expected a result");
      this.clock.pass(100);
      await setImmediate();
    }
  }

  heal(directoryId = this.files.pin(place.directory).id): this {
    this.healer.heal(ORDER, this.#sink, directoryId, (report) => this.reports.push(report));
    return this;
  }
}

const none = () => false;

test("a member writes what it holds as a snapshot that is on the disk, and lets go of it", async () => {
  const holder = new Holder().heal();
  await holder.end();
  const bytes = holder.files.get(PATH).length;
  assert.deepEqual(holder.reports, [{ kind: "healed", seq: SEQ, bytes }]);
  const left = holder.files.afterPowerLoss();
  const { seq, text } = load(left, recover(left, place, null, none));
  assert.deepEqual([seq, JSON.parse(text).length], [SEQ, 3]);
  assert.deepEqual([holder.openViews, holder.files.openFiles.size], [0, 0]);
  assert.deepEqual(
    holder.files.list(place.directory).filter((name) => name.startsWith("tmp.")),
    [],
  );
});

test("a damaged snapshot that has the name is replaced, and a whole one stays", async () => {
  for (const isDamaged of [true, false]) {
    const first = new Holder().heal();
    await first.end();
    const whole = first.files.get(PATH);
    const holder = new Holder();
    const before = isDamaged ? whole.subarray(0, whole.length - 1) : whole;
    holder.files.put(PATH, before);
    const inode = holder.files.names.get(PATH);
    await holder.heal().end();
    assert.equal(holder.reports.at(-1)?.kind, "healed");
    assert.deepEqual(holder.files.get(PATH), whole);
    assert.equal(holder.files.names.get(PATH) === inode, !isDamaged);
  }
});

test("a member that is still loading, or stands elsewhere, declines", async () => {
  for (const seq of [null, SEQ - 1, SEQ + 1]) {
    const holder = new Holder(seq).heal();
    await holder.end();
    assert.deepEqual(holder.reports, [{ kind: "declined", seq: SEQ }]);
    assert.deepEqual([holder.openViews, holder.files.names.has(PATH)], [0, false]);
  }
});

test("nothing is published in another directory than that of the hub", async () => {
  const holder = new Holder().heal("another one");
  await holder.end();
  const [report] = holder.reports;
  assert.deepEqual([report?.kind, report?.kind === "failed" && report.code], ["failed", "ESTALE"]);
  assert.deepEqual([holder.openViews, holder.files.names.has(PATH)], [0, false]);
});

test("a disk that refuses is reported, and leaves nothing that is half done", async () => {
  for (const call of ["create", "write", "sync", "link", "syncDirectory"]) {
    const holder = new Holder();
    holder.files.fault = (name) => (name.startsWith(call) ? { code: "ENOSPC" } : undefined);
    await holder.heal().end();
    const report = holder.reports.at(-1);
    assert.deepEqual([report?.kind, report?.kind === "failed" && report.code], ["failed", "ENOSPC"], call);
    holder.files.fault = () => undefined;
    assert.deepEqual([holder.openViews, holder.files.openFiles.size], [0, 0], call);
    assert.deepEqual(
      holder.files.list(place.directory).filter((name) => name.startsWith("tmp.")),
      [],
      call,
    );
  }
});

test("a member that writes for long reports that it gets on, and one that is stopped leaves nothing", async () => {
  const holder = new Holder(SEQ, 20_000).heal();
  // The disk takes its time.
  holder.clock.pass(3000);
  await holder.end();
  assert.deepEqual(
    holder.reports.map(({ kind }) => kind),
    ["writing", "writing", "writing", "healed"],
  );
  const again = new Holder(SEQ, 20_000).heal();
  again.healer.stop();
  again.clock.pass(10_000);
  await setImmediate();
  assert.deepEqual([again.reports, again.openViews, again.files.names.has(PATH)], [[], 0, false]);
  assert.equal(again.files.openFiles.size, 0);
});
