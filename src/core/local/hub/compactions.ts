/** The compactions of a hub: when one is due, where it runs, and when a failed one is tried again. */
import { codeOf, sent } from "../../errors.js";
import { encodeEntries } from "../../log/codec.js";
import { bestEffort } from "../disk/file-access.js";
import { damageIn } from "../disk/file-errors.js";
import { inSlices, type Steps } from "../disk/steps.js";
import type { CompactRequest, CompactResult, Folded, HubReport, Machine, Timer } from "../machine/machine.js";
import { NoThreadError } from "../machine/threads.js";
import { compactAndCopy, NO_ROOM } from "../upkeep/compactor.js";
import { copyState, foreignError, removeCopy } from "../upkeep/file-copy.js";
import { Backoff } from "../wire/backoff.js";
import { FoldSchedule } from "./fold-schedule.js";
import type { Healing } from "./healing.js";
import type { Hub } from "./hub.js";

/** Pause, in ms, before a failed compaction is tried again; first and longest one before a heal is. */
const RETRY_MS = 10_000;
const HEAL_RETRY_MS = 100;
const MAX_HEAL_RETRY_MS = 30_000;

/** ms until a new manager sees whether the copy lacks something; the second one while its process has taken over from another one. */
const COPY_CHECK_MS = 100;
const COPY_RECHECK_MS = 5000;

/** How much larger than the one before a snapshot is expected to be, at most. */
const SNAPSHOT_GROWTH = 1.1;

/** Bytes of files that are folded before a hub serves: this takes some ms. */
const START_BYTES = 1024 * 1024;

/** Where a hub folds. */
export interface FoldPlace extends Pick<CompactRequest, "place" | "directoryId" | "copies"> {
  /** Whether the log goes on where another manager has left it a moment ago. */
  readonly isTakeover: boolean;
}

/**
 * A compaction that meets damage cannot fold the files. What they held is then written by a member that holds it: a heal takes the
 * place of the next compaction, and another compaction follows it, which reads and checks what was written.
 *
 * Invariant: at most one compaction or heal is begun and not over; none is begun after `stop`.
 */
export class Compactions {
  readonly #machine: Machine;
  readonly #hub: Hub;
  readonly #where: FoldPlace;
  readonly #schedule: FoldSchedule;
  readonly #report: (report: HubReport) => void;
  #isRunning = false;
  #isResting = false;
  #isStopped = false;
  /** What the closed segments hold may not be on the disk, so it must be written again. */
  #isOwed = false;
  #stopRunning: (() => void) | null = null;
  #rested: Timer | null = null;
  #copyCheck: Timer | null = null;
  readonly #healing: Healing;
  readonly #healRetry = new Backoff(HEAL_RETRY_MS, MAX_HEAL_RETRY_MS);
  /** Files are damaged, so a heal is owed; a segment has begun since that is known. */
  #isDamaged = false;
  #hasRotated = false;

  /**
   * @param where The directory that the hub holds, and whether there is a copy.
   * @param afterBytes Bytes of segments, beyond the size of the snapshot, that start a compaction.
   */
  constructor(
    machine: Machine,
    hub: Hub,
    healing: Healing,
    where: FoldPlace,
    afterBytes: number,
    report: (report: HubReport) => void,
  ) {
    this.#healing = healing;
    this.#machine = machine;
    this.#where = where;
    this.#hub = hub;
    this.#schedule = new FoldSchedule(machine.clock, afterBytes);
    this.#report = report;
    // A storage that begins has no copy, and nothing that one could have.
    if (hub.writer.confirmed.seq === 0) return;
    const delayMs = where.isTakeover ? COPY_RECHECK_MS : COPY_CHECK_MS;
    this.#copyCheck = machine.clock.after(delayMs, () => this.#isCopyOld() && this.start());
  }

  /** Batches were confirmed. @param isWritten Whether members wrote any of them. */
  grown(isWritten: boolean): void {
    if (isWritten) this.#schedule.changed();
    this.startIfDue();
  }

  startIfDue(): void {
    if (this.#isResting || this.#isRunning) return;
    const { writer } = this.#hub;
    const room = (): number => this.#machine.files.room(this.#where.place.directory);
    const isDue = writer.confirmed.seq > 0 && (this.#schedule.isDue(writer) || this.#schedule.isUrgent(writer, room));
    if (this.#isOwed || isDue) this.#start();
  }

  /**
   * However soon processes end, each start brings the copy of a small storage up to date: before the hub serves, and after its first
   * segment says where those before it end. A failure stops nothing: it is met again later.
   */
  *foldAtStart(isSeated: () => boolean): Steps<void> {
    const { writer } = this.#hub;
    const request = this.#request();
    if (this.#where.isTakeover || writer.bytes > START_BYTES || request.segments.length === 0) return;
    if (!this.#isCopyOld() || !isSeated()) return;
    this.#isRunning = true;
    try {
      const result = yield* compactAndCopy(this.#machine, request, true);
      writer.compacted(request, result);
      this.#schedule.folded();
      this.#report({ kind: "compacted", result });
    } catch (error) {
      if (codeOf(error) === "") throw error;
      this.#report({ kind: "compactionFailed", ...sent(error) });
    } finally {
      this.#isRunning = false;
    }
  }

  /** Whether the copy is missing, or lacks what is worth a fold. */
  #isCopyOld(): boolean {
    const { writer } = this.#hub;
    const { place, copies } = this.#where;
    if (!copies || writer.confirmed.seq === 0) return false;
    const state = bestEffort(() => copyState(this.#machine.files, place, writer.history));
    if (state?.kind === "foreign") this.#report({ kind: "copyFailed", ...sent(foreignError(place)) });
    if (state?.kind !== "own") return state?.kind === "none";
    return state.seq < writer.confirmed.seq && this.#schedule.isWorth(writer);
  }

  /**
   * The disk has refused a write. If it is full, the copy makes room, unless a fold is about to: the storage goes on, and a fold, which writes
   * the copy again, can begin.
   */
  refused(error: Error, mustCompact: boolean): void {
    const { place, copies } = this.#where;
    if (mustCompact) this.start();
    else if (copies && !this.#isRunning && NO_ROOM.has(codeOf(error)))
      this.#isOwed ||= bestEffort(() => removeCopy(this.#machine.files, place)) === true;
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
    else this.startIfDue();
  }

  /** Stops what runs; nothing more is begun. */
  stop(): void {
    this.#isStopped = true;
    this.#rested?.cancel();
    this.#copyCheck?.cancel();
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
    const { writer } = this.#hub;
    const begin = (isRotated: boolean): void => {
      // A full disk takes no further segment; what is closed can be folded all the same, and that makes room.
      const canFold = isRotated || (!this.#isDamaged && writer.segmentCount > 1);
      if (canFold && !this.#isStopped) this.#run(this.#request());
      else this.#isRunning = false;
    };
    // Tries in vain must not create a segment each.
    const isBegun = this.#isDamaged ? this.#hasRotated : writer.segmentCount > 1;
    if (isBegun && writer.isFresh) begin(true);
    else this.#hub.rotate(begin);
  }

  #request(): CompactRequest {
    const { directoryId, copies } = this.#where;
    return { ...this.#hub.writer.compaction(), directoryId, copies };
  }

  #run(request: CompactRequest): void {
    const isOwed = this.#isOwed;
    const isHeal = this.#isDamaged;
    this.#isOwed = false;
    this.#hasRotated = isHeal;
    const { writer } = this.#hub;
    // What a fold writes is about as large as the snapshot before it.
    writer.reserve(Math.ceil((writer.snapshotBytes || writer.segmentBytes) * SNAPSHOT_GROWTH));
    const over = (error: Error | null, folded: Folded | null, next: () => void): void => {
      writer.reserve(0);
      this.#isRunning = false;
      this.#stopRunning = null;
      if (this.#isStopped) return;
      if (folded) {
        writer.compacted(request, folded);
        next();
      } else {
        this.#isOwed ||= isOwed || !isHeal;
        this.#failed(error as Error, isHeal);
      }
    };
    if (isHeal)
      this.#stopRunning = this.#healing.heal(request, (error, folded) => over(error, folded, () => this.#healed()));
    else
      this.#compact(request, (error, result) =>
        over(error, result, () => {
          this.#schedule.folded();
          this.#report({ kind: "compacted", result: result as CompactResult });
          this.startIfDue();
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
      this.startIfDue();
    });
  }
}

/** The last report of a hub that cannot serve. */
export function failure(error: unknown): HubReport {
  return { kind: "failed", ...sent(error) };
}
