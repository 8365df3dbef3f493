/** What the promises of a simulated member must come to. */
import assert from "node:assert/strict";
import { StorageError } from "../../../dist/core/errors.js";
import { DELETE, PUBLISH } from "../../../dist/core/log/entry.js";
import type { Member } from "./member.js";
import type { Written } from "./view.js";

/** As the storage of an application does before it writes. */
export function expectOpen({ isOpen }: Member): void {
  if (!isOpen) throw new StorageError("ERR_STORAGE_CLOSED", "expected an open storage, got one that was closed");
}

/** The last try of an update took effect, and no other one. */
export function expectUpdated(member: Member, tries: readonly Written[], value: unknown): void {
  const results = tries.map(({ result }) => result);
  const expected = [...tries.slice(1).map(() => "unmet"), "applied"];
  assert.deepEqual(results, expected, `${member.name}: tries of an update`);
  assert.equal(value, JSON.parse((tries.at(-1) as Written).entry.json).to, `${member.name}: the result of an update`);
  member.world.tally.add(tries.length > 1 ? "update that was repeated" : "update");
}

export function expectResult(member: Member, { entry, result }: Written, value: unknown): void {
  if (entry.type === PUBLISH) return;
  const isTake = entry.type === DELETE;
  const expected =
    typeof result === "object"
      ? "taken" in result
        ? result.taken
        : result
      : typeof result === "number"
        ? result
        : result === "applied";
  assert(result !== undefined && result !== "expired", `${member.name}: a result before its place in the log`);
  assert.deepEqual(
    value,
    isTake && expected === false ? null : expected,
    `${member.name}: the result of ${JSON.stringify(entry)}`,
  );
  if (isTake && value !== null) member.world.tally.add("take");
}
