/** Members that meet damage as they join: how long they wait, and whom for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memberPath } from "../../../../dist/core/local/election/member-socket.js";
import { encodeFileReport } from "../../../../dist/core/local/wire/healing-messages.js";
import { HEAL, REFUSE } from "../../../../dist/core/log/frame.js";
import { batchFrame, helloFrame, place } from "../machine/manual-machine.js";
import type { ManualSockets } from "../machine/manual-sockets.js";
import { DAMAGE, HealingHub, withMembers } from "./healing-hub.js";

test("a member that meets damage waits until it is healed, and connects again then", () => {
  const hub = new HealingHub();
  const [own] = withMembers(hub);
  const joining = hub.join("c");
  joining.say(encodeFileReport({ kind: "damaged", seq: 0, message: DAMAGE }));
  hub.clock.run();
  assert.deepEqual([hub.kinds, own.of(HEAL).length, joining.isClosed], [["damaged"], 1, false]);
  hub.answer(own, { kind: "healed", bytes: 1 });
  assert.deepEqual([joining.isClosed, joining.of(REFUSE)], [true, []]);
});

test("members that meet damage are refused when nobody is left who may hold the state", () => {
  const hub = new HealingHub();
  const [own, other] = withMembers(hub);
  other.events?.closed(null);
  hub.clock.run();
  own.say(encodeFileReport({ kind: "damaged", seq: 0, message: DAMAGE }));
  hub.clock.pass(1000);
  assert.deepEqual([own.of(HEAL).length, own.of(REFUSE).length, own.isClosed], [0, 1, true]);
  const stranger = hub.connect("stranger");
  stranger.say(helloFrame({ member: "late" }));
  hub.clock.pass(60_000);
  assert.equal(stranger.of(HEAL).length > 0, true, "a member that comes later is asked");
});

test("a member that meets damage at a new hub waits for those that are on their way to it: its own one, and others that live", () => {
  const damage = encodeFileReport({ kind: "damaged", seq: 0, message: DAMAGE });
  for (const late of ["a", "b"]) {
    const hub = new HealingHub();
    const ended = hub.join("d");
    ended.say(batchFrame(1), batchFrame(2));
    hub.clock.run();
    ended.events?.closed(null);
    (hub.machine.sockets as ManualSockets).serve(memberPath(place, late));
    const waiting = late === "a" ? [hub.join("c")] : [hub.join("a"), hub.join("c")];
    for (const peer of waiting) peer.say(damage);
    // The other one was asked before it met the damage too, and says nothing.
    hub.clock.pass(20_000);
    assert.deepEqual(
      waiting.map((peer) => [peer.of(REFUSE).length, peer.isClosed]),
      waiting.map(() => [0, false]),
      late,
    );
    const peer = hub.join(late);
    for (let waitedMs = 0; peer.of(HEAL).length === 0 && waitedMs < 60_000; waitedMs += 100) hub.clock.pass(100);
    assert.equal(peer.of(HEAL).length, 1, late);
    hub.answer(peer, { kind: "healed", bytes: 1 });
    assert.ok(
      waiting.every((one) => one.isClosed && one.of(REFUSE).length === 0),
      late,
    );
  }
});
