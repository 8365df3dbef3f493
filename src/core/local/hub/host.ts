/** The life of a hub: it listens, claims the seat, fences, reads the log, serves, compacts, and hands the seat on. */
import { codeOf } from "../../errors.js";
import { bestEffort, pinIfThere } from "../disk/file-access.js";
import { socketPath } from "../disk/file-names.js";
import { atOnce, inSlices, type Steps } from "../disk/steps.js";
import { askAll } from "../election/member-socket.js";
import type { Seat } from "../election/seat.js";
import type { FileReport } from "../machine/healing.js";
import type {
  HubHandle,
  HubReport,
  HubRequest,
  Machine,
  Pin,
  Socket,
  SocketEvents,
  Timer,
} from "../machine/machine.js";
import { MovedError } from "../machine/pinned-files.js";
import type { Recovered } from "../upkeep/recovery.js";
import { removeStrays } from "../upkeep/removal.js";
import { Compactions, failure } from "./compactions.js";
import { Contender } from "./contender.js";
import { Departures } from "./departures.js";
import { Healing } from "./healing.js";
import { HeldState } from "./held-state.js";
import { Hub } from "./hub.js";
import type { HubEvents } from "./hub-events.js";
import { HubSocket, removeEndedSockets } from "./hub-socket.js";
import { timeAtStart } from "./hub-time.js";
import {
  isVoid as areAllGone,
  clearVoid,
  emptyLog,
  endedOf,
  foldStorage,
  movedError,
  removeStorage,
  tidyStorage,
} from "./last-member.js";

/** ms after which a new manager asks which members have ended under those before it. */
const FIRST_CHECK_MS = 50;

/**
 * Starts a hub: the same code for the real and the simulated machine, in a thread and in the event loop of an application.
 * @param mayBlock Whether it may block the event loop, which is its own then. Otherwise nothing that it does takes long in one
 *   piece, and it waits for the disk without blocking.
 */
export function startHub(machine: Machine, request: HubRequest, report: Report, mayBlock = true): HubHandle {
  return new HubHost(machine, request, report, mayBlock);
}

type Report = (report: HubReport) => void;

/**
 * Invariants, which the order of steps keeps:
 *
 * 1. It listens, and has reached itself, before its seat is published: so a seat always names a socket that has answered, and a
 *    process that others cannot reach replaces no manager.
 * 2. It cleans up after its first segment exists and while its seat holds, so no successor needs what is removed.
 * 3. All that it does in the directory goes by the one that it held when it began, and that is at its path.
 * 4. It leaves once the steps with which it begins are over: both may fold, and two folds would take files from each other.
 */
class HubHost implements HubHandle {
  readonly #machine: Machine;
  readonly #request: HubRequest;
  readonly #report: Report;
  #pin: Pin | null = null;
  #socket: HubSocket | null = null;
  #departures: Departures | null = null;
  #firstCheck: Timer | null = null;
  #hub: Hub | null = null;
  #seat: Seat | null = null;
  #compactions: Compactions | null = null;
  #healing: Healing | null = null;
  #held: HeldState | null = null;
  #contender: Contender | null = null;
  /** What has failed, to be tried again once the files are healed. */
  #again = (): void => {};
  readonly #mayBlock: boolean;
  #stopSteps: (() => void) | null = null;
  /** Whether the steps with which it begins to serve are over, and what waits for that. */
  #hasBegun = false;
  #begun = (): void => {};
  #isLeaving = false;
  /** Whether the log notes that its own member has left, or need not. */
  #isNoted = true;
  #isOver = false;

  constructor(machine: Machine, request: HubRequest, report: Report, mayBlock: boolean) {
    this.#mayBlock = mayBlock;
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
    this.#held = new HeldState(this.#machine, request, pin.id, report);
    this.#socket = new HubSocket(this.#machine, place, pin.directory, (socket) => this.#accept(socket));
    this.#socket.open((error) => this.#try(() => this.#listening(error)));
  }

  close(destroy: boolean, hasWritten: boolean): void {
    if (this.#isOver) return;
    const hub = this.#hub;
    this.#isNoted = !hasWritten;
    if (hub === null) {
      this.#ended();
      return;
    }
    // Two rounds of the event loop, so that members that left before are seen to have left.
    const { clock } = this.#machine;
    this.#begun = () => clock.soon(() => clock.soon(() => this.#isOver || this.#leave(hub, destroy, hasWritten)));
    if (this.#hasBegun) this.#begun();
  }

  #leave(hub: Hub, destroy: boolean, hasWritten: boolean): void {
    this.#isLeaving = true;
    this.#held?.leaves();
    this.#socket?.close(true);
    this.#compactions?.stop();
    const { place, options, member } = this.#request;
    askAll(this.#machine, place, member, (lives) => {
      if (this.#isOver) return;
      hub.beginLeaving();
      const [machine, seat] = [this.#machine, this.#seat as Seat];
      const fold = (mustEmpty: boolean): void => {
        // A hub that serves for a moment only has not asked before.
        for (const ended of endedOf(lives)) this.#departures?.ended(ended);
        const last = (): Steps<void> => foldStorage(machine, this.#request, seat, hub, mustEmpty, this.#report);
        if (hasWritten) hub.left(member, (isNoted) => this.#closeHub(hub, isNoted, last));
        else this.#closeHub(hub, true, last);
      };
      if (hub.members.hasOthers || !(destroy || (!options.persist && areAllGone(lives)))) fold(false);
      else
        this.#run(emptyLog(hub), (isEmptied) => {
          if (!isEmptied) fold(destroy);
          else
            this.#closeHub(hub, true, () =>
              removeStorage(machine, this.#request, seat, hub, [member, ...endedOf(lives)]),
            );
        });
    });
  }

  /** @param last What remains to do if no other member is left. */
  #closeHub(hub: Hub, isNoted: boolean, last: () => Steps<void>): void {
    if (this.#isOver) return;
    this.#isNoted = isNoted;
    hub.close((isLast) => {
      this.#again = () => this.#run(last(), () => this.#ended());
      if (!isLast) this.#ended();
      else if (!this.#isOver) this.#again();
    });
  }

  /** Runs steps; an error ends the hub. */
  #run<T>(steps: Steps<T>, done: (result: T) => void): void {
    const run = this.#mayBlock ? atOnce : inSlices(this.#machine.clock);
    this.#stopSteps = run(steps, (error, result) => {
      if (this.#isOver) return;
      if (error) this.#fail(error);
      else done(result as T);
    });
  }

  /** Members may hold what cannot be read: another one more than the own one. */
  #fail(error: unknown): void {
    const isUnread = this.#hub === null && codeOf(error) === "ERR_STORAGE_CORRUPT";
    if (isUnread && this.#seat?.holds()) this.#unlessBehind(null, () => this.#heal(error));
    else this.#heal(error);
  }

  #heal(error: unknown): void {
    const isHealing = this.#held?.heal(error, (failed, all) => {
      if (failed) this.#failed(error);
      else if (all === null || this.#hub === null) this.#again();
      else this.#run(tidyStorage(this.#machine, this.#request, this.#hub, all, this.#report), () => this.#ended());
    });
    if (!isHealing) this.#failed(error);
  }

  answer(report: FileReport): void {
    this.#held?.answer(report);
  }

  #failed(error: unknown): void {
    // A successor may have taken files away while they were read here, or the directory was removed.
    const isReplaced = this.#seat !== null && !this.#seat.holds();
    this.#hub?.abandon();
    if (this.#isLeaving && isReplaced) this.#ended();
    else if (this.#isLeaving) this.#end(failure(error));
    else this.#end(isReplaced || error instanceof MovedError ? { kind: "replaced" } : failure(error));
  }

  terminate(): void {
    this.#hub?.abandon();
    this.#end(null);
  }

  /** A connection that comes before the log is read is closed: its member tries again. */
  #accept(socket: Socket): SocketEvents {
    if (this.#healing !== null) return this.#healing.accept(socket);
    socket.destroy();
    return { data: () => {}, closed: () => {} };
  }

  /** Takes a step on the way to a hub that serves. */
  #try(step: () => void): void {
    if (this.#isOver) return;
    try {
      step();
    } catch (cause) {
      this.#fail(cause);
    }
  }

  #listening(error: Error | null): void {
    if (error) throw error;
    const contender = new Contender(this.#machine, this.#request, this.#pin as Pin, this.#report);
    this.#contender = contender;
    const seat = contender.claim((this.#socket as HubSocket).name);
    if (seat === null) {
      this.#end({ kind: "replaced" });
      return;
    }
    this.#seat = seat;
    this.#held?.claimed(seat);
    contender.fence(seat, () => this.#again());
    this.#again = () =>
      this.#run(contender.recover(), (found) =>
        this.#unlessBehind(found, () => this.#run(this.#serve(contender, found), () => this.#began())),
      );
  }

  /** Goes on, unless another member holds more of the log than was found; null: nothing can be read. */
  #unlessBehind(found: Recovered | null, goOn: () => void): void {
    this.#contender?.compare(found, (isBehind) => (isBehind ? this.#end({ kind: "behind" }) : goOn()));
  }

  #began(): void {
    this.#hasBegun = true;
    this.#begun();
  }

  *#serve({ token, fenced, isOpen, isVoid }: Contender, recovered: Recovered): Steps<void> {
    const { place, options, position, member, time } = this.#request;
    const machine = this.#machine;
    const seat = this.#seat as Seat;
    // What a successor has appended may have been read too: a segment after that would name a newer one before it.
    if (!seat.holds()) {
      this.#end({ kind: "replaced" });
      return;
    }
    const start = timeAtStart(machine.clock, { member: time, log: recovered, isOpen });
    const identity = { token, member };
    const hub = new Hub(machine, place, options, seat, identity, recovered, start, this.#events(), this.#mayBlock);
    this.#hub = hub;
    this.#held?.serves(hub);
    this.#departures = new Departures(machine, place, member, hub);
    const where = { place, directoryId: (this.#pin as Pin).id, copies: options.persist, isTakeover: position !== null };
    const damaged = (message: string): void => this.#compactions?.heal(message);
    this.#healing = new Healing(machine, hub, { isSeated: () => seat.holds(), damaged });
    this.#compactions = new Compactions(machine, hub, this.#healing, where, options.compactAfterBytes, this.#report);
    if (isVoid && recovered.seq > 0) yield* clearVoid(hub, this.#compactions);
    yield* this.#compactions.foldAtStart(() => seat.holds());
    this.#contender?.stop();
    this.#report({ kind: "serving", epoch: seat.epoch, isDamaged: recovered.damage !== undefined });
    if (!seat.holds()) return;
    for (const name of fenced) bestEffort(() => machine.files.unlink(socketPath(place, name)));
    removeStrays(machine.files, place, seat.epoch, hub.writer.compaction().segments);
    // The members that are alive connect first: they wait for this hub.
    this.#firstCheck = machine.clock.after(FIRST_CHECK_MS, () => {
      this.#departures?.check();
      removeEndedSockets(machine, place, (this.#socket as HubSocket).name);
    });
    if (recovered.damage !== undefined) this.#compactions.heal(recovered.damage);
  }

  /** Looks after what is outside of the hub: whether others reach it, and which members are there. */
  #pulse(): void {
    const [hub, seat, socket] = [this.#hub as Hub, this.#seat as Seat, this.#socket as HubSocket];
    if (this.#isOver || this.#isLeaving) return;
    const unreachable = socket.failure(this.#request.options.stallTimeout);
    const isSeatIntact = seat.isIntact();
    if (!isSeatIntact) this.#report({ kind: "damaged", message: `${seat.path} was changed` });
    if (unreachable !== null || !isSeatIntact) {
      hub.abandon();
      this.#end(unreachable === null ? { kind: "replaced" } : failure(unreachable));
      return;
    }
    socket.check();
    this.#departures?.check();
    this.#compactions?.look();
    hub.levels.look();
  }

  #events(): HubEvents {
    return {
      replaced: () => this.#end({ kind: "replaced" }),
      moved: () => this.#end(failure(movedError(this.#request.place))),
      pulse: () => this.#pulse(),
      lost: (id) => this.#departures?.lost(id),
      leaves: (id, hasWritten, noted) => this.#departures?.leaves(id, hasWritten, noted),
      grown: (isWritten) => this.#compactions?.grown(isWritten),
      refused: (error, mustCompact) => this.#compactions?.refused(error, mustCompact),
    };
  }

  #ended(): void {
    this.#end({ kind: "ended", isNoted: this.#isNoted });
  }

  #end(report: HubReport | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket?.close(this.#seat !== null);
    this.#compactions?.stop();
    this.#firstCheck?.cancel();
    this.#stopSteps?.();
    this.#held?.stop();
    this.#contender?.stop();
    this.#seat?.release();
    this.#pin?.close();
    if (report) this.#report(report);
  }
}
