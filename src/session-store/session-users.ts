/** Whose session a session is: what the option `index` says, and ids that mean one user. */
import { inspect, types } from "node:util";
import { type SessionPayload, type StoredSession, unpacked } from "./payload.js";

/** A user, as the application names it. A number and its text mean the same user. */
export type UserId = string | number | bigint;

/** Says whose session a session is; null or undefined: nobody's. */
export type SessionIndex = (session: SessionPayload) => UserId | null | undefined;

/** Longest id of a user, in UTF-16 units: it is part of a key. */
const MAX_USER_CHARS = 1024;

/** Finds the users of sessions by the option `index` of a store. */
export class SessionUsers {
  readonly #index: SessionIndex | null;
  readonly #report: (sid: string, error: unknown) => void;
  #hasWarned = false;

  /** @param report Called with what `index` threw, or with why what it returned is no id. */
  constructor(index: SessionIndex | null, report: (sid: string, error: unknown) => void) {
    this.#index = index;
    this.#report = report;
  }

  /** Whether sessions have users. */
  get areKnown(): boolean {
    return this.#index !== null;
  }

  /** The text of the id of the user of a session; null: it is nobody's. */
  of(sid: string, stored: StoredSession): string | null {
    if (this.#index === null) return null;
    let isThrown = true;
    try {
      const id: unknown = this.#index(unpacked(stored) as SessionPayload);
      isThrown = false;
      // A promise is no id, and reported as that. If it rejects as well, that must not end the process.
      if (types.isPromise(id)) id.catch(() => {});
      return id === null || id === undefined ? null : userText(id);
    } catch (error) {
      this.#warn(isThrown ? `expected the id of a user, got an error: ${textOf(error)}` : textOf(error));
      this.#report(sid, error);
      return null;
    }
  }

  /** Warns once: a function that is wrong may be so for every session. */
  #warn(message: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(
      `the function index of a session store does not work: ${message}; a session for which it fails is nobody's, and the channel cluster-storage:session of node:diagnostics_channel reports each`,
      { code: "CLUSTER_STORAGE_INDEX" },
    );
  }

  /** Whether a session is of another user than before, or is somebody's now. */
  haveChanged(sid: string, before: StoredSession, after: StoredSession): boolean {
    return this.#index !== null && this.of(sid, before) !== this.of(sid, after);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : inspect(error);
}

/**
 * The text of the id of a user.
 * @throws TypeError when it is no id.
 */
export function userText(id: unknown): string {
  const isId = typeof id === "string" || typeof id === "bigint" || (typeof id === "number" && Number.isFinite(id));
  const text = isId ? String(id) : "";
  if (isId && text !== "" && text.length <= MAX_USER_CHARS) return text;
  const hint = id === undefined || id === null ? "; is nobody logged in?" : "";
  throw new TypeError(
    `expected the id of a user as a number, a bigint, or a text of 1 to ${MAX_USER_CHARS} characters, got ${inspect(id).slice(0, 80)}${hint}`,
  );
}
