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
 * @throws TypeError when JSON cannot carry it, or it has no cookie.
 */
export function snapshotOf(session: unknown): SessionPayload {
  const text = JSON.stringify(session);
  const snapshot: unknown = text === undefined ? undefined : JSON.parse(text);
  if (!isPayload(snapshot)) throw new TypeError(`expected a session with a cookie, got ${shorten(text)}`);
  for (const field of RESERVED) delete snapshot[field];
  return snapshot;
}

/** Whether what is stored is a session. */
export function isPayload(stored: unknown): stored is SessionPayload {
  return isObject(stored) && isObject(stored.cookie);
}

/** A copy that the caller may change, of what is stored. */
export function copyOf(stored: SessionPayload): SessionPayload {
  const copy = copied(stored) as SessionPayload;
  delete copy[BIRTH];
  return copy;
}

/** The fields that are not the same in two states of a session, the cookie apart; undefined stands for a removed one. */
export function changesBetween(before: SessionPayload, after: SessionPayload): Record<string, unknown> {
  const changes: Record<string, unknown> = {};
  for (const field of Object.keys(after)) {
    if (field === "cookie") continue;
    if (!Object.hasOwn(before, field) || !isEqual(before[field], after[field])) changes[field] = after[field];
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
  return (isNear || isEqual(age, next)) && isEqual(lasting(before), lasting(after));
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

function lasting(cookie: object): Record<string, unknown> {
  const isLasting = ([part, value]: [string, unknown]) => value != null && !VOLATILE.includes(part);
  return Object.fromEntries(Object.entries(cookie).filter(isLasting));
}

function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied);
  if (!isObject(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const member = copied(value[key]);
    if (key !== "__proto__") copy[key] = member;
    else Object.defineProperty(copy, key, { value: member, configurable: true, enumerable: true, writable: true });
  }
  return copy;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shorten(text: string | undefined): string {
  if (text === undefined) return "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
