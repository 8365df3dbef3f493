/** What a hit comes to, written the simplest way: `gcra` by its theoretical arrival time, in whole `1 / limit` ms since 1970. */

/** What a hit came to. */
export interface NaiveHit {
  isCounted: boolean;
  used: number;
  expiresAt: number;
}

/** By their places. */
export const KINDS = ["window", "gcra", "count", "restart", "double", "block", "back"];

/** The text of a rule. */
export const textOf = (kind: string, ...numbers: number[]): string => JSON.stringify([KINDS.indexOf(kind), ...numbers]);

/**
 * @param number What is counted; undefined: nothing.
 * @param expiresAt When that expires; 0: never.
 * @returns the hit, and the new number, which counts for nothing if the hit is not counted.
 */
export function naiveHit(
  json: string,
  amount: number,
  number: number | undefined,
  expiresAt: number,
  time: number,
): { hit: NaiveHit; number: number } {
  const [place, limit = 0, ms = 0, blockMs = 0] = JSON.parse(json) as number[];
  const kind = KINDS[place as number];
  const end = (length: number) => (length === 0 ? 0 : time + Math.max(1, Math.ceil(Math.min(length, 2 ** 53 - 1)) - 1));
  const counted = (next: number, until: number, used = next) => ({
    hit: { isCounted: true, used, expiresAt: until },
    number: next,
  });
  if (kind === "back") {
    if (number !== undefined && expiresAt === limit) return counted(Math.max(0, number - amount), expiresAt);
    return { hit: { isCounted: false, used: number ?? 0, expiresAt }, number: 0 };
  }
  if (kind === "gcra") {
    const now = BigInt(time) * BigInt(limit);
    const early = BigInt(Math.floor(Math.min(limit - 1, Math.max(0, number ?? 0))));
    const known = number === undefined || expiresAt === 0 ? now : BigInt(expiresAt) * BigInt(limit) - early;
    const owed = known < now ? 0 : Math.min(Number(known - now), 2 ** 53 - 1);
    const next = owed + amount * ms;
    if (next > ms * limit) {
      const used = Math.ceil(owed / ms);
      return { hit: { isCounted: false, used, expiresAt: number === undefined ? time : expiresAt }, number: 0 };
    }
    const arrival = now + BigInt(next);
    const until = Number((arrival + BigInt(limit) - 1n) / BigInt(limit));
    return counted(Number(BigInt(until) * BigInt(limit) - arrival), until, Math.ceil(next / ms));
  }
  const before = number ?? 0;
  const until = number === undefined ? end(ms) : expiresAt;
  const next = before + amount;
  if (next <= limit || kind === "count") return counted(next, until);
  if (kind === "restart") return counted(next, end(ms));
  if (kind === "double") return counted(next, ms === 0 ? 0 : end(ms * 2 ** (next - limit - 1)));
  if (kind === "block" && before <= limit) return counted(limit + 1, end(blockMs));
  return { hit: { isCounted: false, used: before, expiresAt: until }, number: 0 };
}
