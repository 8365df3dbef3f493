/**
 * Marks: what a framework that copies the sessions it gets carries along without knowing it.
 *
 * @fastify/session spreads the `cookie` of what it loads into the options of its own session object, where it also keeps them when
 * the session is reloaded or gets a new id. An enumerable property whose key is a symbol goes along, and is in no JSON.
 */
import type { LoadedSession } from "./request-context.js";

/** Says, in a session object, which session it was made from. */
export class Mark {
  /** Whose sessions it marks. */
  readonly owner: object;
  readonly loaded: LoadedSession;
  #holder: WeakRef<object> | undefined;

  constructor(owner: object, loaded: LoadedSession) {
    this.owner = owner;
    this.loaded = loaded;
  }

  /** Whether the mark stands for a session object: the first one for which it is asked. In another object it is a copy. */
  isOf(session: object): boolean {
    this.#holder ??= new WeakRef(session);
    return this.#holder.deref() === session;
  }
}

const MARK = Symbol("cluster-storage.loaded");

/**
 * Runs the callback that gets a session, with a mark in its cookie until the callback returns: frameworks create their session
 * object in it. What the application reads later has no mark. A session without a cookie seems to have one meanwhile.
 */
export function withMark(payload: { cookie?: unknown }, mark: Mark, run: () => void): void {
  const { cookie } = payload;
  const hasCookie = typeof cookie === "object" && cookie !== null;
  const carrier = (hasCookie ? cookie : {}) as { [MARK]?: Mark };
  carrier[MARK] = mark;
  const isLent = !Object.hasOwn(payload, "cookie");
  if (isLent) Object.defineProperty(payload, "cookie", { value: carrier, configurable: true, writable: true });
  try {
    run();
  } finally {
    delete carrier[MARK];
    if (isLent && payload.cookie === carrier) delete payload.cookie;
  }
}

/** The marks of one owner in a session object: in its cookie, and in what it keeps under symbols. Copies of one mark count once. */
export function marksOf(session: object, owner: object): Mark[] {
  const found: Mark[] = [];
  const look = (holder: unknown): void => {
    if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, MARK)) return;
    const mark = (holder as { [MARK]: unknown })[MARK];
    if (mark instanceof Mark && mark.owner === owner && !found.includes(mark)) found.push(mark);
  };
  look((session as { cookie?: unknown }).cookie);
  for (const symbol of Object.getOwnPropertySymbols(session)) look((session as Record<symbol, unknown>)[symbol]);
  return found;
}
