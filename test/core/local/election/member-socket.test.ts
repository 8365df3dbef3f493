/** Which members are there, as their sockets show: over files, sockets and a clock in the test's hands. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  askAll,
  askForLife,
  type Life,
  type Lives,
  MemberSocket,
  memberPath,
  membersIn,
  newMember,
} from "../../../../dist/core/local/election/member-socket.js";
import { manualParts, place } from "../machine/manual-machine.js";

function scene() {
  const { files, clock, sockets, machine } = manualParts();
  const member = newMember(machine, place);
  return {
    files,
    clock,
    sockets,
    machine,
    member,
    path: memberPath(place, member),
    socket: new MemberSocket(machine, place, member, () => null),
    /** What is known of a member; the answer comes later, once. */
    lifeOf(other: string): Life | undefined {
      const lives: Life[] = [];
      askForLife(machine, place, other, (life) => lives.push(life));
      assert.deepEqual(lives, []);
      clock.run();
      assert.equal(lives.length, 1);
      return lives[0];
    },
    /** Enters; the error comes later. */
    enter(socket: MemberSocket): unknown {
      const errors: unknown[] = [];
      socket.enter((error) => errors.push(error));
      assert.deepEqual(errors, []);
      clock.run();
      assert.equal(errors.length, 1);
      return errors[0];
    },
  };
}

test("a member that has entered is alive, and takes no connection for longer than it must", () => {
  const { socket, sockets, clock, member, files, path, lifeOf, enter } = scene();
  assert.equal(socket.isThere, false);
  assert.equal(lifeOf(member), "missing");
  assert.equal(enter(socket), null);
  assert.equal(socket.isThere, true);
  assert.deepEqual(membersIn(files.list(place.directory)), [member]);
  assert.deepEqual(sockets.bound, [path]);
  assert.equal(lifeOf(member), "alive");
  let closed = 0;
  sockets.connect(place.directory, `member.${member}`, { data: () => {}, closed: () => closed++ });
  clock.run();
  assert.equal(closed, 1);
});

test("a member whose name was removed notices, and enters again under the same name", () => {
  const { socket, sockets, files, path, member, lifeOf, enter } = scene();
  enter(socket);
  files.unlink(path);
  assert.equal(socket.isThere, false);
  assert.equal(lifeOf(member), "missing");
  assert.equal(enter(socket), null);
  assert.equal(socket.isThere, true);
  assert.deepEqual(sockets.bound, [path, path]);
  assert.equal(lifeOf(member), "alive");
});

test("a member that is entering does not do so twice at the same time", () => {
  const { socket, sockets, clock } = scene();
  const done: string[] = [];
  socket.enter(() => done.push("first"));
  socket.enter(() => done.push("second"));
  clock.run();
  assert.deepEqual(done, ["first", "second"]);
  assert.equal(sockets.bound.length, 1);
});

test("the directory is created for it, since the last member may just have removed it", () => {
  const { socket, files, enter } = scene();
  assert.equal(files.directories.has(place.directory), false);
  enter(socket);
  assert.equal(files.directories.has(place.directory), true);
});

test("what prevents it from entering is reported later, and it can try again", () => {
  const { socket, sockets, files, enter } = scene();
  sockets.bindFault = () => "EMFILE";
  assert.equal((enter(socket) as NodeJS.ErrnoException).code, "EMFILE");
  assert.equal(socket.isThere, false);
  sockets.bindFault = null;
  const { makeDirectory } = files;
  files.makeDirectory = () => {
    throw Object.assign(new Error("EROFS"), { code: "EROFS" });
  };
  assert.equal((enter(socket) as NodeJS.ErrnoException).code, "EROFS");
  files.makeDirectory = makeDirectory;
  assert.equal(enter(socket), null);
  assert.equal(socket.isThere, true);
});

test("one that fails to enter again keeps the listener that it has", () => {
  const { socket, sockets, member, lifeOf, enter } = scene();
  enter(socket);
  sockets.bindFault = () => "EMFILE";
  enter(socket);
  assert.equal(lifeOf(member), "alive");
});

test("a member that leaves, and needs not be noted, takes its name with it", () => {
  const { socket, files, path, member, lifeOf, enter } = scene();
  enter(socket);
  socket.leave(true);
  assert.equal(files.names.has(path), false);
  assert.equal(lifeOf(member), "missing");
  assert.equal(socket.isThere, false);
});

test("a member that leaves, and must be noted, leaves a name that refuses", () => {
  const { socket, files, path, member, lifeOf, enter } = scene();
  enter(socket);
  socket.leave(false);
  assert.equal(files.names.has(path), true);
  assert.equal(lifeOf(member), "ended");
  socket.leave(true);
  assert.equal(files.names.has(path), true, "it has left already");
});

test("a member that has left does not enter any more, also when it was just entering", () => {
  for (const isKnown of [true, false]) {
    const { socket, files, clock, path, enter: _, member, lifeOf } = scene();
    const done: (Error | null)[] = [];
    socket.enter((error) => done.push(error));
    socket.leave(isKnown);
    clock.run();
    assert.equal(done.length, 0);
    assert.equal(files.names.has(path), false, "it has written nothing");
    socket.enter((error) => done.push(error));
    clock.run();
    assert.equal(done.length, 0);
    assert.equal(lifeOf(member), "missing");
  }
});

test("a member that leaves while it enters once more is noted, unless the log knows it", () => {
  for (const isKnown of [true, false]) {
    const { socket, files, clock, path, enter, member, lifeOf } = scene();
    enter(socket);
    files.unlink(path);
    socket.enter(() => assert.fail("it has left"));
    socket.leave(isKnown);
    clock.run();
    assert.equal(files.names.has(path), !isKnown);
    assert.equal(lifeOf(member), isKnown ? "missing" : "ended");
  }
});

test("a member leaves although its name cannot be removed, and is noted then", () => {
  const { socket, files, member, lifeOf, enter } = scene();
  enter(socket);
  files.fault = (call) => (call === "unlink" ? { code: "EIO" } : undefined);
  socket.leave(true);
  files.fault = null;
  assert.equal(lifeOf(member), "ended");
});

test("a socket that refuses shows that its process has ended; nothing else does", () => {
  const { socket, sockets, path, member, lifeOf, enter } = scene();
  enter(socket);
  const lives: [string | undefined, Life][] = [
    [undefined, "alive"],
    ["ECONNREFUSED", "ended"],
    ["ENOENT", "missing"],
    ["EAGAIN", "alive"],
    ["EACCES", "unknown"],
    ["EMFILE", "unknown"],
    ["ECONNRESET", "unknown"],
  ];
  for (const [code, life] of lives) {
    sockets.fault = (asked) => (asked === path ? code : undefined);
    assert.equal(lifeOf(member), life, code);
  }
});

test("a refusal shows nothing where the socket was bound on this machine through another file system", () => {
  const { machine, files, lifeOf } = scene();
  const here = newMember(machine, place);
  const elsewhere = newMember({ ...machine, files: { ...files, deviceOf: () => "other" } as never }, place);
  const unknown = newMember({ ...machine, files: { ...files, deviceOf: failing } as never }, place);
  const before = newMember({ ...machine, identity: { ...machine.identity, bootId: "before" } }, place);
  for (const member of [here, elsewhere, unknown, before]) files.put(memberPath(place, member), Buffer.alloc(0));
  assert.equal(lifeOf(here), "ended");
  assert.equal(lifeOf(elsewhere), "unknown");
  assert.equal(lifeOf(unknown), "unknown");
  assert.equal(lifeOf(before), "ended", "of a process from before this start of the machine");
  files.deviceOf = failing;
  assert.equal(lifeOf(here), "unknown", "when that cannot be looked at");
});

function failing(): never {
  throw Object.assign(new Error("EIO"), { code: "EIO" });
}

test("names are never the same, and nothing else is taken for one", () => {
  const { machine } = scene();
  const names = Array.from({ length: 100 }, () => newMember(machine, place));
  assert.equal(new Set(names).size, 100);
  for (const name of names) assert.match(name, /^[0-9a-f]+$/);
  assert.deepEqual(membersIn(["member.", "member.1.2", "member.xyz", "member.42.a1", "hub.a1", "amember.a1"]), []);
  assert.deepEqual(membersIn(["member.a1", "seat.1", "member.0f"]), ["a1", "0f"]);
});

/** What is known of all members but one; the answer comes later, once. */
function askedAll({ machine, clock }: ReturnType<typeof scene>, own: string): Lives {
  const answers: Lives[] = [];
  askAll(machine, place, own, (lives) => answers.push(lives));
  assert.equal(answers.length, 0);
  clock.run();
  assert.equal(answers.length, 1);
  return answers[0] as Lives;
}

test("all members with a name are asked, but the own one", () => {
  const all = scene();
  const { sockets, files } = all;
  sockets.serve(memberPath(place, "a1"));
  sockets.serve(memberPath(place, "b2"));
  files.put(memberPath(place, "c3"), Buffer.alloc(0));
  sockets.serve(memberPath(place, "d4"));
  files.put(`${place.directory}/hub.e5`, Buffer.alloc(0));
  sockets.fault = (path) => (path.endsWith("b2") ? "EACCES" : undefined);
  assert.deepEqual(
    askedAll(all, "a1"),
    new Map<string, Life>([
      ["b2", "unknown"],
      ["c3", "ended"],
      ["d4", "alive"],
    ]),
  );
  assert.equal(sockets.asked.includes(memberPath(place, "a1")), false);
});

test("where nobody else is, or the names cannot be listed, that is said apart", () => {
  const all = scene();
  assert.deepEqual(askedAll(all, "a1"), new Map());
  all.sockets.serve(memberPath(place, "a1"));
  assert.deepEqual(askedAll(all, "a1"), new Map());
  all.files.list = () => failing();
  assert.equal(askedAll(all, "a1"), null);
});
