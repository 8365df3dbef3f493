import assert from "node:assert/strict";
import { test } from "node:test";
import type { Life } from "../../../../dist/core/local/election/member-socket.js";
import { endedOf, isVoid } from "../../../../dist/core/local/hub/last-member.js";

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
