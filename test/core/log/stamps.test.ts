import assert from "node:assert/strict";
import { test } from "node:test";
import { ALWAYS, deleteEntry, KEEP, patchEntry, setEntry } from "../../../dist/core/log/entry.js";
import {
  atPlace,
  isPlaced,
  MAX_STAMPED_COUNT,
  pendingStamp,
  stampAt,
  withStamp,
} from "../../../dist/core/log/stamps.js";
import { BY_TEXT } from "../../../dist/core/log/step-kinds.js";

const stamped = (json: string, field = "at") => setEntry(["k"], json, 0, ALWAYS, BY_TEXT, field);
const textOf = (json: string, field?: string) => withStamp(stamped(json, field), 7).json;

test("stamps rise with the place in the log, and pending ones come after all of them", () => {
  const last = stampAt(2 ** 41 - 1, MAX_STAMPED_COUNT - 1);
  const stamps = [
    stampAt(1, 0),
    stampAt(1, 1),
    stampAt(1, MAX_STAMPED_COUNT - 1),
    stampAt(2, 0),
    last,
    pendingStamp(0),
    pendingStamp(1),
    pendingStamp(2 ** 40),
    pendingStamp(2 ** 40 + 1),
  ];
  for (const [index, stamp] of stamps.entries()) {
    if (index > 0) assert.ok(stamp > (stamps[index - 1] as number), `${stamp}`);
    assert.equal(JSON.parse(JSON.stringify(stamp)), stamp);
    assert.equal(isPlaced(stamp), stamp <= last);
  }
  assert.equal(last, Number.MAX_SAFE_INTEGER);
});

test("an object gets its stamp as its last member, in place of one with that name, and nothing else gets one", () => {
  assert.equal(textOf("{}"), '{"at":7}');
  assert.equal(textOf('{"a":{}}'), '{"a":{},"at":7}');
  assert.deepEqual(JSON.parse(textOf('{"at":1,"b":2}')), { at: 7, b: 2 });
  assert.deepEqual(Object.entries(JSON.parse(textOf('{"a":1}', '"\\__proto__'))), [
    ["a", 1],
    ['"\\__proto__', 7],
  ]);
  for (const json of ["[]", "[{}]", "null", "1", '"{}"', "{", "not JSON"]) assert.equal(textOf(json), json);
});

test("a patch sets its stamp after all else, and what asks for no stamp stays as it is", () => {
  const patch = patchEntry(["k"], '{"set":{"a":1},"remove":["at"]}', KEEP, "at");
  assert.deepEqual(JSON.parse(withStamp(patch, 7).json), { set: { a: 1 }, remove: ["at"], stamp: { at: 7 } });
  const entries = [setEntry(["k"], "{}"), deleteEntry(["k"])];
  assert.equal(atPlace(entries, 3), entries);
  const placed = atPlace([...entries, stamped("{}"), patch], 3);
  assert.deepEqual(placed.slice(0, 2), entries);
  assert.deepEqual(JSON.parse(placed[2]?.json as string), { at: stampAt(3, 2) });
  assert.deepEqual(JSON.parse(placed[3]?.json as string).stamp, { at: stampAt(3, 3) });
  assert.ok(placed.every(({ stamp }) => stamp === ""));
});
