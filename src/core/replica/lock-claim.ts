/** One claim of a lock: it waits in the order of the log, holds, and ends. */
import { StorageError } from "../errors.js";
import type { Path } from "../log/entry.js";
import { freeAt, LockLine, type LockParts } from "./lock-line.js";

/** Renewals in the time of a lease: two may be late, or be lost with a manager. */
const RENEWALS = 3;
/** Longest time, in ms, for which a claim that must not wait does wait for its confirmation, as without a manager. */
const CONFIRM_MS = 1000;
/** Least time, in ms, between two looks at whether the log has passed the end of another claim. */
const LOOK_MS = 20;
/** Longest delay of a timer, in ms. */
const MAX_DELAY_MS = 2 ** 30;

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
  readonly #line: LockLine;
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
    this.#line = new LockLine(parts, key);
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
    if (this.#phase === "ended") return;
    const { now, isCurrent } = this.#parts.tables;
    if (this.#phase === "claiming" || !isCurrent) {
      this.#stepUnseen(now);
      return;
    }
    const claims = this.#line.read();
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
    const lookAt = this.#phase === "held" ? Infinity : Math.max(this.#lookAt, freeAt(claims, index, this.#terms.count));
    if (!this.#isRenewing && now >= Math.min(this.#renewAt, lookAt)) this.#renew();
    this.#schedule(Math.min(own.expiresAt, this.#giveUpAt, ...(this.#isRenewing ? [] : [this.#renewAt, lookAt])));
  }

  /** As `step`, while its place is not known, or a whole state is being loaded: that is looked at when it is complete. */
  #stepUnseen(now: number): void {
    if (this.#phase === "held" && now >= this.#until) this.#ended(true);
    else if (now >= this.#giveUpAt) this.#giveUp();
    else this.#schedule(this.#phase === "held" ? this.#until : this.#giveUpAt);
  }

  /** Until when it waits: at least for its place in the log. */
  get #giveUpAt(): number {
    if (this.#phase === "held") return Infinity;
    const { waitMs } = this.#terms;
    return this.#begunAt + (this.#phase === "claiming" ? Math.max(waitMs, CONFIRM_MS) : waitMs);
  }

  /** Goes to the end of the line. */
  #claim(): void {
    const { now } = this.#parts.tables;
    const { leaseMs } = this.#terms;
    const { path, placed } = this.#line.claim(now + leaseMs);
    this.#path = path;
    this.#phase = "claiming";
    this.#until = now + leaseMs;
    this.#renewAt = now + leaseMs / RENEWALS;
    void placed.then(() => {
      if (this.#path !== path || this.#phase !== "claiming") return;
      this.#phase = "waiting";
      this.step();
    });
  }

  #hold(token: number): void {
    this.#phase = "held";
    this.#token = token;
    this.#stopWaiting();
    this.#settle.resolve(true);
  }

  #renew(): void {
    const { now } = this.#parts.tables;
    const { leaseMs } = this.#terms;
    this.#renewAt = now + leaseMs / RENEWALS;
    this.#lookAt = now + LOOK_MS;
    try {
      const renewed = this.#line.renew(this.#path, now + leaseMs);
      this.#isRenewing = true;
      void renewed.then(() => {
        this.#isRenewing = false;
        this.step();
      });
    } catch {
      // There is no room for it now. It is tried again, and the lock is lost if there is none in time.
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
    const why = isLate
      ? "its lease, which was not renewed in time"
      : "its removal, or that of its member, by another one";
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
    await this.#line.remove(this.#path);
  }

  #removeQuietly(): void {
    try {
      void this.#line.remove(this.#path);
    } catch {
      // Nothing can be written now: it ends with its member, or with its lease.
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
    this.#timer = clock.after(delay, () => this.step());
  }
}
