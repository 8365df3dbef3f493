/** Hits of limits in a simulation: what the log decides, what a member refuses by itself, and what it decides when nothing comes. */
import assert from "node:assert/strict";
import { limitEntry } from "../../../dist/core/log/entry.js";
import type { LimitKind, LimitRule } from "../../../dist/core/log/limit-rule.js";
import type { Hit } from "../../../dist/core/replica/limits.js";
import { textOf } from "../model/naive-limits.js";
import { keysOf, stepKindsOf } from "../model/paths.js";
import { Dice } from "./dice.js";
import type { Member } from "./member.js";
import type { Written } from "./view.js";

const KINDS: LimitKind[] = ["window", "window", "gcra", "gcra", "count", "restart", "double", "block"];
const PATHS = [["l"], ["l"], ["q"], ["n"], ["b", "x"]];
const TIMEOUT_MS = 1500;

export class LimitWorkload {
  /** How many of the steps of members are hits. */
  share: number;
  /** Its own, so that the seeds of failures that were found without limits still lead to them, with a share of 0. */
  readonly #dice: Dice;
  readonly #wrote: () => void;
  /** What a member has decided by itself, and has not seen in the log. */
  readonly #decided = new WeakMap<Member, Written[]>();

  constructor(seed: number, wrote: () => void) {
    this.#dice = new Dice(seed + 2 ** 30);
    this.share = this.#dice.chance(0.7) ? this.#dice.between(0.02, 0.4) : 0;
    this.#wrote = wrote;
  }

  get isDue(): boolean {
    return this.share > 0 && this.#dice.chance(this.share);
  }

  /** A hit, or one that is given back. */
  step(member: Member): void {
    const path = this.#dice.pick(PATHS);
    if (this.#dice.chance(0.15)) this.#giveBack(member, path);
    else this.#hit(member, path);
  }

  #hit(member: Member, path: string[]): void {
    const dice = this.#dice;
    const kind = dice.pick(KINDS);
    const blockMs = kind === "block" ? dice.pick([0, 300]) : 0;
    const rule: LimitRule = { kind, limit: 1 + dice.below(4), ms: dice.pick([1, 60, 400, 3000]), blockMs };
    const cost = dice.chance(0.2) ? 2 : 1;
    const { limits } = member.replica;
    const entry = limitEntry(keysOf(path), textOf(kind, rule.limit, rule.ms, rule.blockMs), cost, stepKindsOf(path));
    const { view } = member;
    const seen = view.expected().execute(entry, view.now, 0);
    const isVague = view.vagueKeys().has(path[0] as string);
    const { pendingCount } = member.replica;
    const patience = { timeoutMs: TIMEOUT_MS, onTimeout: dice.pick(["view", "failOpen", "failClosed"] as const) };
    const promise = limits.hit(path, rule, cost, patience);
    if (member.replica.pendingCount > pendingCount) {
      this.#wrote();
      this.#followHit(member, view.wrote(entry), rule, promise);
      return;
    }
    const isAlone = this.#isAlone(member);
    const isExpected = isVague || isAlone || (typeof seen === "object" && "isCounted" in seen && !seen.isCounted);
    assert(isExpected, `${member.name} refuses a hit that has room: ${JSON.stringify(entry)}`);
    member.follow(
      promise,
      (hit) => {
        if (!isVague && !isAlone) assert.deepEqual(shown(hit), seen, `${member.name}: a hit that it refused`);
      },
      (error) => assert.fail(error),
    );
  }

  /** A hit comes to what its place in the log says, or, after its time, to what its member has decided. */
  #followHit(member: Member, written: Written, rule: LimitRule, promise: Promise<Hit>): void {
    const { scheduler } = member.world;
    const madeAt = scheduler.time;
    const isAlone = this.#isAlone(member);
    member.follow(
      promise,
      (hit) => {
        const { result, isCovered } = written;
        if (result === undefined) this.#decided.set(member, [...(this.#decided.get(member) ?? []), written]);
        const isLate = isAlone || scheduler.time - madeAt >= TIMEOUT_MS * 0.74;
        if (isLate || isCovered || result === "expired") return;
        assert(result !== undefined, `${member.name}: a hit was decided before its place in the log, and not late`);
        assert.deepEqual(shown(hit), result, `${member.name}: ${JSON.stringify(written.entry)}`);
        const isStrict = rule.kind === "window" || rule.kind === "gcra";
        if (isStrict && hit.isCounted) assert(hit.used <= rule.limit, `${member.name}: ${hit.used} of ${rule.limit}`);
      },
      (error) => expectRefusal(member, written, error),
    );
  }

  /** Whether it decides at once, since a hit has waited for too long. */
  #isAlone(member: Member): boolean {
    const decided = (this.#decided.get(member) ?? []).filter(({ result }) => result === undefined);
    this.#decided.set(member, decided);
    return decided.length > 0;
  }

  #giveBack(member: Member, path: string[]): void {
    const { view } = member;
    const expiries =
      view
        .expected()
        .slots.get(path[0] as string)
        ?.expiries.values() ?? [];
    const until = [...expiries][0] ?? view.now;
    const entry = limitEntry(path, textOf("back", until), 1);
    this.#wrote();
    const promise = member.replica.limits.giveBack(path, until);
    const written = view.wrote(entry);
    member.follow(
      promise,
      () => assert(written.result !== undefined, `${member.name}: given back before its place in the log`),
      (error) => expectRefusal(member, written, error),
    );
  }
}

const shown = ({ isCounted, used, expiresAt }: Hit) => ({ isCounted, used, expiresAt });

/** A write is refused for the reason that its place in the log gives, or since its storage has ended. */
export function expectRefusal(
  member: Member,
  { entry, result, isCovered }: Written,
  error: NodeJS.ErrnoException,
): void {
  const code = error.code ?? error.name;
  if (
    error instanceof SyntaxError ||
    member.view.failure === error ||
    (member.status !== "open" && code.startsWith("ERR_STORAGE_"))
  )
    return;
  if (isCovered && code === "ERR_STORAGE_EXPIRED") return;
  const expected =
    result === "no number" ? "ERR_STORAGE_NOT_A_NUMBER" : result === "too far" ? "RangeError" : "ERR_STORAGE_EXPIRED";
  assert.equal(code, expected, `${member.name}: ${JSON.stringify(entry)} came to ${result}, ${error.message}`);
}
