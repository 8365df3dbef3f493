/** The socket of a member whose directory is moved away, and perhaps back: over files, sockets and a clock in the test's hands. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  askForLife,
  type Life,
  MemberSocket,
  memberPath,
  newMember,
} from "../../../../dist/core/local/election/member-socket.js";
import { OtherMembers } from "../../../../dist/core/local/election/other-members.js";
import type { Held } from "../../../../dist/core/local/machine/healing.js";
import type { Place } from "../../../../dist/core/local/machine/machine.js";
import { HISTORY } from "../disk/stored.js";
import { manualParts, moveDirectory, place } from "../machine/manual-machine.js";

const HELD: Held = { epoch: 3, seq: 8, history: HISTORY };
const PATH = place.directory;
/** Where the directory is while it is away, and where the one is then that was at its path meanwhile. */
const [AWAY, OTHER] = ["/data/away", "/data/other"];

/** A member that has entered. */
function scene() {
  const { files, clock, sockets, machine } = manualParts();
  const member = newMember(machine, place);
  const socket = new MemberSocket(machine, place, member, () => HELD);
  const enter = (): unknown => {
    const errors: unknown[] = [];
    socket.enter((error) => errors.push(error));
    clock.run();
    assert.equal(errors.length, 1);
    return errors[0];
  };
  assert.equal(enter(), null);
  return {
    files,
    clock,
    sockets,
    machine,
    socket,
    enter,
    path: memberPath(place, member),
    /** What a process learns of the member that has the storage open in a directory. */
    lifeIn(directory: string): Life | undefined {
      let life: Life | undefined;
      askForLife(machine, { ...place, directory }, member, (answer) => {
        life = answer;
      });
      clock.run();
      return life;
    },
    /** What a contender in a directory learns of what the member holds. */
    heldIn(directory: string): Held | null {
      const others = new OtherMembers(machine, { ...place, directory } satisfies Place);
      others.ask("own", () => {});
      clock.pass(100);
      return others.most;
    },
  };
}

test("what a member holds is said where the path leads, and not in a directory that was moved away", () => {
  const { files, heldIn, lifeIn } = scene();
  assert.deepEqual(heldIn(PATH), HELD);
  moveDirectory(files, PATH, AWAY);
  assert.equal(heldIn(AWAY), null, "it would not take the seat there");
  assert.equal(lifeIn(AWAY), "alive", "it has not gone elsewhere yet");
  moveDirectory(files, AWAY, PATH);
  assert.deepEqual(heldIn(PATH), HELD);
});

test("a member that enters the directory which has come to the path listens there, and in the one before", () => {
  const { files, socket, enter, lifeIn, heldIn } = scene();
  moveDirectory(files, PATH, AWAY);
  assert.deepEqual([socket.isHere, socket.isThere], [false, false]);
  assert.equal(enter(), null);
  assert.deepEqual([socket.isHere, socket.isThere], [true, true]);
  assert.deepEqual([lifeIn(PATH), lifeIn(AWAY)], ["alive", "alive"]);
  assert.deepEqual([heldIn(PATH), heldIn(AWAY)], [HELD, null]);
});

test("in a directory that is back a member is alive at once, whether it has entered another one or not", () => {
  for (const hasEntered of [false, true]) {
    const { files, socket, sockets, enter, lifeIn, heldIn } = scene();
    moveDirectory(files, PATH, AWAY);
    if (hasEntered) enter();
    moveDirectory(files, PATH, OTHER);
    moveDirectory(files, AWAY, PATH);
    assert.deepEqual([socket.isHere, socket.isThere], [true, true]);
    assert.deepEqual([lifeIn(PATH), heldIn(PATH), heldIn(OTHER)], ["alive", HELD, null]);
    assert.equal(sockets.bound.length, hasEntered ? 2 : 1);
  }
});

test("a member listens in the last two directories, and does not take a name that is back for its socket", () => {
  const { files, socket, path, enter, lifeIn } = scene();
  moveDirectory(files, PATH, AWAY);
  enter();
  moveDirectory(files, PATH, OTHER);
  enter();
  assert.deepEqual([lifeIn(PATH), lifeIn(OTHER), lifeIn(AWAY)], ["alive", "alive", "ended"]);
  moveDirectory(files, PATH, "/data/third");
  moveDirectory(files, AWAY, PATH);
  assert.equal(files.names.has(path), true, "of its first socket");
  assert.deepEqual([socket.isHere, socket.isThere], [false, false]);
  assert.equal(enter(), null);
  assert.deepEqual([lifeIn(PATH), lifeIn("/data/third"), lifeIn(OTHER)], ["alive", "alive", "ended"]);
});

test("a member that enters its directory once more still listens in the one before", () => {
  const { files, path, enter, lifeIn } = scene();
  moveDirectory(files, PATH, AWAY);
  enter();
  files.unlink(path);
  enter();
  assert.deepEqual([lifeIn(PATH), lifeIn(AWAY)], ["alive", "alive"]);
});

test("a member that looks after its name creates nothing in a directory that has come to the path", () => {
  const { files, socket, clock, sockets } = scene();
  moveDirectory(files, PATH, AWAY);
  for (let looks = 0; looks < 12; looks++) socket.look();
  clock.run();
  assert.equal(sockets.bound.length, 1);
  assert.deepEqual(files.list(PATH), []);
});

test("a member whose directory is moved while it enters is told so, and can try again", () => {
  const { files, socket, clock, enter, lifeIn } = scene();
  moveDirectory(files, PATH, AWAY);
  const codes: unknown[] = [];
  socket.enter((error) => codes.push((error as NodeJS.ErrnoException).code));
  moveDirectory(files, PATH, OTHER);
  clock.run();
  assert.deepEqual(codes, ["ESTALE"]);
  assert.equal(socket.isHere, false);
  assert.equal(enter(), null);
  assert.equal(lifeIn(PATH), "alive");
});

test("a directory that cannot be looked at counts as the one that was there", () => {
  const { files, socket, heldIn } = scene();
  files.modifiedAt = () => {
    throw Object.assign(new Error("EIO"), { code: "EIO" });
  };
  assert.deepEqual([socket.isHere, socket.isThere], [true, false]);
  assert.deepEqual(heldIn(PATH), HELD);
});

test("a member that leaves takes its name from the directory at the path, and from no other one", () => {
  const { files, socket, path, enter, lifeIn } = scene();
  moveDirectory(files, PATH, AWAY);
  enter();
  socket.leave(true);
  assert.equal(files.names.has(path), false);
  assert.equal(lifeIn(AWAY), "ended", "the log there does not note that it has left");
});
