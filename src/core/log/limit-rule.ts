/** What a `LIMIT` entry counts by: the JSON text of the entry, and back. */

/**
 * What happens to a count, and to a hit that it has no room for.
 *
 * - `window`: the count begins with its first hit and ends after the window. Such a hit is refused: it changes nothing.
 * - `gcra`: the generic cell rate algorithm. The count drains evenly, by `limit` in a window. Such a hit is refused.
 * - `count`: as `window`, but every hit is counted.
 * - `restart`: as `count`, and such a hit begins the window again.
 * - `double`: as `count`, and such a hit begins a window that is twice as long as the one before.
 * - `block`: as `window`, but the first such hit is counted and makes the count end after `blockMs`.
 */
export type LimitKind = "window" | "gcra" | "count" | "restart" | "double" | "block";

/** How hits are counted. */
export interface LimitRule {
  readonly kind: LimitKind;
  /** The most that is counted in a window: a whole number, for `gcra` 1 or more. */
  readonly limit: number;
  /** The window in whole ms; 0, not for `gcra`: it never ends. With `gcra`, `limit * ms` is at most {@link MAX_PRODUCT}. */
  readonly ms: number;
  /** `block`: how long, in whole ms; 0: forever. Otherwise 0. */
  readonly blockMs: number;
}

/** Takes hits back from the count that expires at `until`, in ms since 1970, and from no later one. */
export interface ReturnRule {
  readonly kind: "back";
  readonly until: number;
}

/** `gcra` counts in units of `1 / limit` ms, so that no count is ever rounded. */
export const MAX_PRODUCT = 2 ** 52;

/** In the text of a rule a kind is its place here, and a return the place after them. */
const KINDS: readonly LimitKind[] = ["window", "gcra", "count", "restart", "double", "block"];

/** Rules that are kept parsed. An application has few, but a member may be given any. */
const CACHED_RULES = 256;
const cache = new Map<string, LimitRule | ReturnRule | null>();

/** The text of a rule: `[kind, limit, ms]`, or `[kind, limit, ms, blockMs]`. */
export function ruleText({ kind, limit, ms, blockMs }: LimitRule): string {
  return `[${KINDS.indexOf(kind)},${limit},${ms}${blockMs > 0 ? `,${blockMs}` : ""}]`;
}

/** The text by which hits are taken back: `[kind, until]`. */
export function returnText(until: number): string {
  return `[${KINDS.length},${until}]`;
}

/** The rule of a text; null when it is none, which only a faulty member writes. */
export function readRule(text: string): LimitRule | ReturnRule | null {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const rule = ruleOf(text);
  if (rule?.kind === "back") return rule; // each names a time of its own
  if (cache.size >= CACHED_RULES) cache.clear();
  cache.set(text, rule);
  return rule;
}

function ruleOf(text: string): LimitRule | ReturnRule | null {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(said) || !said.every((part) => typeof part === "number")) return null;
  const [place, first, ms, blockMs = 0] = said;
  if (place === KINDS.length) return first === undefined ? null : { kind: "back", until: first };
  const kind = KINDS[place ?? -1];
  if (kind === undefined || !isCount(first) || !isCount(ms) || !isCount(blockMs)) return null;
  if (kind === "gcra" && !(first > 0 && ms > 0 && first * ms <= MAX_PRODUCT)) return null;
  return { kind, limit: first, ms, blockMs };
}

function isCount(value: number | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
