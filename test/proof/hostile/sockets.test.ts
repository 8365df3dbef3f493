/** Strangers on the real socket of a manager, while members go on writing. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { encodeEntries } from "../../../dist/core/log/codec.js";
import { patchEntry, setEntry } from "../../../dist/core/log/entry.js";
import {
  BATCH,
  CONFIRM,
  encodeFrame,
  HEADER_BYTES,
  HELLO,
  LEAVE,
  REFUSE,
  WELCOME,
} from "../../../dist/core/log/frame.js";
import { MAX_FRAME_BYTES } from "../../../dist/core/log/limits.js";
import { batchFrame } from "../../core/local/machine/manual-machine.js";
import { type Contents, checkWritten, convergedContents } from "../cluster/history.js";
import { type Member, Processes, temporaryDirectory, until } from "../cluster/processes.js";
import { helloOf, Stranger, seatIn } from "./stranger.js";

/** Strangers that come in waves; a campaign lets more of them come. */
const WAVES = 10 * Number(process.env.CLUSTER_STORAGE_RUNS ?? 1);
const WAVE = 200;
/** Strangers that may wait at the same time, as in `members.ts`. */
const MOST_WAITING = 64;
const MAX_GROWTH_KIB = 64 * 1024;
const BACKLOG_BYTES = 1024 * 1024;

/** Two members that write all the time. The first one is the manager, and stays it. */
class Honest {
  readonly directory: string;
  readonly #processes: Processes;
  #members: Member[] = [];

  constructor(t: TestContext) {
    this.directory = temporaryDirectory(t);
    const limits = { maxValueBytes: BACKLOG_BYTES / 4, maxMemberBacklogBytes: BACKLOG_BYTES };
    this.#processes = new Processes(t, { path: this.directory, ...limits });
  }

  get manager(): Member {
    return this.#members[0] as Member;
  }

  async start(): Promise<void> {
    for (let index = 0; index < 2; index++) {
      this.#members.push(...(await this.#processes.startJoined(1)));
      await (this.#members[index] as Member).call("startWriting", `w${index}`, 3, Number.MAX_SAFE_INTEGER);
    }
    assert.equal(await this.manager.call("isManager"), true);
  }

  /** Returns when each member has had further writes confirmed. */
  async goOn(): Promise<void> {
    const before = this.#members.map(({ confirmed }) => confirmed);
    await until("writes are confirmed", () =>
      this.#members.every(({ confirmed }, index) => confirmed > (before[index] as number) + 20),
    );
  }

  /** Checks that they noticed nothing, all their writes are there once, and a further member finds its way; gives the common state. */
  async check(): Promise<Contents> {
    await this.goOn();
    for (const member of this.#members) await member.call("stopWriting");
    for (const member of this.#members) {
      assert.equal(member.failure, "");
      assert.deepEqual(await member.call("events"), ["ready", "connect"]);
    }
    assert.equal(await this.manager.call("isManager"), true);
    const late = await this.#processes.startJoined(1);
    const contents = await convergedContents([...this.#members, ...late]);
    checkWritten(
      contents,
      this.#members.map(({ confirmed }, index) => ({ label: `w${index}`, confirmed })),
    );
    return contents;
  }
}

/** Open files of a process; null where the system does not report it. */
function openFilesOf(member: Member): number | null {
  const listing = `/proc/${member.pid}/fd`;
  return existsSync(listing) ? readdirSync(listing).length : null;
}

/** KiB of memory that a process has; 0 where the system does not report it. */
function residentKiB(member: Member): number {
  const status = `/proc/${member.pid}/status`;
  return existsSync(status) ? Number(/VmRSS:\s+(\d+)/.exec(readFileSync(status, "utf8"))?.[1] ?? 0) : 0;
}

test("a stranger that has not proved itself in two seconds is dropped, whatever it does in them, and is sent nothing", async (t) => {
  const honest = new Honest(t);
  await honest.start();
  const { address, token } = seatIn(honest.directory);
  const stranger = () => new Stranger(t, address);
  const huge = Buffer.alloc(HEADER_BYTES);
  huge.writeUInt32LE(2 ** 32 - 1);
  huge.writeUInt32LE(HELLO, 8);
  const large = Buffer.alloc(1024 * 1024);
  large.writeUInt32LE(MAX_FRAME_BYTES);
  const strangers: ReadonlyArray<readonly [string, Stranger]> = [
    ["silent", stranger()],
    ["slow, who knows the token", stranger().saySlowly(helloOf(token), 100)],
    ["half of a hello", stranger().say(helloOf(token).subarray(0, 70))],
    ["hung up at once", stranger().hangUp()],
    [
      "hung up after a wrong hello",
      stranger()
        .say(helloOf("0".repeat(64)))
        .hangUp(),
    ],
    ["slow and deaf", stranger().turnDeaf().saySlowly(helloOf(token), 100)],
    ["a length of 4 GiB", stranger().say(huge)],
    ["a frame that never ends", stranger().say(large, large, large)],
    ["a hello of more than 1 KiB, who knows the token", stranger().say(helloOf(token, { member: "m".repeat(1024) }))],
    ["a wrong token and another protocol", stranger().say(helloOf("0".repeat(64), { protocol: 3 }))],
    ["a batch", stranger().say(batchFrame(1))],
    ["a farewell", stranger().say(encodeFrame(LEAVE, {}))],
  ];
  const newer = stranger().say(helloOf(token, { protocol: 99 }), batchFrame(1));
  for (const [what, each] of strangers) {
    await until(`${what}: dropped`, () => each.isClosed);
    assert.equal(each.receivedBytes, 0, what);
  }
  await until("another protocol is refused", () => newer.isClosed);
  assert.deepEqual(newer.kinds, [REFUSE]);
  await honest.check();
});

test("a member that breaks the protocol, or takes nothing, is dropped; the others notice nothing", async (t) => {
  const honest = new Honest(t);
  await honest.start();
  const { address, token } = seatIn(honest.directory);
  const joined = async (name: string) => {
    const member = new Stranger(t, address).say(helloOf(token, { member: name }));
    await until(`${name} is welcome`, () => member.kinds[0] === WELCOME);
    return member;
  };
  const ordered = batchFrame(1);
  ordered.writeUInt32LE(1, 12);
  const huge = Buffer.alloc(HEADER_BYTES);
  huge.writeUInt32LE(2 ** 32 - 1);
  huge.writeUInt32LE(BATCH, 8);
  const breaches: ReadonlyArray<readonly [string, Buffer]> = [
    ["garbage", Buffer.alloc(1000, 0x5a)],
    ["a batch with an epoch", ordered],
    ["a length of 4 GiB", huge],
    ["a hello", helloOf(token)],
  ];
  for (const [what, bytes] of breaches) {
    const member = (await joined(what)).say(bytes, batchFrame(2));
    await until(`${what}: dropped`, () => member.isClosed);
  }
  const endless = await joined("endless");
  const head = Buffer.alloc(1024 * 1024);
  head.writeUInt32LE(MAX_FRAME_BYTES);
  endless.say(head, head);
  await honest.goOn();
  assert.equal(endless.isClosed, false, "a long frame may take its time");
  endless.leave();
  const deaf = [(await joined("deaf")).turnDeaf(), (await joined("hardly listening")).listenSlowly(1, 10)];
  for (let round = 0; round < 10; round++) {
    await honest.manager.call("fill", `fill${round}.`, 4, BACKLOG_BYTES / 8);
    // A connection that reads has read everything by then.
    await honest.goOn();
  }
  const areDropped = async () => (await honest.manager.stats()).members === 2;
  await until("strangers that take nothing, or next to nothing, are dropped", areDropped);
  for (const stranger of deaf) stranger.leave();
  await honest.check();
});

test("text of a member that is no JSON stops no other member, and is null for all", async (t) => {
  const honest = new Honest(t);
  await honest.start();
  const { address, token } = seatIn(honest.directory);
  const member = new Stranger(t, address).say(helloOf(token));
  await until("he is welcome", () => member.kinds[0] === WELCOME);
  const entries = [
    setEntry(["bad"], "{"),
    setEntry(["object"], '{"a":1}'),
    setEntry(["object", "bad"], "[1"),
    patchEntry(["object"], "nul"),
    patchEntry(["object"], '{"set":1}'),
  ];
  member.say(encodeEntries(entries, BATCH, { origin: 815, born: Date.now(), number: 1 }));
  await until("he is confirmed", () => member.kinds.includes(CONFIRM));
  await honest.manager.call("sync");
  assert.equal(await honest.manager.call("get", "bad"), null);
  member.leave();
  const state = new Map(await honest.check());
  assert.equal(state.get("bad"), null);
  assert.deepEqual(state.get("object"), { a: 1, bad: null });
});

test("thousands of strangers take no memory and no open files with them, and are turned away when too many wait", async (t) => {
  const honest = new Honest(t);
  await honest.start();
  const { address } = seatIn(honest.directory);
  await honest.goOn();
  const files = openFilesOf(honest.manager);
  const memory = residentKiB(honest.manager);
  let turnedAway = 0;
  let bytes = 0;
  for (let wave = 0; wave < WAVES; wave++) {
    const strangers = Array.from({ length: WAVE }, () => new Stranger(t, address));
    await until(
      "the hub has looked at all of them",
      () => strangers.filter((one) => one.isClosed).length >= WAVE - MOST_WAITING,
    );
    turnedAway += strangers.filter(({ isClosed }) => isClosed).length;
    await honest.goOn();
    for (const one of strangers) one.leave();
    await until("all are gone", () => strangers.every(({ isClosed }) => isClosed));
    bytes += strangers.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0);
  }
  assert.equal(bytes, 0);
  if (files !== null) await until("no open file is left", () => (openFilesOf(honest.manager) as number) <= files);
  const grown = residentKiB(honest.manager) - memory;
  assert.ok(grown < MAX_GROWTH_KIB, `the manager grew by ${grown} KiB`);
  await honest.check();
  t.diagnostic(`${WAVES * WAVE} strangers, ${turnedAway} turned away, the manager grew by ${grown} KiB`);
});
