import { randomUUID } from "node:crypto";
import type { Storage } from "../core/index.js";

/**
 * How long it is known that a session was destroyed, in ms. Twice as long as a request may have known nothing of its session and still
 * bring it back: see `Revival`.
 */
export const KNOWN_MS = 3_600_000;

/** What was known of destroyed sessions when a session was read. */
export interface Destructions {
  readonly ofId: unknown;
  readonly ofAll: unknown;
}

/**
 * Which sessions were destroyed a while ago. The key of a session that was destroyed looks as if it had expired, and a request that had
 * loaded it may bring back one that has expired. So each destruction leaves a note under `@destroyed/<prefix>/<sid>`, and one of all
 * sessions under `@cleared/<prefix>`.
 *
 * Invariant: a note is written in one batch with the destruction. So whoever sees in the log that a key is free sees the note too.
 */
export class DestroyedSessions {
  readonly #storage: Storage;
  readonly #prefix: string;
  readonly #pathOfAll: readonly string[];

  constructor(storage: Storage, prefix: string) {
    this.#storage = storage;
    this.#prefix = prefix;
    this.#pathOfAll = [`@cleared/${prefix}`];
  }

  /** Notes that the session with an id is being destroyed. */
  note(sid: string): void {
    this.#storage.set(this.#pathOf(sid), randomUUID(), KNOWN_MS);
  }

  /** Notes that all sessions are being destroyed. */
  noteAll(): void {
    this.#storage.set(this.#pathOfAll, randomUUID(), KNOWN_MS);
  }

  /** What is known now that concerns the session with an id. */
  of(sid: string): Destructions {
    return { ofId: this.#storage.get(this.#pathOf(sid)), ofAll: this.#storage.get(this.#pathOfAll) };
  }

  /** Whether a session was destroyed after something was known of it, no more than `KNOWN_MS` ago. */
  isDestroyedSince(sid: string, known: Destructions): boolean {
    const { ofId, ofAll } = this.of(sid);
    return (ofId !== null && ofId !== known.ofId) || (ofAll !== null && ofAll !== known.ofAll);
  }

  #pathOf(sid: string): string[] {
    return [`@destroyed/${this.#prefix}/${sid}`];
  }
}
