/** A replica that has joined, with what a test of its locks needs. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { encodeEntries } from "../../../dist/core/log/codec.js";
import {
  ALWAYS,
  type Entry,
  expireEntry,
  leftEntry,
  NEVER,
  setEntry,
  slotEntry,
} from "../../../dist/core/log/entry.js";
import { BATCH, numberOf, originOf, STATE } from "../../../dist/core/log/frame.js";
import { originFrames } from "../../../dist/core/log/snapshot-frames.js";
import { BY_TEXT } from "../../../dist/core/log/step-kinds.js";
import type { LockTerms } from "../../../dist/core/replica/lock-claim.js";
import { entriesOf, openReplica, tick } from "./opened-replica.js";

export const KEY = "lock:/job";
export const LEASE_MS = 3000;

export function joined(t: TestContext) {
  const open = openReplica();
  open.join();
  let confirmedCount = 0;
  const confirmAll = async () => {
    await tick();
    for (; confirmedCount < open.sent.length; confirmedCount++) open.confirm();
    await tick();
  };
  /** What was sent and is not confirmed. */
  const sent = async (): Promise<Entry[]> => {
    await tick();
    return open.sent.slice(confirmedCount).flatMap(entriesOf);
  };
  /** Time passes, and timers that are due are called. */
  const pass = async (ms: number) => {
    open.now += ms;
    for (const timer of open.timers.filter(({ at }) => at <= open.now)) {
      if (open.timers.includes(timer)) timer.call();
    }
    await tick();
  };
  /** Another member's claim. */
  const foreign = async (id: string, ms = LEASE_MS, member = "other") => {
    const json = JSON.stringify({ member });
    open.foreign(setEntry([KEY, id], json, open.now + ms, ALWAYS, BY_TEXT, "token"));
    await tick();
  };
  /** A snapshot of the line, which has all batches of this member that were sent. */
  const reload = async (claims: object) => {
    const { sink } = open.replica;
    sink.disconnected();
    const last = open.sent.at(-1) as Buffer;
    const own = [originOf(last, 0), numberOf(last, 0), open.now] as const;
    const origins = [own, [77, open.foreignCount, open.now] as const];
    const head = { seq: ++open.seq, time: open.now, level: 1, origins };
    sink.restoring(head);
    const slot = slotEntry(KEY, JSON.stringify(claims), NEVER);
    const expiries = Object.keys(claims).map((id) => expireEntry([KEY, id], open.now + LEASE_MS));
    for (const frame of [...originFrames(head), encodeEntries([slot, ...expiries], STATE)])
      sink.restored(frame, 0, frame.length);
    confirmedCount = open.sent.length;
    sink.connected();
    await tick();
  };
  const left = async (...members: string[]) => {
    const frame = encodeEntries(members.map(leftEntry), BATCH, { seq: ++open.seq, time: open.now });
    open.replica.sink.batch(frame, 0, frame.length);
    await tick();
  };
  const claim = (terms: Partial<LockTerms> = {}) => {
    const all = { count: 1, leaseMs: LEASE_MS, waitMs: Infinity, ...terms };
    const made = open.replica.locks.claim("job", all, () => state.ended++);
    const told = { claim: made, got: [] as unknown[] };
    made.acquired.then(
      (isHeld) => told.got.push(isHeld),
      (error) => told.got.push(error),
    );
    return told;
  };
  const state = { ended: 0 };
  t.after(() =>
    assert.equal(open.held.filter((isHeld) => isHeld).length, open.held.filter((isHeld) => !isHeld).length),
  );
  return { open, replica: open.replica, confirmAll, sent, pass, foreign, reload, left, claim, state };
}

export const types = (entries: readonly Entry[]): number[] => entries.map(({ type }) => type);
