/** Hits of limits in the model test: what is written, what a member refuses by itself, and what is given back. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { limitEntry } from "../../../dist/core/log/entry.js";
import type { LimitKind } from "../../../dist/core/log/limit-rule.js";
import { textOf } from "./naive-limits.js";
import { type GivenPath, keysOf, stepKindsOf } from "./paths.js";
import type { Member } from "./world.js";
import { named, paths, write } from "./writes.js";

const PATIENCE = { timeoutMs: 1000, onTimeout: "view" } as const;
const REFUSING: readonly LimitKind[] = ["window", "gcra", "block"];
const kinds = fc.constantFrom<LimitKind>("window", "window", "gcra", "gcra", "count", "restart", "double", "block");

/** Hits on some paths. */
export function limitsOf(paths: fc.Arbitrary<GivenPath>) {
  const rule = fc.record({
    kind: kinds,
    limit: fc.constantFrom(1, 2, 3, 5),
    ms: fc.constantFrom(1, 7, 900, 1000, 5000),
    blockMs: fc.constantFrom(0, 2000),
  });
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.tuple(paths, rule, fc.constantFrom(1, 1, 1, 2)).map(([path, { blockMs, ...rest }, cost]) =>
        named("limit", [path, rest, blockMs, cost], (member: Member) => {
          const rule = { ...rest, blockMs: rest.kind === "block" ? blockMs : 0 };
          const entry = limitEntry(
            keysOf(path),
            textOf(rule.kind, rule.limit, rule.ms, rule.blockMs),
            cost,
            stepKindsOf(path),
          );
          const seen = member.expected().execute(entry, member.now, 0);
          const hit = () => member.replica.limits.hit(path, rule, cost, PATIENCE);
          const isRefused =
            typeof seen === "object" && "isCounted" in seen && !seen.isCounted && REFUSING.includes(rule.kind);
          if (!isRefused) write(member, hit, entry);
          else {
            const { pendingCount } = member.replica;
            member.refusals.push({ promise: hit(), hit: seen });
            assert.equal(member.replica.pendingCount, pendingCount, "what a member refuses by itself is not written");
          }
        }),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(paths, fc.boolean(), fc.constantFrom(1, 2)).map(([path, isNow, cost]) =>
        named("giveBack", [path, isNow, cost], (member: Member) => {
          const [key, ...below] = keysOf(path) as [string, ...string[]];
          const seen = member.expected().slots.get(key)?.expiries.get(JSON.stringify(below));
          const until = isNow && seen !== undefined ? seen : member.now + 5;
          const entry = limitEntry(keysOf(path), textOf("back", until), cost);
          write(member, () => void member.replica.limits.giveBack(path, until, cost).catch(() => {}), entry);
        }),
      ),
    },
  );
}

export const smallLimits = limitsOf(paths);
