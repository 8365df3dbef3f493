import { channel } from "node:diagnostics_channel";
import { inspect } from "node:util";
import { cookieOf, copyOf, isPayload, type SessionPayload, snapshotOf } from "./payload.js";
import type { ReadBarrier } from "./read-barrier.js";
import { isPlain, type RequestContext, unknownStateOf } from "./request-context.js";
import { loadedFrom, type Sessions, type WriteResult } from "./sessions.js";

/** Publishes events that are not failures of a request: `{ type: "malformed" | "late-write", sid, store }`. */
const diagnostics = channel("cluster-storage:session");

/** How many sessions `clear` removes at a time. */
const CLEAR_COUNT = 1000;

/**
 * What requests do to the sessions of a store. Reads pass the read barrier, writes take into account what their request has
 * loaded, and each call ends once its writes are confirmed.
 */
export class SessionAccess {
  readonly #store: object;
  readonly #sessions: Sessions;
  readonly #context: RequestContext;
  readonly #readBarrier: ReadBarrier;

  /** @param store The store that the published events name. */
  constructor(store: object, sessions: Sessions, context: RequestContext, readBarrier: ReadBarrier) {
    this.#store = store;
    this.#sessions = sessions;
    this.#context = context;
    this.#readBarrier = readBarrier;
  }

  /** Reads a session and remembers the copy that it returns as one that was loaded; null when there is none. */
  async read(sid: string): Promise<SessionPayload | null> {
    expectSid(sid);
    await this.#readBarrier.beforeRead();
    const stored = this.#sessions.stored(sid);
    if (stored === null) return null;
    if (!isPayload(stored)) {
      diagnostics.publish({ type: "malformed", sid, store: this.#store });
      return null;
    }
    const payload = copyOf(stored);
    this.#context.note(payload, loadedFrom(sid, stored));
    return payload;
  }

  /** Writes what the current request changed in a session, or the whole session if the request has not loaded it. */
  async write(sid: string, session: object): Promise<void> {
    const loaded = this.#context.of(expectSid(sid), session);
    const snapshot = snapshotOf(session, loaded?.fields ?? undefined);
    if (loaded) await this.#finish(session, this.#sessions.write(loaded, snapshot));
    else await this.#finish(isPlain(session) ? null : session, this.#sessions.put(sid, snapshot));
  }

  /** Writes the cookie of a session, if the session exists. */
  async prolong(sid: string, session: object): Promise<void> {
    const cookie = cookieOf(session);
    const stored = this.#sessions.stored(expectSid(sid));
    const loaded = this.#context.of(sid, session) ?? (isPayload(stored) ? loadedFrom(sid, stored) : undefined);
    if (loaded === undefined) return;
    await this.#finish(session, this.#sessions.prolong(loaded, cookie));
  }

  /** Remembers that a session object was made from `payload`, or else, if there is a session under that id, from some state of it. */
  made(sid: string, session: object, payload: object): void {
    if (this.#context.follow(session, payload)) return;
    const stored = this.#sessions.stored(sid);
    if (isPayload(stored)) this.#context.note(session, unknownStateOf(loadedFrom(sid, stored)));
  }

  /** Removes sessions. */
  async destroy(sids: readonly string[]): Promise<void> {
    for (const sid of sids) expectSid(sid);
    await this.#readBarrier.untilConfirmed(this.#sessions.destroy(sids));
  }

  /** Reads all live sessions, frozen, with their ids. */
  async list(): Promise<[sid: string, stored: SessionPayload][]> {
    await this.#readBarrier.beforeRead();
    return [...this.#sessions.list()];
  }

  /** Removes everything under the prefix. */
  async clear(): Promise<void> {
    await this.#readBarrier.beforeRead();
    const sids = this.#sessions.storedIds();
    for (let from = 0; from < sids.length; from += CLEAR_COUNT) {
      await this.destroy(sids.slice(from, from + CLEAR_COUNT));
    }
  }

  /** Waits until a write is confirmed. A session object, if one is given, stands for the written session from now on. */
  async #finish(session: object | null, { sid, loaded, isApplied }: WriteResult): Promise<void> {
    if (loaded !== undefined && session !== null) this.#context.note(session, loaded);
    if (isApplied === null || (await this.#readBarrier.untilConfirmed(isApplied))) return;
    diagnostics.publish({ type: "late-write", sid, store: this.#store });
  }
}

function expectSid(sid: unknown): string {
  if (typeof sid === "string") return sid;
  throw new TypeError(`expected a session id as a string, got ${inspect(sid)}`);
}
