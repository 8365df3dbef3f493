/** The compactions of a hub: when one is due, where it runs, and when a failed one is tried again. */
import { codeOf, sent } from "../../errors.js";
import { encodeEntries } from "../../log/codec.js";
import { bestEffort } from "../disk/file-access.js";
import { damageIn } from "../disk/file-errors.js";
import { inSlices } from "../disk/steps.js";
import type { CompactRequest, CompactResult, Folded, HubReport, Machine, Timer } from "../machine/machine.js";
import { NoThreadError } from "../machine/threads.js";
import { compactAndCopy } from "../upkeep/compactor.js";
import { Backoff } from "../wire/backoff.js";
import type { Healing } from "./healing.js";
import type { Hub } from "./hub.js";

/** Pause, in ms, before a failed compaction is tried again; first and longest one before a heal is. */
const RETRY_MS = 10_000;
const HEAL_RETRY_MS = 100;
const MAX_HEAL_RETRY_MS = 30_000;

/** Segments after the snapshot, beyond which a compaction is started: a joining member has all of them open. */
const MAX_SEGMENTS = 64;

/**
 * A compaction that meets damage cannot fold the files. What they held is then written by a member that holds it: a heal takes the
 * place of the next compaction, and another compaction follows it, which reads and checks what was written.
 *
 * Invariant: at most one compaction or heal is begun and not over; none is begun after `stop`.
 */
export class Compactions {
  readonly #machine: Machine;
  readonly #hub: Hub;
  readonly #about: Pick<CompactRequest, "directoryId" | "copies">;
  readonly #afterBytes: number;
  readonly #report: (report: HubReport) => void;
  #isRunning = false;
  #isResting = false;
  #isStopped = false;
  /** What the closed segments hold may not be on the disk, so it must be written again. */
  #isOwed = false;
  #stopRunning: (() => void) | null = null;
  #rested: Timer | null = null;
  readonly #healing: Healing;
  readonly #healRetry = new Backoff(HEAL_RETRY_MS, MAX_HEAL_RETRY_MS);
  /** Files are damaged, so a heal is owed; a segment has begun since that is known. */
  #isDamaged = false;
  #hasRotated = false;

  /**
   * @param about The directory that the hub holds, and whether there is a copy.
   * @param afterBytes Bytes of segments, beyond the size of the snapshot, that start a compaction.
   */
  constructor(
    machine: Machine,
    hub: Hub,
    healing: Healing,
    about: Pick<CompactRequest, "directoryId" | "copies">,
    afterBytes: number,
    report: (report: HubReport) => void,
  ) {
    this.#healing = healing;
    this.#machine = machine;
    this.#about = about;
    this.#hub = hub;
    this.#afterBytes = afterBytes;
    this.#report = report;
  }

  startIfGrown(): void {
    if (this.#isResting) return;
    const { writer } = this.#hub;
    const isLarge = writer.segmentBytes > this.#afterBytes + writer.snapshotBytes;
    if (this.#isOwed || isLarge || writer.segmentCount > MAX_SEGMENTS) this.#start();
  }

  /** Compacts as soon as that is possible, however small the log is. */
  start(): void {
    this.#isOwed = true;
    this.#start();
  }

  /** As `start`, at the next good moment. */
  owe(): void {
    this.#isOwed = true;
  }

  /**
   * Files are damaged, as `damage` says: what they held is written again as soon as that is possible. It is reported once, until
   * that is done.
   */
  heal(damage: string): void {
    if (!this.#isDamaged) this.#report({ kind: "damaged", message: damageIn(damage) });
    this.#isDamaged = true;
    if (this.#isResting) this.#isOwed = true;
    else this.start();
  }

  /** Looks at the files, and heals what is wrong with them. */
  look(): void {
    const damage = bestEffort(() => this.#hub.writer.damage) ?? null;
    if (damage !== null) this.heal(damage);
    // It could not begin while the disk refused.
    else if (this.#isDamaged && !this.#isResting) this.start();
  }

  /** Stops what runs; nothing more is begun. */
  stop(): void {
    this.#isStopped = true;
    this.#rested?.cancel();
    this.#stopRunning?.();
  }

  #start(): void {
    if (this.#isStopped || this.#isRunning) return;
    this.#isRunning = true;
    // A state without a batch has no seq that a snapshot could have.
    if (this.#isDamaged && this.#hub.writer.confirmed.seq === 0)
      this.#hub.order(encodeEntries([]), () => this.#rotate());
    else this.#rotate();
  }

  #rotate(): void {
    const begin = (isRotated: boolean): void => {
      if (isRotated && !this.#isStopped) this.#run({ ...this.#hub.writer.compaction(), ...this.#about });
      else this.#isRunning = false;
    };
    // Tries in vain must not create a segment each.
    if (this.#isDamaged && this.#hasRotated && this.#hub.writer.isFresh) begin(true);
    else this.#hub.rotate(begin);
  }

  #run(request: CompactRequest): void {
    const isOwed = this.#isOwed;
    const isHeal = this.#isDamaged;
    this.#isOwed = false;
    this.#hasRotated = isHeal;
    const over = (error: Error | null, folded: Folded | null, next: () => void): void => {
      this.#isRunning = false;
      this.#stopRunning = null;
      if (this.#isStopped) return;
      if (folded) {
        this.#hub.writer.compacted(request, folded);
        next();
      } else {
        this.#isOwed ||= isOwed;
        this.#failed(error as Error, isHeal);
      }
    };
    if (isHeal)
      this.#stopRunning = this.#healing.heal(request, (error, folded) => over(error, folded, () => this.#healed()));
    else
      this.#compact(request, (error, result) =>
        over(error, result, () => {
          this.#report({ kind: "compacted", result: result as CompactResult });
          this.startIfGrown();
        }),
      );
  }

  #healed(): void {
    this.#isDamaged = false;
    this.#hasRotated = false;
    this.#healRetry.reset();
    this.#report({ kind: "healed" });
    this.start();
  }

  #failed(error: Error, isHeal: boolean): void {
    if (isHeal) this.#rest(error, this.#healRetry.next());
    else if (codeOf(error) === "ERR_STORAGE_CORRUPT") this.heal(error.message);
    else this.#rest(error, RETRY_MS);
  }

  /** In a thread. Where none is to be had, in slices: the hub goes on in between. */
  #compact(request: CompactRequest, done: (error: Error | null, result: CompactResult | null) => void): void {
    const { threads, clock } = this.#machine;
    this.#stopRunning = threads.compact(request, (error, result) => {
      if (!(error instanceof NoThreadError)) done(error, result);
      else if (!this.#isStopped)
        this.#stopRunning = inSlices(clock)(compactAndCopy(this.#machine, request, request.copies), (failed, folded) =>
          done(failed, folded ?? null),
        );
    });
  }

  /** A failed compaction loses nothing: the segments stay. It is tried again later. */
  #rest(error: Error, pauseMs: number): void {
    this.#report({ kind: "compactionFailed", ...sent(error) });
    this.#isResting = true;
    this.#rested?.cancel();
    this.#rested = this.#machine.clock.after(pauseMs, () => {
      this.#isResting = false;
      this.startIfGrown();
    });
  }
}

/** The last report of a hub that cannot serve. */
export function failure(error: unknown): HubReport {
  return { kind: "failed", ...sent(error) };
}
