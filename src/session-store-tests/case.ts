/** What a case of the suite is: what it says to readers, and what it needs to run. */
import type { Visitor } from "./application.js";
import type { CalledStore, OptionalMethod } from "./called-store.js";
import type { Settings } from "./frameworks.js";

/** What the suite calls of an assertion library; `node:assert` has it, and so has the `assert` of Chai and Vitest. */
export interface Assertions {
  /** Throws when the value is falsy. */
  ok(value: unknown, message?: string): void;
  /** Throws unless both are equal, member by member. */
  deepStrictEqual(actual: unknown, expected: unknown, message?: string): void;
}

/**
 * Which kind of promise a case checks: what the contract of the frameworks says, what a store should withstand, or what should
 * hold when requests of one session run at the same time.
 */
export type SessionStoreGroup = "contract" | "robustness" | "parallel requests";

/** A case as readers see it. */
export interface SessionStoreCase {
  /** The kind of promise. */
  readonly group: SessionStoreGroup;
  /** What is true of a store that passes. */
  readonly name: string;
  /** The situation, and what goes wrong in it. */
  readonly edge: string;
  /** Where people met it: an issue or pull request, as `owner/repository#number`, or a document of a repository, as `owner/repository: document`. */
  readonly sources: readonly string[];
  /** Optional methods without which the case is skipped. */
  readonly needs: readonly OptionalMethod[];
  /** Whether a framework sends the requests; without a framework the case is skipped. */
  readonly isDriven: boolean;
}

/** What one run of a case has. */
export interface Trial {
  readonly store: CalledStore;
  readonly assert: Assertions;
  /** By how many ms the store may be late when a session expires. */
  readonly toleranceMs: number;
  /**
   * Checks these fields of a session, or of its cookie; undefined: it must not have the field. Other fields do not matter, so that a
   * store which adds some fails the case that forbids it, and no other.
   */
  expectFields(found: object | null, expected: Readonly<Record<string, unknown>>): void;
  /** Returns an id that no session has had. */
  newId(): string;
  /** Ends the run: the case does not apply here. */
  skip(reason: string): never;
}

/** A case that calls the store itself. */
export interface StoreCase extends SessionStoreCase {
  readonly isDriven: false;
  run(trial: Trial): Promise<void>;
}

/** A case whose calls come from a framework. */
export interface RequestCase extends SessionStoreCase {
  readonly isDriven: true;
  readonly settings: Settings;
  /** @param visitor A visitor of an application that keeps its sessions in the store. */
  run(visitor: Visitor, trial: Trial): Promise<void>;
}

/** What differs from case to case. */
type Texts = Pick<SessionStoreCase, "name" | "edge" | "sources"> & { readonly needs?: readonly OptionalMethod[] };

/** Fills in a case that calls the store itself. */
export function storeCase(group: SessionStoreGroup, given: Texts & Pick<StoreCase, "run">): StoreCase {
  return { needs: [], ...given, group, isDriven: false };
}

/** Fills in a case whose calls come from a framework. */
export function requestCase(
  group: SessionStoreGroup,
  given: Texts & Pick<RequestCase, "run"> & { readonly settings?: Settings },
): RequestCase {
  return { needs: [], settings: {}, ...given, group, isDriven: true };
}

/** The contract of express-session's stores. */
export const CONTRACT_DOCUMENT = "expressjs/session: README";
