/**
 * The life of a hub: listens, claims the seat, fences, reads the log, serves, compacts, hands on.
 *
 * The order is fixed: it listens before its seat is published, so a seat always names an address that answered once; it
 * fences before it reads, so nothing that is confirmed later escapes it; and it cleans up only after its first segment is
 * there and its seat still stands, when no successor can need what it removes.
 */

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

/** Segments behind the snapshot, beyond which a compaction is started: a joining member has all of them open. */
const MAX_SEGMENTS = 64;

/** Starts a hub beside the caller's event loop or in it: the same code for the real and the simulated machine. */
export function startHub(machine: Machine, request: HubRequest, report: (report: HubReport) => void): HubHandle {
  return new HubHost(machine, request, report);
}

class HubHost implements HubHandle {
  readonly #machine: Machine;
  readonly #request: HubRequest;
  readonly #report: (report: HubReport) => void;
  #hub: Hub | null = null;
  #seat: Seat | null = null;
  #listener: Listener | null = null;
  #stopCompaction: (() => void) | null = null;
  #isRestingFromCompaction = false;
  /** An fsync failed: what the closed segments hold may not be on the disk, and must be written anew. */
  #mustCompact = false;
  /** What is left to fold is folded here, not beside it. */
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
    // Others may have left before, and that has not been read yet; in this turn the sockets may have been looked at before.
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
        // Whoever has the seat now has the files too, and what was to be done with them.
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
    // What a successor has appended may have been read too: a segment behind that would name a newer one before it.
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
      if (!this.#hub.order(encodeEntries([clearEntry()]))) throw refusal("what is nobody's to be cleared");
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

  /** Whether what the files hold is nobody's any more. */
  #isVoid(): boolean {
    const { place, options, member } = this.#request;
    return !options.persist && !hasLiving(this.#machine, place, member);
  }

  /** As `isVoid`; when nobody can tell, the files stay. */
  #isVoidForSure(): boolean {
    return bestEffort(() => this.#isVoid()) ?? false;
  }

  /**
   * Ends the log with a clear and, in a segment behind it, an empty batch: no name of a file has the last seq.
   * @returns false when the disk refuses, or somebody else has the seat.
   */
  #empty(hub: Hub): boolean {
    return hub.order(encodeEntries([clearEntry()])) && hub.rotate() && hub.order(encodeEntries([]));
  }

  /** The last member leaves: one file holds everything. */
  #leaveFiles(hub: Hub, destroy: boolean): void {
    if (!this.#seat?.holds()) return;
    if (destroy) throw refusal("the log to be ended");
    // Frames that were never confirmed lie behind the end: a successor may count on them, so nothing is folded.
    if (!hub.writer.isSettled) return;
    foldAll(this.#machine, { ...hub.writer.compaction(), segments: hub.writer.chain });
  }

  /** The last member leaves an empty log: nothing is left. The commit point is the note of where it ended. */
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
  return new StorageError("ERR_STORAGE_DISK", `expected ${wanted}, got a disk that takes nothing`);
}

function describe(error: unknown): { code: string; message: string } {
  return { code: codeOf(error) || "ERR_STORAGE_DISK", message: error instanceof Error ? error.message : String(error) };
}

function failure(error: unknown): HubReport {
  return { kind: "failed", ...describe(error) };
}

function describeLost(lost: readonly Lost[]): string {
  const parts = lost.map(({ file, from, to }) => (to > from ? `${file}, bytes ${from} to ${to}` : file));
  return `damaged files were kept aside and what is intact was loaded; damaged: ${parts.join("; ") || "nothing"}`;
}
