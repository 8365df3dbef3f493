/** The line of the claims of one lock, as the log has it. */
import { ALWAYS, deleteEntry, expireEntry, type Path, setEntry, swapEntry } from "../log/entry.js";
import { BY_TEXT } from "../log/step-kinds.js";
import { claimsIn, TOKEN_FIELD } from "../state/claims.js";
import type { PendingQueue } from "./pending-queue.js";
import type { Tables } from "./tables.js";
import type { Writer } from "./writer.js";

/** An expiry in the past: what gets it is gone at once. */
const LONG_AGO = 1;
/** Bytes of the id of a claim, which are random. */
const ID_BYTES = 8;

/** The parts of a replica that claims need. */
export interface LockParts {
  readonly writer: Writer;
  readonly pending: PendingQueue;
  readonly tables: Tables;
  readonly random: (bytes: number) => Buffer;
  /** {@link Log.member} */
  readonly member: string;
}

/** A claim in the confirmed state. */
export interface PlacedClaim {
  readonly id: string;
  readonly token: number;
  /** Storage time in ms. */
  readonly expiresAt: number;
}

/** When so many of the claims before the one at `index` have expired that fewer than `count` are left; `Infinity`: there are fewer already. */
export function freeAt(line: readonly PlacedClaim[], index: number, count: number): number {
  const ends = line.slice(0, index).map(({ expiresAt }) => expiresAt);
  return ends.sort((a, b) => a - b)[index - count] ?? Infinity;
}

/**
 * Reads and writes the line. What a write came to is seen in the state, also when a snapshot covers it: so the promises that it returns only
 * say when there is something to be seen, and never reject.
 */
export class LockLine {
  readonly #parts: LockParts;
  readonly #key: string;

  constructor(parts: LockParts, key: string) {
    this.#parts = parts;
    this.#key = key;
  }

  /** The claims at the last batch, in the order of the log. */
  read(): PlacedClaim[] {
    const { pending, tables } = this.#parts;
    const table = tables.shown;
    const { time } = table;
    const key = this.#key;
    const line = pending.onConfirmed(table, key, () =>
      claimsIn(table.get([key], time)).map(([id, { token }]) => {
        return { id, token, expiresAt: table.expiresAt([key, id], time) ?? Infinity };
      }),
    );
    return line.sort((a, b) => a.token - b.token);
  }

  /** Writes a new claim. @throws as {@link Writer.write}. */
  claim(expiresAt: number): { path: Path; placed: Promise<void> } {
    const { writer, random, member } = this.#parts;
    const path = [this.#key, `c${random(ID_BYTES).toString("hex")}`];
    const entry = setEntry(path, JSON.stringify({ member }), expiresAt, ALWAYS, BY_TEXT, TOKEN_FIELD);
    return { path, placed: settled(writer.promise(entry, () => {})) };
  }

  /** Gives a claim that has not expired another expiry. @throws as {@link Writer.write}. */
  renew(path: Path, expiresAt: number): Promise<void> {
    return settled(this.#parts.writer.promise(expireEntry(path, expiresAt), () => {}));
  }

  /** Removes a claim, and the key if that was the last one. @throws as {@link Writer.write}. */
  remove(path: Path): Promise<void> {
    const { writer } = this.#parts;
    let removed = Promise.resolve();
    writer.batch(() => {
      removed = settled(writer.promise(deleteEntry(path), () => {}));
      writer.write(swapEntry([this.#key], '{"from":{},"to":{}}', LONG_AGO));
    });
    return removed;
  }
}

const settled = (promise: Promise<void>): Promise<void> => promise.catch(() => {});
