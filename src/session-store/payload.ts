/** A session as JSON: what is stored of it, what a request changed in it, and how long it lives. Pure functions. */
import isEqual from "lodash/isEqual.js";
import { dateOfCaller, timeOf } from "../core/runtime.js";

/** A session as JSON: its cookie and the fields of the application. */
export interface SessionPayload {
  /** The options of the cookie. Its `expires` (a date, the text of a date, or ms since 1970) says when the session ends. */
  cookie: Record<string, unknown>;
  /** A field of the application. */
  // biome-ignore lint/suspicious/noExplicitAny: the type of a field is the application's knowledge.
  [field: string]: any;
}

/** A session as it is listed, with its id. */
export interface ListedSession extends SessionPayload {
  /** The id of the session, as `request.sessionID` in Express, or `request.session.sessionId` in Fastify. */
  id: string;
}

/** A session as it is stored, or as a request holds it. A session without a cookie has a lifetime of its store. */
export interface StoredSession {
  readonly cookie?: Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: the type of a field is the application's knowledge.
  readonly [field: string]: any;
}

/**
 * The field of a stored session that holds its birth mark: a random text, which a session gets when it is created. By this
 * mark, a request that loaded a session that was destroyed since cannot write into a new session with the same id.
 */
export const BIRTH = "@birth";

/**
 * The field of a stored session that holds a stamp, its place in the log: since when it has been the session of its user. Only
 * where sessions have users; see `Revocations`.
 */
export const SINCE = "@since";

/** A birth mark begins with this while its session is coming back, and may not come back after all: see `Revival`. */
export const REVIVING = "?";

/**
 * The field of a stored session that holds all of its fields but the cookie, where they are one (`merge: "whole"`). What else there
 * is counts as absent: it is left from when they were not.
 */
export const WHOLE = "@whole";

/** Fields that the session of an application cannot have. */
const RESERVED: readonly string[] = [BIRTH, SINCE, WHOLE, "__proto__"];

/** Parts of a cookie that change from request to request although the application did not change the cookie. */
const VOLATILE: readonly string[] = ["expires", "originalExpires", "originalMaxAge"];

/**
 * express-session computes `originalMaxAge` in each request as the difference of two readings of the clock. It varies by the
 * time between them, which is long when the process is suspended there. It may vary by this much, or by this part of it.
 */
const MAX_AGE_JITTER_MS = { least: 10, most: 1000, part: 0.01 };

/**
 * Returns the present state of a session as JSON carries it.
 * @param known An earlier state. Fields that are equal to those of this state are taken from it instead of being copied.
 * @throws TypeError when JSON cannot carry the session, when it is no object, or when its cookie is none.
 */
export function snapshotOf(session: unknown, known: StoredSession = {}): StoredSession {
  const plain = plainOf(session);
  if (!isObject(plain)) throw noSession(session);
  const cookie = cookieOf(plain);
  const snapshot: Record<string, unknown> = cookie === undefined ? {} : { cookie };
  for (const field of Object.keys(plain)) {
    if (field === "cookie" || RESERVED.includes(field)) continue;
    const value = carried(plain[field], Object.hasOwn(known, field) ? known[field] : undefined);
    if (value !== undefined) snapshot[field] = value;
  }
  return snapshot;
}

/**
 * Returns the present state of the cookie of a session as JSON carries it; undefined when the session has none.
 * @throws TypeError when JSON cannot carry the cookie, when the session is no object, or when its cookie is none.
 */
export function cookieOf(session: unknown): Record<string, unknown> | undefined {
  if (!isObject(session)) throw noSession(session);
  const plain = plainOf(session.cookie) ?? undefined;
  if (plain === undefined) return undefined;
  if (!isObject(plain)) throw noSession(session);
  const cookie: Record<string, unknown> = {};
  for (const part of Object.keys(plain)) {
    const value = part === "__proto__" ? undefined : carried(plain[part]);
    if (value !== undefined) cookie[part] = value;
  }
  return cookie;
}

/** Whether what is stored is a session: it has a cookie, or it was written by a store, and it is not coming back just now. */
export function isSession(stored: unknown): stored is StoredSession {
  if (!isObject(stored)) return false;
  const birth = stored[BIRTH];
  return typeof birth === "string" ? !birth.startsWith(REVIVING) : isObject(stored.cookie);
}

/** Whether what is stored is a session, which may be coming back just now. */
export function isStored(stored: unknown): stored is StoredSession {
  return isObject(stored) && (typeof stored[BIRTH] === "string" || isObject(stored.cookie));
}

/** Returns the mark under which the session with a birth mark is coming back; undefined when it is not. */
export function revivingMarkOf(stored: unknown, birth: string): string | undefined {
  const mark = isObject(stored) ? stored[BIRTH] : undefined;
  return typeof mark === "string" && mark.startsWith(REVIVING + birth + REVIVING) ? mark : undefined;
}

/** Whether a session has what express-session needs of one. */
export function hasCookie(stored: StoredSession): boolean {
  return isObject(stored.cookie);
}

/** The fields of a stored session that nobody sees. */
const MARKS: readonly string[] = [BIRTH, SINCE];
const NONE: readonly string[] = [];

/** Least ms by which the expiry of a stored cookie is off that show that the wall clock was set since it was stored. */
const CLOCK_SET_MS = 1000;

/**
 * Returns a copy of a stored session, which the caller may change. The copy has no marks.
 * @param expiresAt When the session ends, in ms since 1970, by the wall clock as it is now; `Infinity`: never. If that was set since the
 *   cookie was stored, the cookie of the copy says this time.
 */
export function copyOf(stored: StoredSession, expiresAt = Infinity): SessionPayload {
  const copy = copied(stored, MARKS) as SessionPayload;
  const { expires } = copy.cookie ?? {};
  const off = expiresAt - lifetimeOf(copy.cookie, expiresAt, 0);
  if (Number.isFinite(off) && Math.abs(off) > CLOCK_SET_MS)
    copy.cookie.expires = typeof expires === "string" ? dateOfCaller(expiresAt).toISOString() : expiresAt;
  return copy;
}

/** Returns the session that is stored, with its fields in their places. */
export function unpacked(stored: StoredSession): StoredSession {
  const fields: unknown = stored[WHOLE];
  if (!isObject(fields)) return stored;
  return { ...fields, ...besides(stored) };
}

/** Returns what is stored of a session whose fields are one. */
export function packed(session: StoredSession): StoredSession {
  const { cookie: _, [BIRTH]: __, [SINCE]: ___, ...fields } = session;
  return { ...besides(session), [WHOLE]: fields };
}

/** What a session has besides the fields of the application. */
function besides({ cookie, [BIRTH]: birth, [SINCE]: since }: StoredSession): StoredSession {
  return {
    ...(cookie && { cookie }),
    ...(birth === undefined ? {} : { [BIRTH]: birth }),
    ...(since === undefined ? {} : { [SINCE]: since }),
  };
}

/** Returns the fields that differ between two states of a session, except the cookie. A removed field is undefined. */
export function changesBetween(before: StoredSession, after: StoredSession): Record<string, unknown> {
  const changes: Record<string, unknown> = {};
  for (const field of Object.keys(after)) {
    if (field === "cookie") continue;
    const isKnown =
      Object.hasOwn(before, field) && (before[field] === after[field] || isEqual(before[field], after[field]));
    if (!isKnown) changes[field] = after[field];
  }
  for (const field of Object.keys(before)) {
    if (!Object.hasOwn(after, field) && !MARKS.includes(field)) changes[field] = undefined;
  }
  return changes;
}

/** Whether two cookies are equal except for the time at which the session ends. */
export function isSameCookie(before: StoredSession["cookie"], after: StoredSession["cookie"]): boolean {
  if (before === undefined || after === undefined) return before === after;
  const [age, next] = [before.originalMaxAge ?? null, after.originalMaxAge ?? null];
  return (age === next || isNear(age, next)) && hasLasting(before, after) && hasLasting(after, before);
}

/**
 * Returns how long a session still lives, in ms from `now`; 0 or less when it has ended.
 * @param ttl The lifetime, in ms, when there is no cookie, it ends with the browser, or its `expires` is not a date.
 */
export function lifetimeOf(cookie: StoredSession["cookie"], ttl: number, now: number): number {
  const expires = cookie?.expires;
  const expiresAt = typeof expires === "string" ? timeOf(expires) : expires;
  return typeof expiresAt === "number" && !Number.isNaN(expiresAt) ? expiresAt - now : ttl;
}

/**
 * Whether a cookie that has expired has done so by itself, and not because its request has set the expiry into the past.
 * @param before The cookie that was read, at `readAt`, in ms since 1970.
 */
export function hasRunOut(before: StoredSession["cookie"], after: StoredSession["cookie"], readAt: number): boolean {
  if (before === undefined || after === undefined || !isSameCookie(before, after)) return false;
  const { originalMaxAge } = after;
  if (typeof originalMaxAge !== "number") return before.expires === after.expires;
  // @fastify/session begins to count when it has loaded the session.
  return lifetimeOf(after, 0, readAt) >= originalMaxAge - MAX_AGE_JITTER_MS.most;
}

/** Whether two values of `originalMaxAge` differ by no more than express-session varies it. */
function isNear(age: unknown, next: unknown): boolean {
  if (typeof age !== "number" || typeof next !== "number") return false;
  const { least, most, part } = MAX_AGE_JITTER_MS;
  return Math.abs(age - next) <= Math.max(least, Math.min(most, age * part));
}

/** Whether a cookie has all parts of another one that do not change from request to request. */
function hasLasting(cookie: Record<string, unknown>, parts: Record<string, unknown>): boolean {
  for (const part of Object.keys(parts)) {
    const value = parts[part] ?? null;
    if (value === null || cookie[part] === value || VOLATILE.includes(part)) continue;
    if (!isEqual(cookie[part], value)) return false;
  }
  return true;
}

/** Returns what stands for a value in JSON: the result of its `toJSON`, or the value itself. */
function plainOf(value: unknown): unknown {
  const { toJSON } = (value ?? {}) as { toJSON?: unknown };
  return typeof toJSON === "function" ? toJSON.call(value, "") : value;
}

/**
 * Returns a value as JSON carries it; undefined when JSON leaves it out.
 * @param before An earlier value, which is returned when it is equal.
 */
function carried(value: unknown, before?: unknown): unknown {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number") return Number.isFinite(value) ? value + 0 : null; // JSON has no -0
  const plain = plainOf(value);
  if (typeof plain === "string") return plain; // a date
  if (isSameTree(plain, before)) return before;
  const text = JSON.stringify(value);
  if (text === undefined) return undefined;
  const isSame = typeof before === "object" && JSON.stringify(before) === text;
  return isSame ? before : JSON.parse(text);
}

/**
 * Whether JSON carries a value as `before`, a JSON value, which costs less to see than to make the texts of both. False does not say that
 * it does not: objects of classes, and fields that JSON leaves out, are left to the comparison of the texts.
 */
function isSameTree(value: unknown, before: unknown): boolean {
  if (typeof value !== "object" || value === null || typeof before !== "object" || before === null) {
    return value === before;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(before)) {
    if (!Array.isArray(value) || prototype !== Array.prototype || value.length !== before.length) return false;
    return before.every((member, index) => isSameTree(value[index], member));
  }
  if (prototype !== Object.prototype) return false;
  const keys = Object.keys(before);
  if (Object.keys(value).length !== keys.length) return false;
  for (const key of keys) {
    if (!Object.hasOwn(value, key)) return false;
    if (!isSameTree((value as Record<string, unknown>)[key], (before as Record<string, unknown>)[key])) return false;
  }
  return true;
}

/**
 * Returns a deep copy of a JSON value.
 * @param leftOut Fields that the copy must not have.
 */
function copied(value: unknown, leftOut: readonly string[] = NONE): unknown {
  if (Array.isArray(value)) return value.map((member) => copied(member));
  if (!isObject(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    if (leftOut.includes(key)) continue;
    const member = copied(value[key]);
    if (key !== "__proto__") copy[key] = member;
    else Object.defineProperty(copy, key, { value: member, configurable: true, enumerable: true, writable: true });
  }
  return copy;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function noSession(session: unknown): TypeError {
  const text = JSON.stringify(session) ?? "nothing";
  return new TypeError(
    `expected a session whose cookie is an object, got ${text.length > 80 ? `${text.slice(0, 80)}...` : text}`,
  );
}
