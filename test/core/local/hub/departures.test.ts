/** Which members have left without a word, and when that is noted: over sockets and a hub in the test's hands. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memberPath } from "../../../../dist/core/local/election/member-socket.js";
import { Departures } from "../../../../dist/core/local/hub/departures.js";
import { manualParts, place } from "../machine/manual-machine.js";

const OWN = "0f";

function scene() {
  const { files, clock, sockets, machine } = manualParts();
  const live = new Set<string>([OWN]);
  const ordered: string[] = [];
  const hub = {
    isSettled: true,
    isLive: (member: string) => live.has(member),
    left(member: string, done: (isConfirmed: boolean) => void) {
      ordered.push(member);
      clock.soon(() => done(hub.isSettled));
    },
  };
  const departures = new Departures(machine, place, OWN, hub);
  sockets.serve(memberPath(place, OWN));
  return {
    files,
    clock,
    sockets,
    hub,
    ordered,
    departures,
    hasName: (member: string) => files.names.has(memberPath(place, member)),
    /** A member with a socket, connected or not. */
    add(member: string, isLive = true) {
      sockets.serve(memberPath(place, member));
      if (isLive) live.add(member);
    },
    /** Its connection ends; its process too, or not. */
    lose(member: string, hasEnded: boolean) {
      live.delete(member);
      if (hasEnded) sockets.kill(memberPath(place, member));
      departures.lost(member);
      clock.run();
    },
    check() {
      departures.check();
      clock.run();
    },
    connect: (member: string) => live.add(member),
    /** How often a member was asked. */
    askedCount: (member: string) => sockets.asked.filter((path) => path === memberPath(place, member)).length,
  };
}

test("a member whose connection ends, and whose socket refuses, is noted once, and its name is removed", () => {
  const { add, lose, check, ordered, hasName } = scene();
  add("a1");
  lose("a1", true);
  assert.deepEqual(ordered, ["a1"]);
  assert.equal(hasName("a1"), false);
  for (let beat = 0; beat < 5; beat++) check();
  assert.deepEqual(ordered, ["a1"]);
});

test("a member that is asked twice at the same time is noted once", () => {
  const { add, departures, check, sockets, clock, ordered } = scene();
  add("a1", false);
  sockets.kill(memberPath(place, "a1"));
  departures.lost("a1");
  departures.check();
  clock.run();
  assert.deepEqual(ordered, ["a1"]);
  check();
  assert.deepEqual(ordered, ["a1"]);
});

test("a member that was only cut off is not noted, and is asked again until it is connected", () => {
  const { add, lose, check, connect, ordered, askedCount, hasName } = scene();
  add("a1");
  lose("a1", false);
  for (let beat = 0; beat < 3; beat++) check();
  assert.equal(askedCount("a1"), 4);
  connect("a1");
  for (let beat = 0; beat < 3; beat++) check();
  assert.equal(askedCount("a1"), 4, "one that is connected is not asked");
  assert.deepEqual(ordered, []);
  assert.equal(hasName("a1"), true);
});

test("a member that was cut off and then dies is noted at the next check", () => {
  const { add, lose, check, sockets, ordered } = scene();
  add("a1");
  lose("a1", false);
  sockets.kill(memberPath(place, "a1"));
  assert.deepEqual(ordered, []);
  check();
  assert.deepEqual(ordered, ["a1"]);
});

test("the name of a member stays until its departure is confirmed, so that a successor finds it", () => {
  const { add, lose, check, hub, ordered, hasName } = scene();
  add("a1");
  add("b2");
  hub.isSettled = false;
  lose("a1", true);
  lose("b2", true);
  for (let beat = 0; beat < 3; beat++) check();
  assert.deepEqual(ordered, ["a1", "b2"], "each is noted once, however long it takes");
  assert.deepEqual([hasName("a1"), hasName("b2")], [true, true]);
  hub.isSettled = true;
  check();
  assert.deepEqual([hasName("a1"), hasName("b2")], [false, false]);
  check();
  assert.deepEqual(ordered, ["a1", "b2"]);
});

test("a new manager finds those that died under the managers before, and no others", () => {
  const { add, check, sockets, files, ordered, hasName } = scene();
  for (const member of ["a1", "b2", "c3", "d4"]) add(member, false);
  add("e5");
  sockets.kill(memberPath(place, "a1"));
  sockets.kill(memberPath(place, "c3"));
  files.unlink(memberPath(place, "d4"));
  check();
  assert.deepEqual(ordered.sort(), ["a1", "c3"]);
  assert.deepEqual(["a1", "b2", "c3", "e5"].map(hasName), [false, true, false, true]);
  check();
  assert.equal(ordered.length, 2);
});

test("a socket that is missing or out of reach proves nothing", () => {
  for (const code of ["ENOENT", "EACCES", "EAGAIN", "EMFILE"]) {
    const { add, lose, check, sockets, ordered } = scene();
    add("a1");
    sockets.fault = (path) => (path.endsWith("a1") ? code : undefined);
    lose("a1", true);
    for (let beat = 0; beat < 3; beat++) check();
    assert.deepEqual(ordered, [], code);
    sockets.fault = null;
    check();
    assert.deepEqual(ordered, ["a1"], code);
  }
});

test("a member without a name is not asked again and again", () => {
  const { add, lose, check, files, askedCount } = scene();
  add("a1");
  files.unlink(memberPath(place, "a1"));
  lose("a1", true);
  for (let beat = 0; beat < 5; beat++) check();
  assert.equal(askedCount("a1"), 1);
});

test("nothing outside of the directory is connected to or removed, whatever a member calls itself", () => {
  const { departures, check, clock, sockets, files, ordered } = scene();
  const precious = "/data/precious";
  files.put(precious, Buffer.from("mine"));
  for (const member of ["/../../precious", "x/../../precious", "..", "", "a1.b2", "A1"]) {
    const asked = sockets.asked.length;
    let isNoted = false;
    departures.lost(member);
    departures.leaves(member, true, () => (isNoted = true));
    clock.run();
    check();
    assert.deepEqual([sockets.asked.length, isNoted], [asked, true], member);
  }
  assert.deepEqual(ordered, []);
  assert.equal(files.names.has(precious), true);
});

test("a member that says that it leaves is noted if it has written, and not if it has not", () => {
  const { add, departures, check, clock, ordered, hasName } = scene();
  add("a1");
  add("b2");
  const noted: string[] = [];
  departures.leaves("a1", false, () => noted.push("a1"));
  assert.deepEqual([ordered, noted], [[], ["a1"]]);
  departures.leaves("b2", true, () => noted.push("b2"));
  assert.deepEqual([ordered, noted], [["b2"], ["a1"]]);
  clock.run();
  assert.deepEqual(noted, ["a1", "b2"]);
  assert.equal(hasName("b2"), false);
  check();
  assert.deepEqual(ordered, ["b2"]);
});

test("a departure that is not confirmed is not reported as noted", () => {
  const { add, departures, check, clock, hub, ordered, hasName } = scene();
  add("a1");
  hub.isSettled = false;
  let isNoted = false;
  departures.leaves("a1", true, () => (isNoted = true));
  clock.run();
  check();
  assert.deepEqual([isNoted, hasName("a1"), ordered], [false, true, ["a1"]]);
});

test("the member of the hub's own process is never asked: it leaves with the hub", () => {
  const { lose, check, ordered, askedCount, hasName } = scene();
  lose(OWN, true);
  for (let beat = 0; beat < 3; beat++) check();
  assert.equal(askedCount(OWN), 0);
  assert.deepEqual(ordered, []);
  assert.equal(hasName(OWN), true);
});

test("a disk that does not list or remove names delays what is noted, and stops nothing", () => {
  const { add, lose, check, files, ordered, hasName } = scene();
  add("a1");
  const failing = (): never => {
    throw Object.assign(new Error("EIO"), { code: "EIO" });
  };
  const { list, unlink } = files;
  Object.assign(files, { list: failing, unlink: failing });
  lose("a1", true);
  check();
  assert.deepEqual(ordered, ["a1"]);
  assert.equal(hasName("a1"), true);
  Object.assign(files, { list: list.bind(files), unlink: unlink.bind(files) });
  check();
  assert.equal(hasName("a1"), false);
  assert.deepEqual(ordered, ["a1"], "it is noted once");
});

test("a departure whose name can never be removed is noted once, so that the log does not grow by it", () => {
  const { add, lose, check, files, ordered } = scene();
  add("a1");
  files.fault = (call) => (call === "unlink" ? { code: "EACCES" } : undefined);
  lose("a1", true);
  for (let beat = 0; beat < 10; beat++) check();
  assert.deepEqual(ordered, ["a1"]);
});

test("of two that leave at the same time, both are noted when the second one is confirmed, and both names are removed", () => {
  const { clock, hub, departures, hasName, add } = scene();
  const noted: string[] = [];
  for (const member of ["aa", "bb"]) add(member);
  hub.isSettled = false;
  departures.leaves("aa", true, () => noted.push("aa"));
  clock.run();
  assert.deepEqual([noted, hasName("aa")], [[], true]);
  hub.isSettled = true;
  departures.leaves("bb", true, () => noted.push("bb"));
  clock.run();
  assert.deepEqual(noted, ["aa", "bb"]);
  assert.deepEqual([hasName("aa"), hasName("bb")], [false, false]);
});
