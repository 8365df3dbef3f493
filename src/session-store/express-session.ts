/** What express-session needs from a store besides the sessions: its own session objects, made from what is stored. */
import { createRequire } from "node:module";
import type { SessionPayload } from "./payload.js";

/** A request as express-session sees it. */
export interface SessionRequest {
  /** The id of its session. */
  sessionID?: string;
  /** Its session. */
  session?: unknown;
}

/** The classes of express-session. */
interface SessionClasses {
  readonly Session: new (request: SessionRequest, payload: SessionPayload) => object;
  readonly Cookie: new (cookie: object) => Record<string, unknown>;
}

let loadedClasses: SessionClasses | undefined;

/**
 * Returns the classes of the express-session that this package can resolve. They are loaded when express-session takes the
 * store, because an application on Fastify does not have the package.
 * @throws Error when express-session is not installed.
 */
export function sessionClasses(): SessionClasses {
  if (loadedClasses !== undefined) return loadedClasses;
  try {
    loadedClasses = createRequire(import.meta.url)("express-session") as SessionClasses;
    return loadedClasses;
  } catch (cause) {
    throw new Error("expected express-session to be installed where cluster-storage finds it, got none", { cause });
  }
}

/** Creates a session object from what `get` returned and puts it into the request, as express-session's own stores do. */
export function createSession(request: SessionRequest, payload: SessionPayload): object {
  const { Session, Cookie } = sessionClasses();
  const { expires, originalMaxAge } = payload.cookie;
  const cookie = new Cookie(payload.cookie);
  if (typeof expires === "string") cookie.expires = new Date(expires);
  cookie.originalMaxAge = originalMaxAge; // the assignment of `expires` has changed it
  payload.cookie = cookie;
  const session = new Session(request, payload);
  request.session = session;
  return session;
}
