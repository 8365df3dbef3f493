/** What a store is given for a session, what it keeps of it, and what a request changed. Pure. */
import isEqual from "lodash/isEqual.js";

/** A session as JSON: its cookie and whatever the application put into it. */
export interface SessionPayload {
  /** How the browser keeps the session, and until when it lives: `expires` (a date, its ISO text, or ms since 1970). */
  cookie: Record<string, unknown>;
  /** A field of the application. */
  // biome-ignore lint/suspicious/noExplicitAny: the type of a field is the application's knowledge.
  [field: string]: any;
}

/**
 * The field of a stored session that tells it from an earlier one of the same id: random, and given when it is created. A
 * request that loaded a session which was destroyed since cannot write into the one that took its place.
 */
export const BIRTH = "@birth";

/** Fields that no session of an application can have. */
const RESERVED: readonly string[] = [BIRTH, "__proto__"];

/** Parts of a cookie that change from request to request although nobody changed the cookie. */
const VOLATILE: readonly string[] = ["expires", "originalExpires", "originalMaxAge"];

/** express-session computes `originalMaxAge` anew in each request as a difference of times, so it wavers, by ms. */
const MAX_AGE_JITTER_MS = 10;

/**
 * What a session is at this moment, as JSON carries it.
 * @param known An earlier state: fields that are the same are taken from it instead of being copied.
 * @throws TypeError when JSON cannot carry it, or it has no cookie.
 */
export function snapshotOf(session: unknown, known: Partial<SessionPayload> = {}): SessionPayload {
  const plain = plainOf(session);
  if (!isObject(plain)) throw noCookie(session);
  const snapshot = { cookie: cookieOf(plain) } as SessionPayload;
  for (const field of Object.keys(plain)) {
    if (field === "cookie" || RESERVED.includes(field)) continue;
    const value = carried(plain[field], Object.hasOwn(known, field) ? known[field] : undefined);
    if (value !== undefined) snapshot[field] = value;
  }
  return snapshot;
}

/**
 * What the cookie of a session is at this moment, as JSON carries it.
 * @throws TypeError when JSON cannot carry it, or there is none.
 */
export function cookieOf(session: unknown): Record<string, unknown> {
  const plain = isObject(session) ? plainOf(session.cookie) : undefined;
  if (!isObject(plain)) throw noCookie(session);
  const cookie: Record<string, unknown> = {};
  for (const part of Object.keys(plain)) {
    const value = part === "__proto__" ? undefined : carried(plain[part]);
    if (value !== undefined) cookie[part] = value;
  }
  return cookie;
}

/** Whether what is stored is a session. */
export function isPayload(stored: unknown): stored is SessionPayload {
  return isObject(stored) && isObject(stored.cookie);
}

/** A copy that the caller may change, of what is stored. */
export function copyOf(stored: SessionPayload): SessionPayload {
  return copied(stored, BIRTH) as SessionPayload;
}

/** The fields that are not the same in two states of a session, the cookie apart; undefined stands for a removed one. */
export function changesBetween(before: SessionPayload, after: SessionPayload): Record<string, unknown> {
  const changes: Record<string, unknown> = {};
  for (const field of Object.keys(after)) {
    if (field === "cookie") continue;
    const isKnown =
      Object.hasOwn(before, field) && (before[field] === after[field] || isEqual(before[field], after[field]));
    if (!isKnown) changes[field] = after[field];
  }
  for (const field of Object.keys(before)) {
    if (!Object.hasOwn(after, field) && field !== BIRTH) changes[field] = undefined;
  }
  return changes;
}

/** Whether two cookies differ in nothing but how long the session lives from now on. */
export function isSameCookie(before: Record<string, unknown>, after: Record<string, unknown>): boolean {
  const [age, next] = [before.originalMaxAge ?? null, after.originalMaxAge ?? null];
  const isNear = typeof age === "number" && typeof next === "number" && Math.abs(age - next) <= MAX_AGE_JITTER_MS;
  return (isNear || age === next) && hasLasting(before, after) && hasLasting(after, before);
}

/**
 * How long a session still lives, in ms from `now`; 0 or less: not any more.
 * @param ttl In ms, for a cookie that ends with the browser, or whose `expires` is no date.
 */
export function lifetimeOf(cookie: Record<string, unknown>, ttl: number, now: number): number {
  const { expires } = cookie;
  const expiresAt = typeof expires === "string" ? Date.parse(expires) : expires;
  return typeof expiresAt === "number" && !Number.isNaN(expiresAt) ? expiresAt - now : ttl;
}

/** Whether a cookie has all the lasting parts of another one. */
function hasLasting(cookie: Record<string, unknown>, parts: Record<string, unknown>): boolean {
  for (const part of Object.keys(parts)) {
    const value = parts[part] ?? null;
    if (value === null || cookie[part] === value || VOLATILE.includes(part)) continue;
    if (!isEqual(cookie[part], value)) return false;
  }
  return true;
}

/** What stands for a value in JSON: itself, unless it says otherwise. */
function plainOf(value: unknown): unknown {
  const { toJSON } = (value ?? {}) as { toJSON?: unknown };
  return typeof toJSON === "function" ? toJSON.call(value, "") : value;
}

/**
 * A value as JSON carries it; undefined when it leaves it out.
 * @param before Given back when it is the same.
 */
function carried(value: unknown, before?: unknown): unknown {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number") return Number.isFinite(value) ? value + 0 : null; // JSON has no -0
  const text = JSON.stringify(value);
  if (text === undefined) return undefined;
  const isSame = typeof before === "object" && JSON.stringify(before) === text;
  return isSame ? before : JSON.parse(text);
}

/** @param leftOut A field that the copy is not to have. */
function copied(value: unknown, leftOut?: string): unknown {
  if (Array.isArray(value)) return value.map((member) => copied(member));
  if (!isObject(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    if (key === leftOut) continue;
    const member = copied(value[key]);
    if (key !== "__proto__") copy[key] = member;
    else Object.defineProperty(copy, key, { value: member, configurable: true, enumerable: true, writable: true });
  }
  return copy;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function noCookie(session: unknown): TypeError {
  const text = JSON.stringify(session) ?? "nothing";
  return new TypeError(`expected a session with a cookie, got ${text.length > 80 ? `${text.slice(0, 80)}...` : text}`);
}
