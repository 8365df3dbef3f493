/** What express-session asks of a store besides the sessions: to make its own session objects of what is stored. */
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
 * The classes, of the express-session beside this package. Loaded when express-session takes the store, since an application
 * on Fastify does not have it.
 * @throws Error when it is not there.
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

/** Makes a session object of what `get` gave, and puts it into the request, as express-session's own stores do. */
export function createSession(request: SessionRequest, payload: SessionPayload): object {
  const { Session, Cookie } = sessionClasses();
  const { expires, originalMaxAge } = payload.cookie;
  const cookie = new Cookie(payload.cookie);
  if (typeof expires === "string") cookie.expires = new Date(expires);
  cookie.originalMaxAge = originalMaxAge; // setting `expires` has changed it
  payload.cookie = cookie;
  const session = new Session(request, payload);
  request.session = session;
  return session;
}
