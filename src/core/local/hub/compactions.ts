/** The compactions of a hub: when one is due, where it runs, and when a failed one is tried again. */
import { codeOf } from "../../errors.js";
import { inSlices } from "../disk/steps.js";
import type { CompactRequest, CompactResult, HubReport, Machine, Timer } from "../machine/machine.js";
import { NoThreadError } from "../machine/threads.js";
import { compact } from "../upkeep/compactor.js";
import type { Hub } from "./hub.js";

/** Pause, in ms, before a failed compaction is tried again. */
const RETRY_MS = 10_000;

/** Segments after the snapshot, beyond which a compaction is started: a joining member has all of them open. */
const MAX_SEGMENTS = 64;

/** Invariant: at most one compaction is begun and not over; none is begun after `stop`. */
export class Compactions {
  readonly #machine: Machine;
  readonly #hub: Hub;
  readonly #directoryId: string;
  readonly #afterBytes: number;
  readonly #report: (report: HubReport) => void;
  #isRunning = false;
  #isResting = false;
  #isStopped = false;
  /** What the closed segments hold may not be on the disk, so it must be written again. */
  #isOwed = false;
  #stopRunning: (() => void) | null = null;
  #rested: Timer | null = null;

  /**
   * @param directoryId {@link Pin.id} of the directory that the hub holds.
   * @param afterBytes Bytes of segments, beyond the size of the snapshot, that start a compaction.
   */
  constructor(
    machine: Machine,
    hub: Hub,
    directoryId: string,
    afterBytes: number,
    report: (report: HubReport) => void,
  ) {
    this.#machine = machine;
    this.#directoryId = directoryId;
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

  /** Stops what runs; nothing more is begun. */
  stop(): void {
    this.#isStopped = true;
    this.#rested?.cancel();
    this.#stopRunning?.();
  }

  #start(): void {
    if (this.#isStopped || this.#isRunning) return;
    this.#isRunning = true;
    this.#hub.rotate((isRotated) => {
      if (isRotated && !this.#isStopped)
        this.#run({ ...this.#hub.writer.compaction(), directoryId: this.#directoryId });
      else this.#isRunning = false;
    });
  }

  #run(request: CompactRequest): void {
    const isOwed = this.#isOwed;
    this.#isOwed = false;
    this.#compact(request, (error, result) => {
      this.#isRunning = false;
      this.#stopRunning = null;
      if (this.#isStopped) return;
      if (result) {
        this.#hub.writer.compacted(request, result);
        this.#report({ kind: "compacted", result });
        this.startIfGrown();
      } else {
        this.#isOwed ||= isOwed;
        this.#rest(error as Error);
      }
    });
  }

  /** In a thread. Where none is to be had, in slices: the hub goes on in between. */
  #compact(request: CompactRequest, done: (error: Error | null, result: CompactResult | null) => void): void {
    const { threads, clock } = this.#machine;
    this.#stopRunning = threads.compact(request, (error, result) => {
      if (!(error instanceof NoThreadError)) done(error, result);
      else if (!this.#isStopped)
        this.#stopRunning = inSlices(clock)(compact(this.#machine, request), (failed, folded) =>
          done(failed, folded ?? null),
        );
    });
  }

  /** A failed compaction loses nothing: the segments stay. It is tried again later. */
  #rest(error: Error): void {
    this.#report({ kind: "compactionFailed", ...describe(error) });
    this.#isResting = true;
    this.#rested?.cancel();
    this.#rested = this.#machine.clock.after(RETRY_MS, () => {
      this.#isResting = false;
      this.startIfGrown();
    });
  }
}

function describe(error: unknown): { code: string; message: string } {
  return { code: codeOf(error) || "ERR_STORAGE_DISK", message: error instanceof Error ? error.message : String(error) };
}

/** The last report of a hub that cannot serve. */
export function failure(error: unknown): HubReport {
  return { kind: "failed", ...describe(error) };
}
