/** What must be true of the data that the `write` of `member.ts` leaves, whatever happened meanwhile. */
import assert from "node:assert/strict";
import type { Member } from "./processes.js";

export type Contents = Array<[key: string, value: unknown]>;

/** What one writer is known to have done. */
export interface Writer {
  readonly label: string;
  /** Highest number that it learned to be confirmed. */
  readonly confirmed: number;
}

/**
 * Checks one state against all writers: every confirmed number exists; numbers have no gap (writes of one member stay in
 * order); the counter, which an entry applied twice would push ahead, equals the count of numbers.
 * @returns how many numbers there are in all.
 */
export function checkWritten(contents: Contents, writers: readonly Writer[]): number {
  const state = new Map(contents);
  let total = 0;
  for (const { label, confirmed } of writers) {
    const written = (state.get(`written.${label}`) ?? {}) as Record<string, number>;
    const count = Object.keys(written).length;
    assert.ok(count >= confirmed, `${label}: ${confirmed} were confirmed, ${count} are there`);
    for (let number = 1; number <= count; number++) assert.equal(written[`n${number}`], number, `${label}: n${number}`);
    assert.equal(state.get(`counted.${label}`) ?? 0, count, `${label}: counted once each`);
    total += count;
  }
  return total;
}

/** Waits until all members have everything, and checks that they agree. Returns the common state. */
export async function convergedContents(members: readonly Member[]): Promise<Contents> {
  for (const member of members) await member.call("flush");
  for (const member of members) await member.call("sync");
  const all = await Promise.all(members.map((member) => member.call<Contents>("contents")));
  for (const contents of all) assert.deepEqual(contents, all[0]);
  return all[0] as Contents;
}
