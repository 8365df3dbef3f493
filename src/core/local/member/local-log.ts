/** A member's side of the local engine: finds the manager, connects, receives, sends, and takes the seat when there is no manager. */
import { StorageError } from "../../errors.js";
import { BATCH, kindOf } from "../../log/frame.js";
import type { SpokenLevels } from "../../log/levels.js";
import type { Log, LogSink, LogStats } from "../../log/log.js";
import { accessError, isFinal, isOutdated } from "../disk/directory.js";
import { pinIfThere } from "../disk/file-access.js";
import { behindError } from "../disk/file-errors.js";
import { seatPath } from "../disk/file-names.js";
import { MemberSocket, newMember } from "../election/member-socket.js";
import { newestSeat, type SeatView } from "../election/seat.js";
import type { Held } from "../machine/healing.js";
import type { LogPosition, Machine, Pin, Place, Timer } from "../machine/machine.js";
import { Backoff } from "../wire/backoff.js";
import { AdaptiveTimeout } from "../wire/failure-detector.js";
import { Healer } from "./healer.js";
import { HubSession } from "./hub-session.js";
import type { HubSessionEnd } from "./hub-session-request.js";
import { Hold, Leaving } from "./leaving.js";
import { OptionCheck } from "./option-check.js";
import { type MemberOptions, OwnHub } from "./own-hub.js";
import { Requests } from "./requests.js";
import { Standby } from "./standby.js";
import { StorageClock } from "./storage-clock.js";
import { Suspicion } from "./suspicion.js";

/** Pause, in ms, between two looks for a seat while another member claims it. */
const POLL_MS = 5;
/** The same for a member that may not be the manager. */
const STANDBY_POLL_MS = 25;
/** First pause, in ms, after a lost connection; first and longest one after a failed try. */
const RECONNECT_MS = 1;
const [RETRY_MS, MAX_RETRY_MS] = [10, 1000];
/** Pause, in ms, of a member that lets another one claim the seat; after so many of them it is reported that no other one does. */
const [OTHERS_MS, BEHIND_COUNT] = [500, 5];

/**
 * Where a member is on its way to a manager. It is `new`, not opened yet; `seeking`, nothing is under way, so it looks for the newest
 * seat; `entering` before that, its socket is being bound; `pausing` before it looks again; `contending`, a hub of its own claims the seat;
 * `following`, it has a connection, live or not yet; `closed`.
 */
type Phase = "new" | "seeking" | "entering" | "pausing" | "contending" | "following" | "closed";

/** What a member wants: to follow the log, or to leave once the manager knows. */
type Goal = "follow" | Leaving;

/**
 * A state machine. What comes from outside (the ends of sessions, the reports of the own hub, timers, calls) only records facts;
 * `#step` alone decides what comes next.
 *
 * Invariants:
 *
 * 1. There is a session in phase `following`, and in no other; the timer runs only in `pausing`.
 * 2. A member that begins to follow, or to claim a seat, has a socket of its own in the directory of that, so nobody takes it for dead.
 * 3. A seat is claimed only when there is none, or its manager counts as dead ({@link Suspicion}).
 * 4. Once the goal is to leave, `done` is called exactly once, and the phase is `closed` then.
 */
export class LocalLog implements Log {
  readonly isPushed = true;
  readonly member: string;
  readonly clock: StorageClock;
  readonly levels: SpokenLevels;
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #options: MemberOptions;
  readonly #ownHub: OwnHub;
  readonly #socket: MemberSocket;
  readonly #silenceTimeout: AdaptiveTimeout;
  readonly #reconnect = new Backoff(RECONNECT_MS, MAX_RETRY_MS);
  readonly #retry = new Backoff(RETRY_MS, MAX_RETRY_MS);
  readonly #requests = new Requests();
  readonly #suspicion: Suspicion;
  readonly #standby: Standby;
  readonly #healer: Healer;
  /** Times that another member was to take the seat, since there was a manager. */
  #behindCount = 0;
  readonly #hold: Hold;
  readonly #optionCheck: OptionCheck;
  #phase: Phase = "new";
  #goal: Goal = "follow";
  #sink: LogSink | null = null;
  #session: HubSession | null = null;
  #timer: Timer | null = null;
  /** Up to where the log was delivered; null: the sink has no usable state. */
  #position: LogPosition | null = null;
  #hasWritten = false;

  constructor(machine: Machine, place: Place, options: MemberOptions) {
    this.#machine = machine;
    this.#place = place;
    this.#options = options;
    this.member = newMember(machine, place);
    this.clock = new StorageClock(machine.clock);
    this.levels = options.hub.levels;
    this.#silenceTimeout = new AdaptiveTimeout(machine.clock, options.hub.stallTimeout);
    this.#suspicion = new Suspicion(machine, place, options.hub.stallTimeout, () => this.#looked());
    this.#standby = new Standby(machine, place);
    this.#healer = new Healer(machine, place);
    this.#hold = new Hold(machine.clock);
    this.#optionCheck = new OptionCheck(options.hub);
    this.#socket = new MemberSocket(machine, place, this.member, () => this.#held);
    this.#ownHub = new OwnHub(machine, place, options.hub, this.member, {
      serving: (isDamaged) => this.#contended(true, isDamaged),
      replaced: () => this.#contended(false),
      behind: () => this.#behind(),
      ended: (isNoted) => this.#end(isNoted),
      failed: (error, hasServed) => this.#failed(error, !hasServed),
      salvaged: (error) => this.#sink?.diskTrouble(error),
      warned: (error) => this.#sink?.warned(error),
      sink: () => this.#sink as LogSink,
    });
  }

  get stats(): LogStats {
    return {
      epoch: this.#suspicion.epoch,
      members: this.#session?.members ?? 0,
      bytes: this.#session?.bytes ?? 0,
      ...this.#ownHub.stats,
      clockOffsetMs: this.clock.offsetMs,
    };
  }

  get readCount(): number {
    return this.#ownHub.readCount;
  }

  open(sink: LogSink): void {
    this.#sink = sink;
    this.#machine.clock.soon(() => this.#seek());
  }

  append(frame: Buffer): void {
    this.#hasWritten ||= kindOf(frame, 0) === BATCH;
    this.#session?.append(frame);
  }

  barrier = (done: () => void): void => this.append(this.#requests.barrier(done));
  needLevel = (level: number): void => this.append(this.#requests.level(level));
  hold = (alive: boolean): void => this.#hold.set(alive);
  close = (done: (error?: Error) => void): void => this.#leave(false, done);
  destroy = (done: (error?: Error) => void): void => this.#leave(true, done);

  /** Decides what comes next, from the facts alone. May be called at any time, also when nothing has changed. */
  #step(): void {
    if (this.#phase === "following" && this.#goal !== "follow") {
      if (this.#ownHub.isRunning) this.#ownHub.close(false, this.#hasWritten);
      else this.#session?.leave(this.#hasWritten);
    }
    if (this.#phase === "seeking" && this.#goal === "follow" && !this.#socket.isHere) this.#enter();
    if (this.#phase !== "seeking") return;
    try {
      const seat = newestSeat(this.#machine, this.#place);
      const hasNothing = seat === null || this.#position === null;
      if (this.#goal !== "follow" && (hasNothing || (this.#goal.isOverdue && !this.#ownHub.isRunning)))
        this.#end(false);
      else if (seat !== null && !this.#isExposed(seat) && !this.#suspicion.isDead(seat)) this.#follow(seat);
      else if (this.#options.candidate) this.#contend(seat?.epoch ?? 0);
      else if (this.#goal === "follow") this.#standBy();
      else this.#end(false);
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  /** A seat that other users could read is replaced, and with it the token that it holds. */
  #isExposed({ epoch }: SeatView): boolean {
    const mayClaim = this.#options.candidate && this.#goal === "follow";
    return mayClaim && this.#machine.files.isWide(seatPath(this.#place, epoch));
  }

  #seek(): void {
    if (this.#phase === "closed" || this.#phase === "following") return;
    this.#timer?.cancel();
    this.#timer = null;
    this.#phase = "seeking";
    this.#step();
  }

  /** Looks again after a while. */
  #pause(ms: number): void {
    if (this.#phase === "closed") return;
    this.#phase = "pausing";
    this.#timer?.cancel();
    this.#timer = this.#machine.clock.after(ms, () => this.#seek());
  }

  /** Keeps invariant 2. */
  #enter(): void {
    this.#phase = "entering";
    this.#socket.enter((error) => {
      if (this.#phase !== "entering") return;
      if (error === null || this.#goal !== "follow") this.#seek();
      else this.#failed(error);
    });
  }

  /** Claims the seat, unless another member goes first. */
  #contend(seen: number): void {
    this.#phase = "contending";
    if (!this.#ownHub.isContending && !this.#ownHub.contend(this.#position, this.clock.note, seen))
      this.#pause(POLL_MS);
  }

  #standBy(): void {
    this.#suspicion.reset();
    const seat = this.#standby.next((trouble) => this.#sink?.diskTrouble(trouble));
    if (seat === null) this.#pause(STANDBY_POLL_MS);
    else this.#follow(seat);
  }

  #follow(seat: SeatView): void {
    const pin = pinIfThere(this.#machine.files, this.#place.directory);
    if (pin !== null) this.#connect(seat, pin);
    else this.#pause(this.#reconnect.next());
  }

  #connect(seat: SeatView, pin: Pin): void {
    this.#suspicion.tries(seat);
    this.#silenceTimeout.started();
    this.#phase = "following";
    this.#session = new HubSession(this.#machine, this.#place, pin, seat, {
      self: { member: this.member, pid: this.#machine.identity.pid, levels: this.levels },
      position: this.#position,
      silenceTimeout: this.#silenceTimeout,
      options: this.#optionCheck,
      sink: this.#sink as LogSink,
      clock: this.clock,
      connected: () => this.#connected(seat),
      barrierPassed: (number) => this.#requests.barrierPassed(number),
      heals: (order, directoryId, report) => this.#healer.heal(order, this.#sink as LogSink, directoryId, report),
      ended: (end) => this.#disconnected(seat, end),
    });
  }

  /** The seat was looked at once more. A manager that is out of reach may be known to be dead now. */
  #looked(): void {
    if (this.#phase === "pausing" && this.#suspicion.isOverdue) this.#seek();
    this.#socket.look();
  }

  #connected(seat: SeatView): void {
    this.#suspicion.reset();
    this.#standby.reset();
    this.#reconnect.reset();
    this.#behindCount = 0;
    this.#retry.reset();
    this.#sink?.managerChanged(seat.content?.pid ?? 0, this.#ownHub.isManager(seat.epoch));
    for (const frame of this.#requests.framesAt(this.#sink?.level ?? 0)) this.#session?.append(frame);
    this.#step();
  }

  #disconnected(seat: SeatView, end: HubSessionEnd): void {
    this.#session = null;
    this.#healer.stop();
    this.#position = end.position;
    if (this.#phase === "closed") return;
    this.#phase = "pausing";
    if (end.wasWelcomed || end.isSilent) this.#silenceTimeout.ended();
    if (this.#goal !== "follow" && (end.hasLeft || end.reason instanceof StorageError)) this.#end(end.hasLeft);
    // A hub of its own reports when it is gone, and then this member has left.
    else if (this.#goal !== "follow" && this.#ownHub.isRunning) {
      this.#phase = "contending";
      this.#ownHub.close(false, this.#hasWritten);
    } else if (end.reason instanceof StorageError) this.#giveUp(end.reason);
    else {
      const trouble = end.isUnreadable ? end.reason : this.#suspicion.ended(end);
      if (this.#suspicion.isDead(seat)) this.#seek();
      else if (trouble !== null) this.#failed(trouble);
      else this.#pause(this.#reconnect.next());
    }
  }

  /** What it could write again as the manager. */
  get #held(): Held | null {
    const { seq = 0, epoch = 0, history } = (this.#session ? this.#session.held : this.#position) ?? {};
    return history === undefined || !this.#options.candidate ? null : { seq, epoch, history };
  }

  /** Another member holds more than the files do, and takes the seat. */
  #behind(): void {
    if (++this.#behindCount === BEHIND_COUNT) this.#sink?.diskTrouble(behindError(this.#place.directory));
    if (this.#goal !== "follow") this.#end(false);
    else if (this.#phase === "contending") this.#pause(OTHERS_MS);
  }

  /** The hub of its own has the seat, or has lost it. */
  #contended(isServing: boolean, isDamaged = false): void {
    // Other members may be about to connect to this hub: what it took over is folded, never removed. Where files are damaged, it is
    // followed first, so that this member holds all when it writes them again.
    if (isServing && this.#goal !== "follow" && !isDamaged) this.#ownHub.close(false, this.#hasWritten);
    else if (this.#phase === "contending") this.#seek();
    else this.#step();
  }

  /** Something failed that may succeed later, or, if `mayBeFinal`, never. */
  #failed(error: Error, mayBeFinal = true): void {
    if (this.#goal !== "follow") this.#end(false, error);
    else if (mayBeFinal && this.#session === null && (this.#position === null ? isFinal : isOutdated)(error))
      this.#giveUp(accessError(error, this.#place));
    else {
      this.#sink?.diskTrouble(isFinal(error) ? accessError(error, this.#place) : error);
      if (this.#phase !== "following") this.#pause(this.#retry.next());
    }
  }

  /**
   * Leaves. A hub of this member's own hands its seat on; else the manager is notified, once there is a connection. If there
   * is none, since all members leave at the same time, the last one takes the seat once more, so that `app.db` is written.
   */
  #leave(destroy: boolean, done: (error?: Error) => void): void {
    const { clock } = this.#machine;
    this.#goal = new Leaving(clock, done, () => {
      // A contender that knows nothing of the log has nothing to hand on, however long it reads or the disk hangs.
      const isIdle = this.#ownHub.isContending && this.#position === null;
      if (isIdle || !this.#ownHub.isRunning) this.#end(false);
    });
    const hasNothing = this.#position === null && this.#phase !== "following" && !this.#ownHub.isRunning;
    if (this.#phase === "closed" || hasNothing) clock.soon(() => this.#end(false));
    else if (this.#ownHub.isRunning) {
      // A contender that takes over what this member knows must fold it first, so it is closed once it serves.
      if (!this.#ownHub.isContending || this.#position === null) this.#ownHub.close(destroy, this.#hasWritten);
    } else if (this.#phase === "following") this.#step();
    else clock.soon(() => this.#phase !== "following" && this.#seek());
  }

  /** The member has left, if it was leaving. */
  #end(isKnown: boolean, error?: Error): void {
    const goal = this.#goal;
    if (goal === "follow") return;
    this.#goal = "follow";
    this.#stop(isKnown || !this.#hasWritten);
    goal.end(error);
  }

  #giveUp(error: Error): void {
    this.#stop(!this.#hasWritten);
    this.#sink?.failed(error);
  }

  #stop(isKnown: boolean): void {
    this.#phase = "closed";
    this.#timer?.cancel();
    this.#suspicion.stop();
    this.#session?.drop();
    this.#ownHub.terminate();
    this.#socket.leave(isKnown);
    this.hold(false);
  }
}
