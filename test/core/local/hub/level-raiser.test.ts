/** When a hub raises the level of the log: over sockets and members in the test's hands. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memberPath } from "../../../../dist/core/local/election/member-socket.js";
import { type LevelMember, LevelRaiser } from "../../../../dist/core/local/hub/level-raiser.js";
import { decodeLevelHeld } from "../../../../dist/core/local/wire/messages.js";
import { encodeEntries } from "../../../../dist/core/log/codec.js";
import { levelEntry } from "../../../../dist/core/log/entry.js";
import type { SpokenLevels } from "../../../../dist/core/log/levels.js";
import { manualParts, place } from "../machine/manual-machine.js";

const QUIET_MS = 60_000;
const NEW: SpokenLevels = { least: 1, most: 2, max: 2 };
const OLD: SpokenLevels = { least: 1, most: 1, max: 1 };
const RAISED = encodeEntries([levelEntry(2)]).toString("hex");

function scene(own = NEW, level = 1) {
  const { clock, sockets, machine } = manualParts();
  const connected: LevelMember[] = [];
  const ordered: string[] = [];
  const told: string[] = [];
  const raiser = new LevelRaiser(machine, place, own, level, {
    connected: () => connected,
    order: (frame, done) => {
      ordered.push(frame.toString("hex"));
      done(true);
    },
    tell(frame) {
      const { why, waitMs } = decodeLevelHeld(frame, 0, frame.length);
      told.push(waitMs === 0 ? why : `${why}: ${waitMs}`);
    },
  });
  let pid = 100;
  const opened = {
    ...{ raiser, ordered, told, sockets, clock },
    /** A process has the storage open, connected to this hub or not. */
    open(member: string, levels = NEW, isConnected = true) {
      sockets.serve(memberPath(place, member));
      if (isConnected) connected.push({ member, pid: ++pid, levels });
    },
    leave(member: string) {
      sockets.kill(memberPath(place, member));
      const index = connected.findIndex((one) => one.member === member);
      if (index >= 0) connected.splice(index, 1);
    },
    /** A heartbeat, a while later. */
    beat(ms = 1000) {
      clock.pass(ms);
      told.length = 0;
      raiser.look();
      clock.run();
      return [...told];
    },
  };
  opened.open("0f", own);
  return opened;
}

test("a log is raised when a member needs it, once, and not in the first minute of a manager", () => {
  const { raiser, ordered, told, beat } = scene();
  assert.deepEqual(beat(QUIET_MS), [], "nobody needs it");
  const young = scene();
  young.raiser.need(2);
  assert.match(young.told[0] ?? "", /^the manager is new, .*: 60000$/);
  assert.match(young.beat(QUIET_MS - 1)[0] ?? "", /: 1$/);
  assert.deepEqual([young.beat(1), young.ordered], [[], [RAISED]]);
  young.raiser.need(2);
  assert.deepEqual([young.beat(), young.ordered.length], [[], 1]);
  raiser.need(1);
  assert.deepEqual([told, ordered], [[], []], "a level that it has");
});

test("a process that does not speak the level, or may not, hinders it, and is named", () => {
  const { raiser, ordered, beat, open, leave, clock } = scene();
  open("aa", OLD);
  open("bb", { least: 1, most: 3, max: 1 });
  clock.pass(QUIET_MS);
  raiser.need(2);
  assert.deepEqual(beat(), [
    "others must be replaced first: process 102 speaks level 1 at most, process 103 has maxLevel: 1",
  ]);
  leave("aa");
  assert.deepEqual(beat(), ["others must be replaced first: process 103 has maxLevel: 1"]);
  assert.deepEqual(ordered, []);
  leave("bb");
  assert.deepEqual([beat(), ordered], [[], [RAISED]]);
});

test("a process that has the storage open and is not connected hinders it: nobody knows what it speaks", () => {
  const { raiser, ordered, beat, open, leave, clock } = scene();
  open("aa", OLD, false);
  clock.pass(QUIET_MS);
  raiser.need(2);
  assert.deepEqual(beat(), ["1 that may have the storage open is not connected"]);
  assert.deepEqual(ordered, []);
  leave("aa");
  assert.deepEqual([beat(), ordered], [[], [RAISED]]);
});

test("one that connects while the others are asked is seen", () => {
  const { raiser, ordered, told, open, clock } = scene();
  clock.pass(QUIET_MS);
  raiser.need(2);
  open("aa", OLD);
  clock.run();
  assert.deepEqual([ordered, told], [[], ["others must be replaced first: process 102 speaks level 1 at most"]]);
});

test("whoever does not speak the level of the log is refused from the moment at which that is ordered", () => {
  const { raiser, beat, clock } = scene();
  assert.equal(raiser.refusal({ levels: OLD }), null);
  clock.pass(QUIET_MS);
  raiser.need(2);
  beat();
  assert.equal(raiser.refusal({ levels: NEW }), null);
  assert.match(
    String(raiser.refusal({ levels: OLD })),
    /expected the storage to be at a level that this version of cluster-storage speaks \(level 1\), got level 2: run the version/,
  );
  assert.match(
    String(raiser.refusal({ levels: { least: 3, most: 4, max: 4 } })),
    /levels 3 to 4.* with the version before/,
  );
});

test("a manager that may not raise the log says so", () => {
  const { raiser, beat, ordered, clock } = scene({ least: 1, most: 2, max: 1 });
  clock.pass(QUIET_MS);
  raiser.need(2);
  assert.match(beat()[0] ?? "", /the process of the manager has maxLevel: 1/);
  assert.deepEqual(ordered, []);
});
