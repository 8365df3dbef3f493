/** Updates in the model test: each try is a swap of what its function saw, and is compared as any other write is. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { KEEP, swapEntry } from "../../../dist/core/log/entry.js";
import { keysOf, stepKindsOf } from "./paths.js";
import type { Member, Written } from "./world.js";
import { anyParts, expiryOf, named, type Parts } from "./writes.js";

/** Updates of what their parts may be. */
export function updatesOf({ paths, values, patchTtls }: Parts) {
  return fc.tuple(paths, values, patchTtls).map(([path, value, ttl]) =>
    named("update", [path, value, ttl], (member: Member) => {
      const writes: Written[] = [];
      const fn = (current: unknown): unknown => {
        const expected = member.expected();
        const isThere = expected.find(keysOf(path), member.now) !== undefined;
        if (!isThere) assert.equal(current, null);
        const from = isThere ? current : undefined;
        const to = typeof current === "number" && typeof value === "number" ? current + value : value;
        const expiresAt = ttl === undefined ? KEEP : expiryOf(ttl, member);
        const entry = swapEntry(keysOf(path), JSON.stringify({ from, to }), expiresAt, stepKindsOf(path));
        // What would make an array too long is not written.
        if (expected.execute(entry, member.now, 0) !== "too far") writes.push(member.wrote(entry));
        return to;
      };
      const promise = member.replica.coordination.update(path, fn, { ttl }, () => {});
      const update = { promise, writes, isSettled: false };
      const settle = () => {
        update.isSettled = true;
      };
      promise.then(settle, settle);
      member.updates.push(update);
    }),
  );
}

export const updates = updatesOf(anyParts);

/** The last try of each update took effect, and none before it did. */
export async function checkUpdates(member: Member): Promise<void> {
  for (const { promise, writes } of member.updates) {
    const [settled] = await Promise.allSettled([promise]);
    const last = writes.at(-1);
    for (const { result } of writes.slice(0, -1)) assert.equal(result, "unmet");
    if (settled.status === "fulfilled") {
      assert.ok(last !== undefined && last.result === "applied");
      assert.deepEqual(settled.value, JSON.parse(last.entry.json).to);
      continue;
    }
    const { code, name } = settled.reason as { code?: string; name: string };
    const isUnknown = last !== undefined && (last.result === "expired" || last.isCovered);
    if (code === "ERR_STORAGE_EXPIRED") assert.ok(isUnknown);
    else assert.equal(name, "RangeError");
  }
}
