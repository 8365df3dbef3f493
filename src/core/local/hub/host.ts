/** The life of a hub: it listens, claims the seat, fences, reads the log, serves, compacts, and hands the seat on. */
import { codeOf } from "../../errors.js";
import { encodeEntries } from "../../log/codec.js";
import { clearEntry } from "../../log/entry.js";
import { bestEffort, pinIfThere } from "../disk/file-access.js";
import { socketPath } from "../disk/file-names.js";
import { askAll } from "../election/member-socket.js";
import { Seat } from "../election/seat.js";
import type {
  CompactResult,
  HubHandle,
  HubReport,
  HubRequest,
  Machine,
  Pin,
  Socket,
  SocketEvents,
} from "../machine/machine.js";
import { MovedError } from "../machine/pinned-files.js";
import type { Lost } from "../upkeep/intact-frames.js";
import { recoverForHub, removeStrays } from "../upkeep/recovery.js";
import { PROTOCOL } from "../wire/messages.js";
import { Departures } from "./departures.js";
import { Hub } from "./hub.js";
import { HubSocket } from "./hub-socket.js";
import { emptyLog, endedOf, foldStorage, isVoid, movedError, refusal, removeStorage } from "./last-member.js";

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
 * 1. It listens, and has reached itself, before its seat is published: so a seat always names a socket that has answered, and a
 *    process that others cannot reach replaces no manager.
 * 2. It fences before it reads the log, so it reads all that any manager before it confirms.
 * 3. It cleans up after its first segment exists and while its seat holds, so no successor needs what is removed.
 * 4. All that it does in the directory goes by the one that it held when it began, and that is at its path.
 */
class HubHost implements HubHandle {
  readonly #machine: Machine;
  readonly #request: HubRequest;
  readonly #report: (report: HubReport) => void;
  #pin: Pin | null = null;
  #socket: HubSocket | null = null;
  #departures: Departures | null = null;
  #hub: Hub | null = null;
  #seat: Seat | null = null;
  #stopCompaction: (() => void) | null = null;
  #isRestingFromCompaction = false;
  /** What the closed segments hold may not be on the disk, so it must be written again. */
  #mustCompact = false;
  /** The last fold is done in this thread, so no compaction is started beside it. */
  #isLeaving = false;
  #isOver = false;

  constructor(machine: Machine, request: HubRequest, report: (report: HubReport) => void) {
    this.#request = request;
    this.#report = report;
    const { place } = request;
    let pin: Pin | null = null;
    // The last member may just have removed the directory.
    let why: HubReport = { kind: "replaced" };
    try {
      pin = pinIfThere(machine.files, place.directory);
    } catch (error) {
      why = failure(error);
    }
    if (pin === null) {
      this.#machine = machine;
      machine.clock.soon(() => this.#end(why));
      return;
    }
    this.#pin = pin;
    this.#machine = { ...machine, files: pin.files };
    this.#socket = new HubSocket(this.#machine, place, pin.directory, (socket) => this.#accept(socket));
    this.#socket.open((error) => this.#try(() => this.#listening(error)));
  }

  close(destroy: boolean, hasWritten: boolean): void {
    if (this.#isOver) return;
    const hub = this.#hub;
    if (hub === null) {
      this.#end({ kind: "ended" });
      return;
    }
    // Two rounds of the event loop, so that members that left before are seen to have left.
    const { clock } = this.#machine;
    clock.soon(() => clock.soon(() => this.#isOver || this.#leave(hub, destroy, hasWritten)));
  }

  #leave(hub: Hub, destroy: boolean, hasWritten: boolean): void {
    this.#socket?.close();
    this.#stopCompaction?.();
    this.#isLeaving = true;
    const { place, options, member } = this.#request;
    askAll(this.#machine, place, member, (lives) => {
      if (this.#isOver) return;
      const isLast = !hub.hasOthers;
      const isEmptied = isLast && (destroy || (!options.persist && isVoid(lives))) && emptyLog(hub);
      if (hasWritten && !isEmptied) hub.left(member);
      hub.close(() => {
        if (this.#isOver) return;
        const seat = this.#seat as Seat;
        try {
          if (isEmptied) removeStorage(this.#machine, place, seat, hub, [member, ...endedOf(lives)]);
          else if (isLast) foldStorage(this.#machine, seat, hub, destroy);
          this.#end({ kind: "ended" });
        } catch (error) {
          // A successor has the files too, and what must be done with them.
          this.#end(seat.holds() ? failure(error) : { kind: "ended" });
        }
      });
    });
  }

  terminate(): void {
    this.#stopCompaction?.();
    this.#hub?.abandon();
    this.#end(null);
  }

  /** A connection that comes before the log is read is closed: its member tries again. */
  #accept(socket: Socket): SocketEvents {
    if (this.#hub !== null) return this.#hub.accept(socket);
    socket.destroy();
    return { data: () => {}, closed: () => {} };
  }

  /** Takes a step on the way to a hub that serves. */
  #try(step: () => void): void {
    if (this.#isOver) return;
    try {
      step();
    } catch (cause) {
      // A successor may have taken files away while they were read here, or the directory was removed.
      const isReplaced = cause instanceof MovedError || (this.#seat !== null && !this.#seat.holds());
      this.#hub?.abandon();
      this.#end(isReplaced ? { kind: "replaced" } : failure(cause));
    }
  }

  #listening(error: Error | null): void {
    if (error) throw error;
    const { place, options, epoch, position } = this.#request;
    const machine = this.#machine;
    const token = machine.random(32).toString("hex");
    const { pid, uid, host, bootId } = machine.identity;
    const socket = (this.#socket as HubSocket).name;
    const { directory } = place;
    const device = machine.files.deviceOf(directory);
    const view = { socket, token, pid, uid, host, bootId, device, directory, protocol: PROTOCOL };
    const seat = Seat.claim(machine, place, epoch + 1, view);
    if (seat === null) {
      this.#end({ kind: "replaced" });
      return;
    }
    this.#seat = seat;
    const fenced = seat.fence();
    // However long the reading takes, others see that this contender is alive.
    (this.#pin as Pin).files.used = () => seat.refreshIfDue();
    if (options.persist || position !== null) this.#serve(seat, token, fenced, false);
    else
      askAll(machine, place, this.#request.member, (lives) =>
        this.#try(() => this.#serve(seat, token, fenced, isVoid(lives))),
      );
  }

  /** @param isVoid The files belong to no member that is alive, so they are emptied. */
  #serve(seat: Seat, token: string, fenced: readonly string[], isVoid: boolean): void {
    const { place, options, position, member } = this.#request;
    const machine = this.#machine;
    const how = isVoid ? ({ recover: "salvage" } as const) : options;
    const recovered = recoverForHub(machine, place, seat.epoch, how, position, (lost) => {
      if (!isVoid) this.#report({ kind: "salvaged", message: describeLost(lost) });
    });
    // What a successor has appended may have been read too: a segment after that would name a newer one before it.
    if (!seat.holds()) {
      this.#end({ kind: "replaced" });
      return;
    }
    const hub = new Hub(machine, place, options, seat, { token, member }, recovered, {
      replaced: () => this.#end({ kind: "replaced" }),
      moved: () => this.#end(failure(movedError(place))),
      pulse: () => this.#pulse(),
      lost: (id) => this.#departures?.lost(id),
      leaves: (id, hasWritten) => this.#departures?.leaves(id, hasWritten),
      grown: () => this.#compactIfGrown(),
      mustCompact: () => {
        this.#mustCompact = true;
        this.#compact();
      },
    });
    this.#hub = hub;
    this.#departures = new Departures(machine, place, member, hub);
    if (isVoid && recovered.seq > 0) {
      this.#mustCompact = true;
      if (!hub.order(encodeEntries([clearEntry()]))) throw refusal("a disk that takes the clear of void files");
    }
    (this.#pin as Pin).files.used = null;
    this.#report({ kind: "serving", epoch: seat.epoch });
    if (!seat.holds()) return;
    for (const name of fenced) bestEffort(() => machine.files.unlink(socketPath(place, name)));
    removeStrays(machine.files, place, seat.epoch, recovered.segments);
    this.#departures.check();
  }

  /** Looks after what is outside of the hub: whether others reach it, and which members are there. */
  #pulse(): void {
    const hub = this.#hub as Hub;
    const socket = this.#socket as HubSocket;
    if (this.#isOver || this.#isLeaving) return;
    const unreachable = socket.failure(this.#request.options.stallTimeout);
    if (unreachable !== null) {
      hub.abandon();
      this.#end(failure(unreachable));
      return;
    }
    socket.check();
    this.#departures?.check();
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
    const request = { ...hub.writer.compaction(), directoryId: (this.#pin as Pin).id };
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

  #end(report: HubReport | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket?.close();
    this.#seat?.release();
    this.#pin?.close();
    if (report) this.#report(report);
  }
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
