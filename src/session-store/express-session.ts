/** What express-session needs from a store besides the sessions: its own session objects, made from what is stored. */
import { dateOfCaller } from "../core/runtime.js";
import { addFields } from "./assigned-fields.js";
import type { SessionPayload } from "./payload.js";

/** A request as express-session sees it. */
export interface SessionRequest {
  /** The id of its session. */
  sessionID?: string;
  /** Its session. */
  session?: unknown;
}

/** What express-session assigns to its store: it gives a request a new session. */
export type Generate = (request: SessionRequest) => void;

type SessionClass = new (request: SessionRequest, payload: SessionPayload) => object;

/**
 * The session objects of one express-session middleware. Its classes are those of the first session that `generate` has created:
 * no module has to be found, so it works in a bundle, and with whichever express-session the application has loaded.
 */
export class ExpressSessions {
  readonly generate: Generate;
  #sessionClass: SessionClass | undefined;
  /** express-session's cookies have a prototype that does not name their constructor. */
  #cookiePrototype: object | null = null;

  constructor(generate: Generate) {
    this.generate = generate;
  }

  /**
   * Creates a session object from what `get` returned and puts it into the request, as express-session's own stores do.
   * Where `generate` creates no session, which is not express-session's, the payload itself is the session.
   * @throws what the middleware's options `genid` and `cookie` throw, if they are functions, when they are first called here.
   */
  create(request: SessionRequest, payload: SessionPayload): object {
    this.#sessionClass ??= this.#learn(request);
    if (this.#sessionClass === undefined) return payload;
    payload.cookie = this.#cookieOf(payload.cookie);
    const { cookie, ...fields } = payload;
    const session = new this.#sessionClass(request, { cookie });
    addFields(session, fields);
    request.session = session;
    return session;
  }

  /** Lets the middleware create a session that nobody gets: in an object that reads as the request, which stays as it is. */
  #learn(request: SessionRequest): SessionClass | undefined {
    const probe: SessionRequest = Object.create(request, { session: { value: undefined, writable: true } });
    this.generate(probe);
    if (probe.session === undefined) return undefined;
    const session = probe.session as { constructor: SessionClass; cookie: object };
    this.#cookiePrototype = Object.getPrototypeOf(session.cookie);
    return session.constructor;
  }

  /** Does what express-session's constructor does; what the assignment of `expires` changes is assigned after it. */
  #cookieOf({ expires, originalMaxAge, data: _, ...options }: SessionPayload["cookie"]): SessionPayload["cookie"] {
    const cookie: SessionPayload["cookie"] = Object.create(this.#cookiePrototype);
    Object.assign(cookie, { path: "/", maxAge: null, httpOnly: true }, options);
    if (expires !== undefined) cookie.expires = typeof expires === "string" ? dateOfCaller(expires) : expires;
    cookie.originalMaxAge = originalMaxAge;
    return cookie;
  }
}
