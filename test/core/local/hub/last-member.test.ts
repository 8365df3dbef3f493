import assert from "node:assert/strict";
import { test } from "node:test";
import type { Life } from "../../../../dist/core/local/election/member-socket.js";
import { emptyLog, endedOf, isVoid } from "../../../../dist/core/local/hub/last-member.js";
import { decodeBatch } from "../../../../dist/core/log/codec.js";
import { CLEAR } from "../../../../dist/core/log/entry.js";
import { lengthOf } from "../../../../dist/core/log/frame.js";
import { batchFrame, ManualHub, place } from "../machine/manual-machine.js";

const livesOf = (...lives: Life[]) => new Map(lives.map((life, index) => [`a${index}`, life]));

test("files that do not persist are void only when no member may be alive", () => {
  for (const lives of [livesOf(), livesOf("ended"), livesOf("missing", "ended")]) assert.equal(isVoid(lives), true);
  for (const life of ["alive", "unknown"] as const) assert.equal(isVoid(livesOf("ended", life, "missing")), false);
  assert.equal(isVoid(null), false, "when it is not known who is there");
});

test("only those whose sockets refused have ended", () => {
  assert.deepEqual(endedOf(livesOf("ended", "alive", "unknown", "missing", "ended")), ["a0", "a4"]);
  assert.deepEqual([endedOf(livesOf()), endedOf(null)], [[], []]);
});

test("a log that is emptied ends with a clear, whatever the hub's own member sends meanwhile", () => {
  const hub = new ManualHub();
  const own = hub.join("a");
  const steps = emptyLog(hub.hub);
  let number = 0;
  for (let next = steps.next(false); !next.done; next = steps.next(false)) {
    own.say(batchFrame(++number));
    next.value?.(() => {});
    hub.clock.run();
  }
  const content = hub.files.get(`${place.directory}/log.1.2`);
  const types: (number | undefined)[] = [];
  for (let at = lengthOf(content, 0); at < content.length; at += lengthOf(content, at))
    types.push(decodeBatch(content, at, at + lengthOf(content, at)).entries[0]?.type);
  assert.ok(number > 2 && types.length > 1);
  assert.equal(types.at(-1), CLEAR);
});
