/** What other members hold, as each says to whoever connects: over files, sockets and a clock in the test's hands. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemberSocket, memberPath, newMember } from "../../../../dist/core/local/election/member-socket.js";
import { OtherMembers } from "../../../../dist/core/local/election/other-members.js";
import type { Held } from "../../../../dist/core/local/machine/healing.js";
import type { Socket } from "../../../../dist/core/local/machine/machine.js";
import { writeTombstone } from "../../../../dist/core/local/upkeep/tombstone.js";
import { manualParts, place } from "../machine/manual-machine.js";
import type { ManualSockets } from "../machine/manual-sockets.js";

const HISTORY = "aa".repeat(16);
const held = (seq: number, history = HISTORY): Held => ({ epoch: 1, seq, history });

function scene() {
  const { files, clock, sockets, machine } = manualParts();
  const own = newMember(machine, place);
  return {
    files,
    clock,
    sockets,
    machine,
    /** Adds a member that holds this. */
    join(log: Held | null): string {
      const member = newMember(machine, place);
      new MemberSocket(machine, place, member, () => log).enter(() => {});
      clock.run();
      return memberPath(place, member);
    },
    /** Asks, and returns what is known once that calls back. */
    ask() {
      const others = new OtherMembers(machine, place);
      let isAsked = false;
      others.ask(own, () => {
        isAsked = true;
      });
      assert.equal(isAsked, false, "it calls back later");
      for (let ms = 0; ms < 1000 && !isAsked; ms++) clock.pass(1);
      assert.equal(isAsked, true);
      return others;
    },
    /** How long it takes to decide whether they hold more than a log, in ms, and the answer. */
    compare(others: OtherMembers, seq: number, history: string, isDoubtful: boolean): [boolean | undefined, number] {
      let answer: boolean | undefined;
      const start = clock.time;
      others.holdMore(
        { seq, history },
        isDoubtful,
        () => {},
        (holdMore) => {
          assert.equal(answer, undefined, "decided once");
          answer = holdMore;
        },
      );
      for (let ms = 0; ms < 10_000 && answer === undefined; ms += 10) clock.pass(10);
      return [answer, clock.time - start];
    },
  };
}

/** A process that is frozen: connections are made, and nothing is answered. */
const frozen = (_: Socket) => ({ data: () => {}, closed: () => {} });

test("each member says what it holds, and the longest log counts", () => {
  const { join, ask, compare } = scene();
  for (const log of [held(5), null, held(9), held(2)]) join(log);
  const others = ask();
  assert.deepEqual(others.most, held(9));
  assert.deepEqual([...(others.lives?.values() ?? [])], ["alive", "alive", "alive", "alive"]);
  assert.deepEqual(compare(others, 8, HISTORY, false), [true, 0]);
  assert.deepEqual(compare(others, 9, HISTORY, true), [false, 0]);
});

test("nobody else, or nobody who holds anything, is known at once", () => {
  const { join, ask, compare } = scene();
  assert.deepEqual([ask().lives?.size, ask().most], [0, null]);
  join(null);
  assert.deepEqual(compare(ask(), 0, "", true), [false, 0]);
});

test("a log of another history does not count, unless nothing was found", () => {
  const { join, ask, compare } = scene();
  join(held(9));
  assert.deepEqual(compare(ask(), 3, "bb".repeat(16), true), [false, 0]);
  assert.deepEqual(compare(ask(), 0, "bb".repeat(16), true), [true, 0]);
});

test("what a member holds of a storage that was removed since does not count", () => {
  const { join, ask, compare, machine } = scene();
  join(held(9));
  writeTombstone(machine, place, 2, { seq: 10, time: 1, level: 1, history: HISTORY, origins: [] });
  assert.deepEqual(compare(ask(), 0, "", true), [false, 0]);
});

test("a frozen process lives, and its answer is waited for only where something may have been cut off, for some seconds", () => {
  const { sockets, ask, compare, join, machine } = scene();
  sockets.serve(memberPath(place, newMember(machine, place)), frozen);
  join(held(4));
  const others = ask();
  assert.deepEqual(new Set(others.lives?.values()), new Set(["alive"]));
  assert.deepEqual(compare(others, 4, HISTORY, false), [false, 0]);
  const [answer, ms] = compare(others, 4, HISTORY, true);
  assert.equal(answer, false);
  assert(ms >= 2000 && ms <= 5000, `${ms} ms`);
});

test("a process that wakes up while it is waited for is heard", () => {
  const { sockets, ask, compare, clock, machine } = scene();
  let wake = (): void => {};
  sockets.serve(memberPath(place, newMember(machine, place)), (socket) => {
    wake = () => {
      new MemberSocket({ ...machine, sockets: answering(socket) }, place, "ab", () => held(7)).enter(() => {});
    };
    return frozen(socket);
  });
  const others = ask();
  clock.after(500, () => wake());
  const [answer, ms] = compare(others, 0, "", true);
  assert.equal(answer, true);
  assert(ms >= 500 && ms < 1000, `${ms} ms`);
});

/** Sockets that take one connection, which is there already. */
const answering = (socket: Socket): ManualSockets =>
  ({ listen: (_d: string, _n: string, accept: (socket: Socket) => unknown) => accept(socket) }) as never;

test("a member that has ended, has left, or is out of reach holds nothing, and what is no answer does not count", () => {
  const { sockets, files, join, ask, compare, machine } = scene();
  sockets.kill(join(held(9)));
  files.unlink(join(held(9)));
  const away = join(held(9));
  sockets.fault = (path) => (path === away ? "EACCES" : undefined);
  sockets.serve(memberPath(place, newMember(machine, place)), (socket) => {
    socket.write([Buffer.alloc(2000, 1)]);
    return frozen(socket);
  });
  const others = ask();
  assert.deepEqual([...(others.lives?.values() ?? [])].sort(), ["alive", "ended", "unknown"]);
  assert.equal(others.most, null);
  assert.deepEqual(compare(others, 0, "", true), [false, 0]);
});

test("after it is stopped nothing is called back, and no connection stays", () => {
  const { sockets, machine, clock } = scene();
  let isOpen = false;
  sockets.serve(memberPath(place, newMember(machine, place)), () => {
    isOpen = true;
    return {
      data: () => {},
      closed: () => {
        isOpen = false;
      },
    };
  });
  const others = new OtherMembers(machine, place);
  others.ask("own", () => assert.fail("it was stopped"));
  clock.run();
  assert.equal(isOpen, true);
  others.stop();
  clock.pass(1000);
  assert.equal(isOpen, false);
});
