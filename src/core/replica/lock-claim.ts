/** One claim of a lock: it waits in the order of the log, holds, and ends. */
import { StorageError } from "../errors.js";
import { ALWAYS, deleteEntry, expireEntry, type Path, setEntry, swapEntry } from "../log/entry.js";
import { BY_TEXT } from "../log/step-kinds.js";
import { claimsIn, TOKEN_FIELD } from "../state/claims.js";
import type { PendingQueue } from "./pending-queue.js";
import type { Tables } from "./tables.js";
import type { Writer } from "./writer.js";

/** Renewals in the time of a lease: two may be late, or be lost with a manager. */
const RENEWALS = 3;
/** Longest time, in ms, for which a claim that must not wait does wait for its confirmation, as without a manager. */
const CONFIRM_MS = 1000;
/** Least time, in ms, between two looks at whether the log has passed the end of another claim. */
const LOOK_MS = 20;
/** An expiry in the past: what gets it is gone at once. */
const LONG_AGO = 1;
/** Longest delay of a timer, in ms. */
const MAX_DELAY_MS = 2 ** 30;

/** The parts of a replica that claims need. */
export interface LockParts {
  readonly writer: Writer;
  readonly pending: PendingQueue;
  readonly tables: Tables;
  readonly random: (bytes: number) => Buffer;
  /** {@link Log.member} */
  readonly member: string;
}

/** What a claim asks for. All times are in ms. */
export interface LockTerms {
  /** How many may hold at the same time. */
  readonly count: number;
  readonly leaseMs: number;
  /** How long it waits for others; `Infinity`: until it holds. */
  readonly waitMs: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** A claim in the confirmed state. */
interface Found {
  readonly id: string;
  readonly token: number;
  readonly expiresAt: number;
}

/** `claiming`: its place in the log is not known; `waiting`: it is in the log, behind others. */
type Phase = "claiming" | "waiting" | "held" | "ended";

/**
 * Invariants:
 * 1. It holds from when, in the confirmed state, fewer than `count` claims of its key come before it by their tokens. Claims end for good, and
 *    later ones have higher tokens, so this stays so until it ends; and of two that hold one after the other, the later one has the higher token.
 * 2. Whether another claim has ended by its lease is decided by the log alone: a renewal may be on its way. So a claim that may be the next
 *    one writes, and looks at the state at the place of what it wrote.
 * 3. It takes itself for lost at its confirmed expiry by storage time, before the log can end it.
 * 4. At most one renewal is on its way. Events only record facts; `step` decides.
 *
 * The tokens are fencing tokens: M. Kleppmann, "How to do distributed locking" (2016). The line of claims, of which the first ones hold, is that
 * of ZooKeeper's recipe for locks: P. Hunt et al., "ZooKeeper: Wait-free coordination for Internet-scale systems" (2010).
 */
export class LockClaim {
  readonly key: string;
  /** Resolves with whether it holds; false: not within its time. Rejects when the waiting was aborted, or the storage has failed. */
  readonly acquired: Promise<boolean>;
  readonly #parts: LockParts;
  readonly #terms: LockTerms;
  readonly #label: string;
  /** Called once, when it has ended. */
  readonly #onEnd: (claim: LockClaim) => void;
  readonly #lost = new AbortController();
  readonly #begunAt: number;
  #settle = { resolve: (_isHeld: boolean): void => {}, reject: (_error: unknown): void => {} };
  #phase: Phase = "claiming";
  #path: Path = [];
  #token = 0;
  /** When it expires, as far as is confirmed. */
  #until = 0;
  #renewAt = 0;
  #lookAt = 0;
  #isRenewing = false;
  #timer = { cancel: (): void => {} };
  #released: Promise<void> | null = null;

  /** @throws as {@link Writer.write}. */
  constructor(parts: LockParts, key: string, label: string, terms: LockTerms, onEnd: (claim: LockClaim) => void) {
    this.#parts = parts;
    this.key = key;
    this.#label = label;
    this.#terms = terms;
    this.#onEnd = onEnd;
    this.#begunAt = parts.tables.now;
    this.acquired = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#claim();
    parts.writer.wait(true);
    terms.signal?.addEventListener("abort", this.#aborted);
    this.#schedule(this.#giveUpAt);
  }

  /** Its place in the log, once it holds. */
  get token(): number {
    return this.#token;
  }

  /** Aborted when it held, and was lost. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** Ends it. Resolves when that is confirmed, or it had ended before. */
  release(): Promise<void> {
    this.#released ??= this.#phase === "ended" ? Promise.resolve() : this.#release();
    return this.#released;
  }

  /** Its storage is closed, or nothing more is written. */
  close(error: Error): void {
    if (this.#phase === "ended") return;
    const isHeld = this.#phase === "held";
    this.#end();
    this.#removeQuietly();
    if (isHeld) this.#lost.abort(error);
    else this.#settle.reject(error);
  }

  /** Decides what is to be done, by the confirmed state and the time. */
  step(): void {
    if (this.#phase === "claiming") this.#schedule(this.#giveUpAt);
    // A state that is being loaded is looked at when it is complete.
    if (this.#phase === "claiming" || this.#phase === "ended" || !this.#parts.tables.isCurrent) return;
    const { now } = this.#parts.tables;
    const claims = this.#found();
    const index = claims.findIndex(({ id }) => id === this.#path[1]);
    const own = claims[index];
    if (own === undefined || now >= own.expiresAt) {
      this.#ended(own !== undefined);
      return;
    }
    this.#until = own.expiresAt;
    if (this.#phase === "waiting" && index < this.#terms.count) this.#hold(own.token);
    if (this.#phase === "waiting" && now >= this.#giveUpAt) {
      this.#giveUp();
      return;
    }
    const lookAt = this.#phase === "held" ? Infinity : Math.max(this.#lookAt, this.#freeAt(claims, index));
    if (!this.#isRenewing && now >= Math.min(this.#renewAt, lookAt)) this.#renew();
    this.#schedule(Math.min(own.expiresAt, this.#giveUpAt, ...(this.#isRenewing ? [] : [this.#renewAt, lookAt])));
  }

  /** Until when it waits: at least for its place in the log. */
  get #giveUpAt(): number {
    if (this.#phase === "held") return Infinity;
    const { waitMs } = this.#terms;
    return this.#begunAt + (this.#phase === "claiming" ? Math.max(waitMs, CONFIRM_MS) : waitMs);
  }

  /** When so many of the claims before it have expired that it would hold. */
  #freeAt(claims: readonly Found[], index: number): number {
    const ends = claims.slice(0, index).map(({ expiresAt }) => expiresAt);
    return ends.sort((a, b) => a - b)[index - this.#terms.count] ?? Infinity;
  }

  /** The claims of the key at the last batch, in the order of the log. */
  #found(): Found[] {
    const { pending, tables } = this.#parts;
    const table = tables.shown;
    const { time } = table;
    const found = pending.onConfirmed(table, this.key, () =>
      claimsIn(table.get([this.key], time)).map(([id, { token }]) => {
        return { id, token, expiresAt: table.expiresAt([this.key, id], time) ?? Infinity };
      }),
    );
    return found.sort((a, b) => a.token - b.token);
  }

  /** Goes to the end of the line. */
  #claim(): void {
    const { writer, tables, random, member } = this.#parts;
    const { now } = tables;
    const path = [this.key, `c${random(8).toString("hex")}`];
    this.#path = path;
    this.#phase = "claiming";
    this.#until = now + this.#terms.leaseMs;
    this.#renewAt = now + this.#terms.leaseMs / RENEWALS;
    const entry = setEntry(path, JSON.stringify({ member }), this.#until, ALWAYS, BY_TEXT, TOKEN_FIELD);
    // What became of it is seen in the state, also when a snapshot covers it.
    const placed = (): void => {
      if (this.#path !== path || this.#phase !== "claiming") return;
      this.#phase = "waiting";
      this.step();
    };
    writer.promise(entry, () => {}).then(placed, placed);
  }

  #hold(token: number): void {
    this.#phase = "held";
    this.#token = token;
    this.#stopWaiting();
    this.#settle.resolve(true);
  }

  #renew(): void {
    const { writer, tables } = this.#parts;
    const { now } = tables;
    const { leaseMs } = this.#terms;
    this.#renewAt = now + leaseMs / RENEWALS;
    this.#lookAt = now + LOOK_MS;
    const renewed = (): void => {
      this.#isRenewing = false;
      this.step();
    };
    try {
      this.#isRenewing = true;
      writer.promise(expireEntry(this.#path, now + leaseMs), () => {}).then(renewed, renewed);
    } catch {
      // There is no room for it now. It is tried again, and the lock is lost if there is none in time.
      this.#isRenewing = false;
    }
  }

  /** It is no longer in the line. @param isThere Whether the log has it still. */
  #ended(isThere: boolean): void {
    const isWaiting = this.#phase === "waiting";
    const { now, shown } = this.#parts.tables;
    if (isWaiting && now < this.#giveUpAt) {
      this.#claimAgain(isThere);
      return;
    }
    if (isWaiting) {
      this.#giveUp();
      return;
    }
    const isLate = isThere || this.#until <= shown.time;
    this.#end();
    if (isThere) this.#removeQuietly();
    const why = isLate ? "its lease, which was not renewed in time" : "its removal, or that of its member, by another one";
    this.#lost.abort(
      new StorageError("ERR_STORAGE_EXPIRED", `expected to hold the lock ${this.#label} until its release, got ${why}`),
    );
  }

  #claimAgain(isThere: boolean): void {
    if (isThere) this.#removeQuietly();
    try {
      this.#claim();
      this.#schedule(this.#giveUpAt);
    } catch (error) {
      this.#end();
      this.#settle.reject(error);
    }
  }

  #giveUp(): void {
    this.#end();
    this.#removeQuietly();
    this.#settle.resolve(false);
  }

  readonly #aborted = (): void => {
    this.#end();
    this.#removeQuietly();
    this.#settle.reject(this.#terms.signal?.reason);
  };

  async #release(): Promise<void> {
    this.#end();
    try {
      await this.#remove();
    } catch (error) {
      // Nothing can be written any more, or it is not known what this came to: the claim ends with its member, or with its lease.
      const isOver = this.#parts.writer.hasFailed || (error as StorageError).code === "ERR_STORAGE_EXPIRED";
      if (!isOver) throw error;
    }
  }

  /** Removes it from the log, and the key if that was the last claim. */
  #remove(): Promise<void> {
    const { writer } = this.#parts;
    let removed = Promise.resolve();
    writer.batch(() => {
      removed = writer.promise(deleteEntry(this.#path), () => {});
      writer.write(swapEntry([this.key], '{"from":{},"to":{}}', LONG_AGO));
    });
    return removed;
  }

  /** As `#remove`; if that fails, it ends with its member or its lease. */
  #removeQuietly(): void {
    try {
      this.#remove().catch(() => {});
    } catch {
      // As above.
    }
  }

  #end(): void {
    if (this.#phase !== "held") this.#stopWaiting();
    this.#phase = "ended";
    this.#timer.cancel();
    this.#onEnd(this);
  }

  #stopWaiting(): void {
    this.#terms.signal?.removeEventListener("abort", this.#aborted);
    this.#parts.writer.wait(false);
  }

  #schedule(at: number): void {
    this.#timer.cancel();
    if (this.#phase === "ended") return;
    const { clock, now } = this.#parts.tables;
    const delay = Math.min(Math.max(Math.ceil(at - now), 1), MAX_DELAY_MS);
    this.#timer = clock.after(delay, () => this.#due());
  }

  #due(): void {
    if (this.#phase === "claiming" && this.#parts.tables.now >= this.#giveUpAt) this.#giveUp();
    else this.step();
  }
}
