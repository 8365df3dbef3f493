/** What a hub does about damaged files: it asks a member that holds what they held. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HEAL, SEGMENT } from "../../../../dist/core/log/frame.js";
import { batchFrame, type Peer, place } from "../machine/manual-machine.js";
import { corrupt, DAMAGE, HealingHub, withMembers } from "./healing-hub.js";

test("damage is reported once, and the hub's own member is asked, exactly where a segment begins", () => {
  const hub = new HealingHub();
  const [own, other] = withMembers(hub);
  hub.compactions.heal(
    `${DAMAGE}; restore it from a backup, or open the storage with recover: "salvage" to keep what is intact`,
  );
  hub.compactions.heal("the same again");
  other.say(batchFrame(3));
  hub.clock.run();
  assert.deepEqual(hub.reports, [{ kind: "damaged", message: DAMAGE }]);
  const [first, second] = own.received;
  assert.deepEqual([first?.kind, second?.kind, second?.seq, second?.epoch], [SEGMENT, HEAL, 2, 1]);
  assert.deepEqual(other.of(HEAL), []);
});

test("what the snapshot covers is removed once the member has reported it, and a compaction reads it back", () => {
  const hub = new HealingHub();
  const [own] = withMembers(hub);
  hub.compactions.heal(DAMAGE);
  hub.clock.run();
  hub.answer(own, { kind: "writing" });
  assert.deepEqual(hub.segments, ["log.1.1", "log.1.2"]);
  hub.answer(own, { kind: "healed", bytes: 100 });
  assert.deepEqual(hub.segments, ["log.1.2", "log.1.3"], "the segments after the snapshot stay");
  assert.deepEqual(hub.kinds, ["damaged", "healed"]);
  assert.deepEqual([hub.folded.length, hub.folded[0]?.snapshot], [1, 2]);
  assert.deepEqual(
    hub.folded[0]?.segments.map(({ segment }) => segment),
    [2],
  );
});

test("a hub that was replaced meanwhile removes nothing", () => {
  const hub = new HealingHub();
  const [own] = withMembers(hub);
  hub.compactions.heal(DAMAGE);
  hub.clock.run();
  hub.isSeated = false;
  hub.answer(own, { kind: "healed", bytes: 100 });
  assert.ok(hub.segments.includes("log.1.1"));
});

test("a member that is still loading, fails, says nothing, or ends is followed by another one", () => {
  const ways: Record<string, (hub: HealingHub, own: Peer) => void> = {
    declines: (hub, own) => hub.answer(own, { kind: "declined" }),
    fails: (hub, own) => hub.answer(own, { kind: "failed", code: "ENOSPC", message: "the disk is full" }),
    "says nothing": (hub) => hub.clock.pass(10_000),
    ends: (hub, own) => {
      own.events?.closed(null);
      hub.clock.run();
    },
  };
  for (const [way, happen] of Object.entries(ways)) {
    const hub = new HealingHub();
    const [own, other] = withMembers(hub);
    hub.compactions.heal(DAMAGE);
    hub.clock.run();
    happen(hub, own);
    hub.clock.pass(200);
    assert.equal(other.of(HEAL).length, 1, way);
    assert.equal(other.of(HEAL)[0]?.seq, 2, way);
    hub.answer(other, { kind: "healed", bytes: 1 });
    assert.equal(hub.kinds.includes("healed"), true, way);
  }
});

test("the report of an order that was given up counts for nothing", () => {
  const hub = new HealingHub();
  const [own, other] = withMembers(hub);
  hub.compactions.heal(DAMAGE);
  hub.clock.run();
  other.say(batchFrame(3));
  hub.clock.pass(10_200);
  hub.answer(own, { kind: "healed", bytes: 1 });
  assert.deepEqual([hub.kinds.includes("healed"), hub.segments.includes("log.1.1")], [false, true]);
  hub.answer(other, { kind: "healed", bytes: 1 });
  assert.equal(hub.kinds.includes("healed"), true);
});

test("a compaction that meets damage is followed by a heal at once, and a heal that fails by further ones with growing pauses", () => {
  const hub = new HealingHub(corrupt);
  const [own, other] = withMembers(hub);
  other.events?.closed(null);
  hub.compactions.start();
  hub.clock.run();
  assert.deepEqual([hub.kinds, own.of(HEAL).length], [["damaged"], 1]);
  let tries = 1;
  for (let waitedMs = 0; waitedMs < 120_000; waitedMs += 100) {
    if (own.of(HEAL).length > tries || tries === 1) {
      tries = own.of(HEAL).length;
      hub.answer(own, { kind: "failed", code: "ENOSPC", message: "the disk is full" });
    }
    hub.clock.pass(100);
  }
  assert.ok(own.of(HEAL).length > 5 && own.of(HEAL).length < 20, `${own.of(HEAL).length} tries in two minutes`);
  assert.equal(hub.kinds.filter((kind) => kind === "damaged").length, 1);
  assert.equal(hub.kinds.includes("compactionFailed"), true);
});

test("tries in vain create no further segments", () => {
  const hub = new HealingHub();
  const [own, other] = withMembers(hub);
  other.events?.closed(null);
  hub.compactions.heal(DAMAGE);
  for (let tries = 0; tries < 3; tries++) {
    hub.clock.pass(1000);
    hub.answer(own, { kind: "declined" });
  }
  assert.deepEqual(hub.segments, ["log.1.1", "log.1.2"]);
  assert.ok(own.of(HEAL).length > 1);
});

test("a heal that could not begin, since the disk refused, begins with a later look", () => {
  const hub = new HealingHub();
  const [own] = withMembers(hub);
  hub.files.fault = (call) => (call === "create" ? { code: "ENOSPC" } : undefined);
  hub.compactions.heal(DAMAGE);
  hub.clock.pass(1000);
  assert.deepEqual(own.of(HEAL), []);
  hub.files.fault = null;
  hub.clock.pass(3000);
  hub.compactions.look();
  hub.clock.run();
  assert.equal(own.of(HEAL).length, 1);
});

test("a look finds what was changed from outside: the newest segment, and names of the chain", () => {
  const chain = ["log.1.1", "log.1.2", "snapshot.2"];
  const damages: Record<string, (hub: HealingHub) => void> = {
    "the newest segment is cut": ({ files }) => files.put(`${place.directory}/log.1.3`, Buffer.alloc(10)),
    "the newest segment is longer": ({ files }) => {
      const content = files.get(`${place.directory}/log.1.3`);
      files.put(`${place.directory}/log.1.3`, Buffer.concat([content, content]));
    },
    "the newest segment is removed": ({ files }) => void files.unlink(`${place.directory}/log.1.3`),
    "another segment is removed": ({ files }) => void files.unlink(`${place.directory}/log.1.2`),
    "the snapshot is removed": ({ files }) => void files.unlink(`${place.directory}/snapshot.2`),
    nothing: () => {},
  };
  for (const [what, damage] of Object.entries(damages)) {
    const hub = new HealingHub((_, done) => {
      if (hub.folded.length === 1) done(null, { snapshot: 2, bytes: 1, copyFailure: null });
    });
    const [, other] = withMembers(hub);
    hub.compactions.start();
    hub.files.put(`${place.directory}/snapshot.2`, Buffer.alloc(1));
    other.say(batchFrame(3));
    hub.clock.run();
    hub.rotate();
    other.say(batchFrame(4));
    hub.clock.run();
    assert.ok(chain.every((name) => hub.files.list(place.directory).includes(name)));
    hub.compactions.look();
    assert.deepEqual(hub.kinds, ["compacted"], what);
    damage(hub);
    hub.compactions.look();
    assert.deepEqual(hub.kinds, what === "nothing" ? ["compacted"] : ["compacted", "damaged"], what);
  }
});

test("a file that a compaction from before the fence has removed is not missed", () => {
  const hub = new HealingHub();
  withMembers(hub);
  hub.rotate();
  hub.files.unlink(`${place.directory}/log.1.1`);
  hub.files.put(`${place.directory}/snapshot.2`, Buffer.alloc(1));
  hub.compactions.look();
  assert.deepEqual(hub.kinds, []);
});

test("an empty log gets a batch before it is healed, since no snapshot can have its seq", () => {
  const hub = new HealingHub();
  const own = hub.join("a");
  hub.compactions.heal(DAMAGE);
  hub.clock.run();
  assert.equal(own.of(HEAL)[0]?.seq, 1);
});
