import { channel } from "node:diagnostics_channel";
import { inspect } from "node:util";
import { factsOf, type Storage, type StorageFacts } from "../core/index.js";
import { assignedFields, noteAssignments } from "./assigned-fields.js";
import {
  cookieOf,
  hasCookie,
  isSession,
  type ListedSession,
  type SessionPayload,
  snapshotOf,
  unpacked,
} from "./payload.js";
import type { ReadBarrier } from "./read-barrier.js";
import { isPlain, type RequestContext, unknownStateOf } from "./request-context.js";
import { Slices } from "./session-index.js";
import type { SessionLimit } from "./session-limit.js";
import type { SessionList } from "./session-list.js";
import type { Sessions, WriteResult } from "./sessions.js";

/** Publishes events that are not failures of a request: `{ type: "malformed" | "late-write" | "index", sid, store, error? }`. */
export const diagnostics = channel("cluster-storage:session");

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
  readonly #list: SessionList;
  readonly #limit: SessionLimit | null;
  readonly #facts: StorageFacts;

  /** @param store The store that the published events name. */
  constructor(
    store: { readonly storage: Storage },
    sessions: Sessions,
    list: SessionList,
    context: RequestContext,
    readBarrier: ReadBarrier,
    limit: SessionLimit | null,
  ) {
    this.#list = list;
    this.#limit = limit;
    this.#store = store;
    this.#facts = factsOf(store.storage) as StorageFacts;
    this.#sessions = sessions;
    this.#context = context;
    this.#readBarrier = readBarrier;
  }

  /** Whether the session objects are those of express-session, which need a cookie, and which note what is assigned. */
  isExpress = false;

  /** Reads a session and remembers the copy that it returns as one that was loaded; null when there is none. */
  async read(sid: string): Promise<SessionPayload | null> {
    expectSid(sid);
    await this.#readBarrier.beforeRead();
    const raw = this.#sessions.raw(sid);
    if (raw === null) return null;
    if (!isSession(raw) || (this.isExpress && !hasCookie(raw))) {
      diagnostics.publish({ type: "malformed", sid, store: this.#store });
      return null;
    }
    if (this.#sessions.revocations.isVoid(sid, raw)) return null;
    const [payload, loaded] = this.#sessions.read(sid, unpacked(raw));
    this.#context.note(payload, loaded);
    return payload;
  }

  /** Writes what the current request changed in a session, or the whole session if the request has not loaded it. */
  async write(sid: string, session: object): Promise<void> {
    const loaded = this.#context.of(expectSid(sid), session);
    const snapshot = snapshotOf(session, loaded?.fields ?? undefined);
    const result = loaded
      ? this.#sessions.write(loaded, snapshot, assignedFields(session))
      : this.#sessions.put(sid, snapshot);
    if (this.isExpress && !isPlain(session)) noteAssignments(session);
    const finished = this.#finish(loaded === undefined && isPlain(session) ? null : session, result);
    if (!result.isNew || this.#limit === null) return finished;
    await finished;
    await this.#limit.enforce();
  }

  /** Writes the cookie of a session, if the session exists. */
  async prolong(sid: string, session: object): Promise<void> {
    const cookie = cookieOf(session);
    const stored = this.#sessions.stored(expectSid(sid));
    const loaded = this.#context.of(sid, session) ?? (stored && this.#sessions.loaded(sid, stored));
    if (loaded !== null) await this.#finish(session, this.#sessions.prolong(loaded, cookie ?? loaded.cookie));
  }

  /** Remembers that a session object was made from `payload`, or else, if there is a session under that id, from some state of it. */
  made(sid: string, session: object, payload: object): void {
    if (this.#context.follow(session, payload)) return;
    const stored = this.#sessions.stored(sid);
    if (stored !== null) this.#context.note(session, unknownStateOf(this.#sessions.loaded(sid, stored)));
  }

  /** Removes sessions. */
  async destroy(sids: readonly string[]): Promise<void> {
    for (const sid of sids) expectSid(sid);
    await this.#readBarrier.untilConfirmed(this.#sessions.destroy(sids));
  }

  /** Reads all live sessions, without long blocks of the event loop. Returns copies, each with its `id`. */
  async all(): Promise<ListedSession[]> {
    const keys: string[] = [];
    await this.#visitKeys((some) => {
      for (const key of some) keys.push(key);
    });
    const listed: ListedSession[] = [];
    const slices = new Slices();
    for (const key of keys) {
      if (slices.isOver) await slices.next();
      const session = this.#list.get(key);
      if (session !== null) listed.push(session);
    }
    return listed;
  }

  /** Reads the ids of all live sessions. No session is parsed for it, so what is no session is among them. */
  async ids(): Promise<string[]> {
    const { keyPrefix } = this.#sessions;
    const ids: string[] = [];
    await this.#visitKeys((keys) => {
      for (const key of keys) ids.push(key.slice(keyPrefix.length));
    });
    return ids;
  }

  /** Counts what `ids` returns. */
  async count(): Promise<number> {
    let count = 0;
    await this.#visitKeys((keys) => {
      count += keys.length;
    });
    return count;
  }

  /** Removes everything under the prefix. */
  async clear(): Promise<void> {
    const found: string[] = [];
    await this.#visitKeys((keys) => {
      for (const key of keys) found.push(key);
    });
    this.#sessions.beginClear();
    for (let from = 0; from < found.length; from += CLEAR_COUNT) {
      await this.#readBarrier.untilConfirmed(this.#sessions.remove(found.slice(from, from + CLEAR_COUNT)));
    }
  }

  /** Visits the keys of all live sessions, without long blocks of the event loop. */
  async #visitKeys(visit: (keys: readonly string[]) => void): Promise<void> {
    await this.#readBarrier.beforeRead();
    const slices = new Slices();
    for (const keys of this.#facts.keyParts(this.#sessions.keyPrefix)) {
      visit(keys);
      if (slices.isOver) await slices.next();
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
