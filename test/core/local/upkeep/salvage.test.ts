import assert from "node:assert/strict";
import { test } from "node:test";
import { snapshotPath } from "../../../../dist/core/local/disk/file-names.js";
import { snapshotHead } from "../../../../dist/core/local/disk/snapshot.js";
import { removeStrays } from "../../../../dist/core/local/upkeep/removal.js";
import { salvage } from "../../../../dist/core/local/upkeep/salvage.js";
import { slotEntry } from "../../../../dist/core/log/entry.js";
import type { KnownOrigin } from "../../../../dist/core/log/log.js";
import { CLOSED, count, flipped, LAST, SNAPSHOT, storage, withFile } from "../disk/corrupted.js";
import { framesIn, HISTORY, load, machineOf, place } from "../disk/stored.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { recover, recoverForHub, writeSnapshot } from "./at-once.js";

const none = () => false;

test("salvage keeps every intact frame, whatever byte is corrupt, and the corrupt file", (t) => {
  let faults = 0;
  for (const path of [SNAPSHOT, ...CLOSED, LAST]) {
    const content = storage.get(path);
    for (let at = 0; at < content.length; at += 3, faults++) {
      const damaged = flipped(content, at, 0xff);
      const files = withFile(path, damaged);
      const machine = machineOf(files);
      const recovered = recoverForHub(machine, place, 9, { recover: "salvage" }, null);
      const { text } = load(files, recovered);
      assert.match(text, /written by 2[0-4]/);
      if (!files.list(place.directory).some((name) => name.startsWith("torn."))) {
        const aside = files.list(place.directory).filter((name) => name.startsWith("corrupt."));
        assert.equal(aside.length, 1, `${path} byte ${at}`);
        assert.deepEqual(files.get(`${place.directory}/${aside[0]}`), damaged);
        assert.ok(recovered.seq > 25);
      }
    }
  }
  count(t, "damaged storages salvaged", faults);
});

test("salvage loses exactly the corrupt batch", () => {
  const path = CLOSED[0] as string;
  const content = storage.get(path);
  const at = content.indexOf("written by 13");
  const files = withFile(path, flipped(content, at, 1));
  const lost = salvage(machineOf(files), place, 9);
  assert.equal(lost.length, 1);
  const { text } = load(files, recover(files, place, null, none));
  const total = Array.from({ length: 25 }, (_, index) => index + 1).reduce((sum, seq) => sum + seq) - 13;
  assert.ok(text.includes(`"count ${total}"`), text);
});

test("a crash at any call of a salvage loses nothing more", () => {
  const path = CLOSED[0] as string;
  const damaged = withFile(path, flipped(storage.get(path), storage.get(path).indexOf("written by 13"), 1));
  damaged.settle();
  const expected = (() => {
    const files = damaged.afterCrash();
    salvage(machineOf(files), place, 9);
    return load(files, recover(files, place, null, none)).text;
  })();
  for (let call = 0; ; call++) {
    const files = damaged.afterCrash();
    files.fault = (_, change) => (change === call ? { crash: true } : undefined);
    let isOver = false;
    try {
      salvage(machineOf(files), place, 9);
      isOver = true;
    } catch {}
    for (const left of [files.afterCrash(), files.afterPowerLoss(), files.afterPowerLoss(true)]) {
      const recovered = recoverForHub(machineOf(left), place, 10, { recover: "salvage" }, null);
      assert.equal(load(left, recovered).text, expected, `crash at call ${call}`);
    }
    if (isOver) return;
  }
});

test("a salvage that fails at any call and is tried again still keeps the corrupt file", () => {
  const path = CLOSED[0] as string;
  const content = flipped(storage.get(path), storage.get(path).indexOf("written by 13"), 1);
  for (let call = 0; ; call++) {
    const files = withFile(path, content);
    const machine = machineOf(files);
    files.fault = (_, change) => (change === call ? { code: "EIO" } : undefined);
    let isOver = false;
    try {
      salvage(machine, place, 9);
      isOver = true;
    } catch {}
    files.fault = null;
    const { segments } = recoverForHub(machine, place, 10, { recover: "salvage" }, null);
    removeStrays(files, place, 10, segments);
    const aside = files.list(place.directory).find((name) => /^corrupt\..*\.log\.1\.2$/.test(name));
    assert.deepEqual(files.get(`${place.directory}/${aside}`), content, `failure of call ${call}`);
    if (isOver) return;
  }
});

test("salvage keeps every whole frame of files that were exchanged, and of frames that were swapped", () => {
  const whole = load(storage.afterCrash(), recover(storage.afterCrash(), place, null, none)).text;
  const [one, two] = CLOSED as [string, string];
  const exchanged = withFile(one, storage.get(SNAPSHOT));
  exchanged.put(SNAPSHOT, storage.get(one));
  const moved = withFile(LAST, storage.get(two));
  moved.put(two, storage.get(LAST));
  const salvaged = (files: MemoryFiles) =>
    load(files, recoverForHub(machineOf(files), place, 9, { recover: "salvage" }, null)).text;
  assert.match(salvaged(exchanged), /written by 20/);
  assert.deepEqual(salvaged(moved), whole);
  const [head, a, b, ...rest] = framesIn(storage.get(two)) as [Buffer, Buffer, Buffer];
  const swapped = withFile(two, Buffer.concat([head, b, a, ...rest]));
  assert.deepEqual(salvaged(swapped), whole);
});

test("salvage keeps the origins of intact frames", () => {
  const path = snapshotPath(place, 5);
  const origins = Array.from({ length: 6000 }, (_, index): KnownOrigin => [index + 1, 1, 7]);
  const whole = new MemoryFiles();
  writeSnapshot(whole, path, { seq: 5, time: 7, level: 1, origins, history: HISTORY }, [slotEntry("a", "1", 0)]);
  const frames = framesIn(whole.get(path));
  assert.equal(frames.length, 6);
  const startOf = (index: number) => frames.slice(0, index).reduce((sum, { length }) => sum + length, 0);
  for (const [damaged, kept] of [
    [0, 6000],
    [1, 3270],
    [2, 3270],
    [3, 5460],
    [4, 6000],
  ] as const) {
    const files = new MemoryFiles();
    files.put(path, flipped(whole.get(path), startOf(damaged) + 60, 1));
    salvage(machineOf(files), place, 9);
    assert.equal(snapshotHead(files, place, 6).origins.length, kept, `frame ${damaged}`);
  }
});
