import assert from "node:assert/strict";
import { test } from "node:test";
import { entriesOfVersion1 } from "../../../../dist/core/local/upkeep/version1.js";
import { Fold } from "../../../../dist/core/state/fold.js";
import { HISTORY, load, machineOf, place, statesUpTo, textOf, writeSegment } from "../disk/stored.js";
import { MemoryFiles } from "../machine/memory-files.js";
import { compact, recover, recoverForHub } from "./at-once.js";

/** The clock of `machineOf`. */
const NOW = 1_000_000;
const STRICT = { recover: "strict" } as const;

function opened(content: string | Buffer): { files: MemoryFiles; text: string; seq: number } {
  const files = new MemoryFiles();
  files.put(place.filename, Buffer.from(content));
  const recovered = recoverForHub(machineOf(files), place, 1, STRICT, null);
  return { files, ...load(files, recovered) };
}

function textOfVersion1(data: object, lives: object): string {
  const fold = new Fold();
  const entries = entriesOfVersion1("app.db", JSON.stringify({ lives, data }), NOW);
  fold.apply({ seq: 1, time: NOW, origin: 0, born: 0, number: 0, entries });
  return textOf(fold);
}

test("a file of version 1 becomes the state, without what has expired", () => {
  const data = { foo: { bar: 1, old: 2 }, hello: "world", "a.b": [1, 2], gone: true };
  const lives = { "foo.bar": NOW + 5, "foo.old": NOW - 1, gone: NOW, "a.b": NOW + 9, never: NOW + 1, hello: 0 };
  const { files, seq, text } = opened(JSON.stringify({ lives, data }));
  assert.equal(seq, 1);
  assert.equal(text, textOfVersion1(data, lives));
  assert.match(text, /foo .*bar\\*":1/);
  assert.doesNotMatch(text, /old|gone/);
  const entries = entriesOfVersion1("app.db", JSON.stringify({ lives, data }), NOW);
  assert.deepEqual(
    entries.filter(({ expiresAt }) => expiresAt > 0).map(({ path, expiresAt }) => [path, expiresAt]),
    [
      [["foo", "bar"], NOW + 5],
      [["a.b"], NOW + 9],
      [["never"], NOW + 1],
    ],
  );
  assert.deepEqual(files.get(place.filename), Buffer.from(JSON.stringify({ lives, data })));
  assert.equal(files.names.get(place.filename)?.links, 1);
});

test("keys of a file of version 1 touch no prototype", () => {
  const text = '{"data":{"__proto__":{"x":1},"a":{"__proto__":{"y":2}},"":3},"lives":{"a.__proto__.y":1,"":5000000}}';
  const state = opened(text).text;
  assert.match(state, /"__proto__ /);
  assert.equal(({} as { x?: number }).x, undefined);
});

test("an empty file of version 1 is an empty state that exists", () => {
  assert.deepEqual([opened('{"lives":{},"data":{}}').seq, opened('{"data":{}}').text], [1, "[]"]);
});

test("what is neither a snapshot nor a file of version 1 is refused, and stays as it is", () => {
  const deep = `{"data":{"a":${"[".repeat(600)}${"]".repeat(600)}},"lives":{}}`;
  for (const content of [
    "",
    "{",
    "null",
    "[]",
    '{"data":[]}',
    '{"data":{},"lives":{"a":"x"}}',
    "SQLite format 3",
    deep,
    "\0".repeat(99),
  ]) {
    const files = new MemoryFiles();
    files.put(place.filename, Buffer.from(content));
    assert.throws(
      () => recoverForHub(machineOf(files), place, 1, STRICT, null),
      (error: NodeJS.ErrnoException) => error.code === "ERR_STORAGE_FORMAT" && error.message.includes("app.db"),
      content.slice(0, 40),
    );
    assert.deepEqual(files.get(place.filename).toString(), content);
    assert.deepEqual(files.list(place.directory), []);
    assert.equal(files.openFiles.size, 0);
  }
});

test("a backup that was put there becomes a snapshot that is not the user's file", () => {
  const source = new MemoryFiles();
  const first = writeSegment(source, 1, 1, [1, 10], null);
  compact(machineOf(source), { place, epoch: 1, snapshot: 0, segments: [first] });
  const backup = source.get(place.filename);
  const { files, seq, text } = opened(backup);
  assert.deepEqual([seq, text], [10, statesUpTo(10)[10]]);
  assert.equal(files.names.get(place.filename)?.links, 1);
  assert.deepEqual(files.list(place.directory).sort(), [`copy.10.${HISTORY}`, "snapshot.10"]);
});

test("every truncation and every flipped byte of a backup is refused", (t) => {
  const source = new MemoryFiles();
  const first = writeSegment(source, 1, 1, [1, 10], null);
  compact(machineOf(source), { place, epoch: 1, snapshot: 0, segments: [first] });
  const backup = source.get(place.filename);
  let faults = 0;
  const isRefused = (content: Buffer) => {
    faults++;
    const files = new MemoryFiles();
    files.put(place.filename, content);
    assert.throws(
      () => recoverForHub(machineOf(files), place, 1, STRICT, null),
      (error: NodeJS.ErrnoException) => /ERR_STORAGE_(CORRUPT|FORMAT)/.test(error.code ?? ""),
    );
    assert.equal(files.list(place.directory).length, 0);
  };
  for (let bytes = 0; bytes < backup.length; bytes++) isRefused(backup.subarray(0, bytes));
  for (let at = 0; at < backup.length; at++) {
    const copy = Buffer.from(backup);
    copy[at] = (copy[at] as number) ^ 0x40;
    isRefused(copy);
  }
  t.diagnostic(`${faults} damaged backups`);
});

test("app.db is not looked at while there is a log", () => {
  const files = new MemoryFiles();
  writeSegment(files, 1, 1, [1, 3], null);
  files.put(place.filename, Buffer.from("something else"));
  assert.equal(recoverForHub(machineOf(files), place, 2, STRICT, null).seq, 3);
});

test("a crash at any call of the import leaves the file, and the next import is whole", () => {
  const source = new MemoryFiles();
  const first = writeSegment(source, 1, 1, [1, 10], null);
  compact(machineOf(source), { place, epoch: 1, snapshot: 0, segments: [first] });
  const version1 = Buffer.from(JSON.stringify({ lives: {}, data: { a: 1, b: { c: [1, 2, 3] } } }));
  for (const content of [version1, source.get(place.filename)]) {
    const { text, seq } = opened(content);
    for (let call = 0, isOver = false; !isOver; call++) {
      const files = new MemoryFiles();
      files.put(place.filename, content);
      files.fault = (_, change) => (change === call ? { crash: true } : undefined);
      try {
        recoverForHub(machineOf(files), place, 1, STRICT, null);
        isOver = true;
      } catch {}
      for (const left of [files.afterCrash(), files.afterPowerLoss(), files.afterPowerLoss(true)]) {
        const recovered = recoverForHub(machineOf(left), place, 2, STRICT, null);
        assert.deepEqual(load(left, recovered), { seq, text });
        assert.equal(recover(left, place, null, () => false).seq, seq);
      }
    }
  }
});
