/** Sessions as the frameworks pass them to a store: objects of a class, whose cookie says its expiry by a getter and by `toJSON`. */
import { dateOfCaller, wallTimeOfCaller } from "../core/runtime.js";

const HOUR_MS = 3_600_000;

type Moment = ReturnType<typeof dateOfCaller>;

/** What a session cookie of either framework has in common. The expiry is no field of its own, so a copy of the fields lacks it. */
class CookieObject {
  path = "/";
  httpOnly = true;
  sameSite = "lax";
  originalMaxAge: number | null;
  _expires: Moment | null;

  constructor(expires: Moment | null, originalMaxAge: number | null) {
    this._expires = expires;
    this.originalMaxAge = originalMaxAge;
  }

  get expires(): Moment | null {
    return this._expires;
  }

  /** How long it still lasts, in ms; null when it ends with the browser. */
  get maxAge(): number | null {
    return this._expires === null ? null : this._expires.valueOf() - wallTimeOfCaller();
  }

  toJSON(): Record<string, unknown> {
    const { path, httpOnly, sameSite, originalMaxAge, _expires } = this;
    return { originalMaxAge, expires: _expires, httpOnly, path, sameSite };
  }
}

class SessionObject {
  cookie: CookieObject;

  constructor(fields: object, cookie: CookieObject) {
    Object.assign(this, fields);
    this.cookie = cookie;
  }
}

/**
 * Returns a new session.
 * @param lifetimeMs After how many ms it expires; null: it ends with the browser. Default: an hour.
 */
export function sessionObject(fields: object, lifetimeMs: number | null = HOUR_MS): SessionObject {
  const expires = lifetimeMs === null ? null : dateOfCaller(wallTimeOfCaller() + lifetimeMs);
  return new SessionObject(fields, new CookieObject(expires, lifetimeMs));
}

/** Returns a new session whose expiry is a date that is none. */
export function sessionWithInvalidExpiry(fields: object): SessionObject {
  return new SessionObject(fields, new CookieObject(dateOfCaller(Number.NaN), HOUR_MS));
}
