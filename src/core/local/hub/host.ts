/** The life of a hub: it listens, claims the seat, fences, reads the log, serves, compacts, and hands the seat on. */

import { codeOf, StorageError } from "../../errors.js";
import { encodeEntries } from "../../log/codec.js";
import { clearEntry } from "../../log/entry.js";
import { bestEffort } from "../disk/file-access.js";
import { snapshotHead } from "../disk/snapshot.js";
import { hasLiving } from "../election/member-file.js";
import { Seat } from "../election/seat.js";
import type { CompactResult, HubHandle, HubReport, HubRequest, Listener, Machine } from "../machine/machine.js";
import { compact, foldAll } from "../upkeep/compactor.js";
import type { Lost } from "../upkeep/intact-frames.js";
import { recoverForHub, removeStrays } from "../upkeep/recovery.js";
import { removeFiles } from "../upkeep/removal.js";
import { writeTombstone } from "../upkeep/tombstone.js";
import { PROTOCOL } from "../wire/messages.js";
import { Hub } from "./hub.js";

/** Pause, in ms, before a failed compaction is tried again. */
const COMPACTION_RETRY_MS = 10_000;

/** Segments after the snapshot, beyond which a compaction is started: a joining member has all of them open. */
const MAX_SEGMENTS = 64;

/** Starts a hub beside the caller's event loop or in it: the same code for the real and the simulated machine. */
export function startHub(machine: Machine, request: HubRequest, report: (report: HubReport) => void): HubHandle {
  return new HubHost(machine, request, report);
}

/**
 * Invariants, which the order of steps keeps:
 *
 * 1. It listens before its seat is published, so a seat always names an address that has answered.
 * 2. It fences before it reads the log, so it reads all that any manager before it confirms.
 * 3. It cleans up after its first segment exists and while its seat holds, so no successor needs what is removed.
 */
class HubHost implements HubHandle {
  readonly #machine: Machine;
  readonly #request: HubRequest;
  readonly #report: (report: HubReport) => void;
  #hub: Hub | null = null;
  #seat: Seat | null = null;
  #listener: Listener | null = null;
  #stopCompaction: (() => void) | null = null;
  #isRestingFromCompaction = false;
  /** What the closed segments hold may not be on the disk, so it must be written again. */
  #mustCompact = false;
  /** The last fold is done in this thread, so no compaction is started beside it. */
  #isLeaving = false;
  #isOver = false;

  constructor(machine: Machine, request: HubRequest, report: (report: HubReport) => void) {
    this.#machine = machine;
    this.#request = request;
    this.#report = report;
    machine.sockets.listen(
      request.place.directory,
      (socket) => (this.#hub as Hub).accept(socket),
      (error, address, listener) => this.#listening(error, address, listener),
    );
  }

  close(destroy: boolean): void {
    if (this.#isOver) return;
    const hub = this.#hub;
    if (hub === null) {
      this.#end({ kind: "ended" });
      return;
    }
    // Two rounds of the event loop, so that members that left before are seen to have left.
    const { clock } = this.#machine;
    clock.soon(() => clock.soon(() => this.#isOver || this.#leave(hub, destroy)));
  }

  #leave(hub: Hub, destroy: boolean): void {
    const isLast = !hub.hasOthers;
    this.#listener?.close();
    this.#stopCompaction?.();
    this.#isLeaving = true;
    const isEmptied = isLast && (destroy || this.#isVoidForSure()) && this.#empty(hub);
    hub.close(() => {
      if (this.#isOver) return;
      try {
        if (isEmptied) this.#removeFiles(hub);
        else if (isLast) this.#leaveFiles(hub, destroy);
        this.#end({ kind: "ended" });
      } catch (error) {
        // A successor has the files too, and what must be done with them.
        this.#end(this.#seat?.holds() ? failure(error) : { kind: "ended" });
      }
    });
  }

  terminate(): void {
    this.#stopCompaction?.();
    this.#hub?.abandon();
    this.#end(null);
  }

  #listening(error: Error | null, address: string, listener: Listener): void {
    this.#listener = error ? null : listener;
    if (this.#isOver) {
      this.#listener?.close();
      return;
    }
    try {
      if (error) throw error;
      this.#claim(address);
    } catch (cause) {
      // A successor may have taken files away while they were read here.
      const isReplaced = this.#seat !== null && !this.#seat.holds();
      this.#hub?.abandon();
      this.#end(isReplaced ? { kind: "replaced" } : failure(cause));
    }
  }

  #claim(address: string): void {
    const { place, options, epoch, position, member } = this.#request;
    const machine = this.#machine;
    const token = machine.random(32).toString("hex");
    const { pid, host, bootId } = machine.identity;
    const seat = Seat.claim(machine, place, epoch + 1, { address, token, pid, host, bootId, protocol: PROTOCOL });
    if (seat === null) {
      this.#end({ kind: "replaced" });
      return;
    }
    this.#seat = seat;
    const fenced = seat.fence();
    const isVoid = position === null && this.#isVoid();
    const how = isVoid ? ({ recover: "salvage" } as const) : options;
    const recovered = recoverForHub(machine, place, seat.epoch, how, position, (lost) => {
      if (!isVoid) this.#report({ kind: "salvaged", message: describeLost(lost) });
    });
    // What a successor has appended may have been read too: a segment after that would name a newer one before it.
    if (!seat.holds()) {
      this.#end({ kind: "replaced" });
      return;
    }
    this.#hub = new Hub(machine, place, options, seat, { token, member }, recovered, {
      replaced: () => this.#end({ kind: "replaced" }),
      grown: () => this.#compactIfGrown(),
      mustCompact: () => {
        this.#mustCompact = true;
        this.#compact();
      },
    });
    if (isVoid && recovered.seq > 0) {
      this.#mustCompact = true;
      if (!this.#hub.order(encodeEntries([clearEntry()]))) throw refusal("a disk that takes the clear of void files");
    }
    this.#report({ kind: "serving", epoch: seat.epoch });
    if (!seat.holds()) return;
    for (const gone of fenced) machine.sockets.remove(gone);
    removeStrays(machine.files, place, seat.epoch, recovered.segments);
  }

  #compactIfGrown(): void {
    const writer = this.#hub?.writer;
    if (!writer || this.#isRestingFromCompaction) return;
    const isLarge = writer.segmentBytes > this.#request.options.compactAfterBytes + writer.snapshotBytes;
    if (this.#mustCompact || isLarge || writer.segmentCount > MAX_SEGMENTS) this.#compact();
  }

  #compact(): void {
    const hub = this.#hub;
    if (this.#isOver || this.#isLeaving || hub === null || this.#stopCompaction !== null || !hub.rotate()) return;
    const request = hub.writer.compaction();
    const isOwed = this.#mustCompact;
    this.#mustCompact = false;
    const done = (error: Error | null, result: CompactResult | null) => {
      this.#stopCompaction = null;
      if (this.#isOver) return;
      if (result) {
        hub.writer.compacted(request, result);
        this.#report({ kind: "compacted", result });
        this.#compactIfGrown();
      } else {
        this.#mustCompact ||= isOwed;
        this.#rest(error as Error);
      }
    };
    try {
      this.#stopCompaction = this.#machine.threads.compact(request, done);
    } catch (error) {
      done(error as Error, null);
    }
  }

  /** A failed compaction loses nothing: the segments stay. It is tried again later. */
  #rest(error: Error): void {
    this.#report({ kind: "compactionFailed", ...describe(error) });
    this.#isRestingFromCompaction = true;
    this.#machine.clock.after(COMPACTION_RETRY_MS, () => {
      this.#isRestingFromCompaction = false;
      this.#compactIfGrown();
    });
  }

  /** Whether the files are void: they belong to no member that is alive. */
  #isVoid(): boolean {
    const { place, options, member } = this.#request;
    return !options.persist && !hasLiving(this.#machine, place, member);
  }

  /** As `isVoid`; false when that is unknown, so that the files stay. */
  #isVoidForSure(): boolean {
    return bestEffort(() => this.#isVoid()) ?? false;
  }

  /**
   * Ends the log with a clear and, in a segment after it, an empty batch, so that no name of a file has the last seq.
   * @returns false when the disk refuses, or another process has the seat.
   */
  #empty(hub: Hub): boolean {
    return hub.order(encodeEntries([clearEntry()])) && hub.rotate() && hub.order(encodeEntries([]));
  }

  /** The last member leaves: one file holds everything. */
  #leaveFiles(hub: Hub, destroy: boolean): void {
    if (!this.#seat?.holds()) return;
    if (destroy) throw refusal("a disk that takes the end of the log");
    // Frames that were never confirmed lie after the end: a successor may count on them, so nothing is folded.
    if (!hub.writer.isSettled) return;
    foldAll(this.#machine, { ...hub.writer.compaction(), segments: hub.writer.chain });
  }

  /** The last member leaves an empty log: all files are removed. The commit point is the tombstone. */
  #removeFiles(hub: Hub): void {
    const { place } = this.#request;
    const { files, identity } = this.#machine;
    const seat = this.#seat as Seat;
    if (!seat.holds()) return;
    const { snapshot } = compact(this.#machine, hub.writer.compaction());
    const { seq } = hub.writer.confirmed;
    writeTombstone(this.#machine, place, seat.epoch, { ...snapshotHead(files, place, snapshot), seq });
    removeFiles(
      files,
      place,
      seq,
      () => seat.holds(),
      (pid) => identity.isAlive(pid),
    );
  }

  #end(report: HubReport | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener?.close();
    this.#seat?.release();
    if (report) this.#report(report);
  }
}

function refusal(wanted: string): StorageError {
  return new StorageError("ERR_STORAGE_DISK", `expected ${wanted}, got one that refuses`);
}

function describe(error: unknown): { code: string; message: string } {
  return { code: codeOf(error) || "ERR_STORAGE_DISK", message: error instanceof Error ? error.message : String(error) };
}

function failure(error: unknown): HubReport {
  return { kind: "failed", ...describe(error) };
}

function describeLost(lost: readonly Lost[]): string {
  const parts = lost.map(({ file, from, to }) => (to > from ? `${file}, bytes ${from} to ${to}` : file));
  return `corrupt files were kept aside and what is intact was loaded; corrupt: ${parts.join("; ") || "nothing"}`;
}
