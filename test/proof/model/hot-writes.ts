/**
 * What many members write to the same few keys all the time: a number, and numbers and other fields of one object, and of one in
 * it. Some of it commutes and some does not: amounts that are rounded, that add up to more than a safe integer or to more than any
 * number, expiries that pass, and numbers that others replace and remove.
 */
import fc from "fast-check";
import { setEntry } from "../../../dist/core/log/entry.js";
import { limitsOf } from "./limits.js";
import { updatesOf } from "./updates.js";
import type { Member, World } from "./world.js";
import { batchesOf, incrementsOf, named, type Parts, patchesOf, titleOf, writesOf } from "./writes.js";

const any: Parts = {
  paths: fc.constantFrom(["n"], ["n"], ["o", "x"], ["o", "x"], ["o", "y"], ["o", "in", "x"], ["o", "in"], ["o"]),
  values: fc.constantFrom<unknown>(0, 5, -1, 2 ** 53 - 1, 0.5, {}, { x: 1, y: 2, in: { x: 3 } }, { x: 2 }, [1], "text"),
  amounts: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: -2, max: 2 }) },
    { weight: 1, arbitrary: fc.constantFrom(0.1, 0.2, 0.3, -0, 2 ** 52, 2 ** 53 - 2, 1 - 2 ** 53, 1e308, -1e308) },
  ),
  ttls: fc.constantFrom(0, 0, 0, 0, 0, 900, 5000),
  patchTtls: fc.constantFrom(undefined, undefined, undefined, 0, 900),
  changes: fc.dictionary(
    fc.constantFrom("x", "y", "in"),
    fc.option(fc.constantFrom<unknown>(0, 1, 2 ** 53 - 3, { x: 4 }, "text"), { nil: undefined, freq: 6 }),
    { minKeys: 1, maxKeys: 2, noNullPrototype: true },
  ),
  matches: fc.constantFrom("none" as const, "none" as const, "none" as const, "seen" as const),
};
/** What commutes, unless something else was written in between. */
const commuting: Parts = {
  ...any,
  paths: fc.constantFrom(["o"], ["o"], ["o", "in"]),
  patchTtls: fc.constant(undefined),
  matches: fc.constant("none" as const),
};
const write = fc.oneof(
  { weight: 2, arbitrary: writesOf(any) },
  { weight: 1, arbitrary: patchesOf(any) },
  { weight: 6, arbitrary: incrementsOf(any) },
  { weight: 4, arbitrary: patchesOf(commuting) },
  { weight: 3, arbitrary: limitsOf(any.paths) },
);

/** Several writes, one after the other. */
const several = fc
  .array(fc.oneof({ weight: 8, arbitrary: write }, { weight: 1, arbitrary: updatesOf(any) }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((acts) =>
    named("several", acts.map(titleOf), (member: Member) => {
      for (const act of acts) act(member);
    }),
  );

export const hotWrites = fc.oneof({ weight: 6, arbitrary: several }, { weight: 1, arbitrary: batchesOf(write) });

/** Puts values under the hot keys, and lets all members know them. */
export async function warmUp(world: World): Promise<void> {
  const [first] = world.members as [Member];
  for (const [key, value] of Object.entries({ n: 7, o: { x: 1, y: 2, in: { x: 3, y: 4 } } })) {
    first.replica.set(key, value);
    first.wrote(setEntry([key], JSON.stringify(value)));
  }
  await Promise.resolve();
  for (const member of world.members) {
    member.connect(undefined);
    member.join();
  }
  while (first.wire.length > 0) world.order(first.wire.shift() as Buffer);
  for (const member of world.members) while (member.deliver(true));
}
