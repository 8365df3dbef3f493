/**
 * A member's side of the local engine: finds the manager, connects, receives, sends, and takes the seat when there is no manager.
 *
 * Events only record facts; `#seek` decides what comes next. A member is always in one of these states:
 *
 *   seeking     looks for the newest seat            -> connecting, contending
 *   contending  a hub of its own claims the seat     -> seeking
 *   connecting  a hello is on its way                -> joining, seeking
 *   joining     reads the files up to the welcome's position, while live frames wait -> live, seeking
 *   live        batches come in and go out           -> seeking
 *   closed
 *
 * A manager that it suspects wrongly loses its seat and nothing else: safety rests on `seat.ts`.
 */
import { codeOf, StorageError } from "../../errors.js";
import { BARRIER, encodeFrame } from "../../log/frame.js";
import type { Log, LogSink, LogStats } from "../../log/log.js";
import { MemberFile } from "../election/member-file.js";
import { REMOTE_POLL_MS, RemoteSeat } from "../election/remote-seat.js";
import { newestSeat, type SeatView, standingSeat } from "../election/seat.js";
import type { HubOptions, LogPosition, Machine, Place, Timer } from "../machine/machine.js";
import { Backoff } from "../wire/backoff.js";
import { AdaptiveTimeout, FailedConnections } from "../wire/failure-detector.js";
import { HubSession, type HubSessionEnd } from "./hub-session.js";
import { OwnHub } from "./own-hub.js";

/** Pause, in ms, between two looks for a seat while another member claims it. */
const POLL_MS = 5;
/** The same for a member that may not be the manager. */
const STANDBY_POLL_MS = 25;
/** First pause, in ms, after a lost connection; first and longest one after a failed try. */
const RECONNECT_MS = 1;
const RETRY_MS = 10;
const MAX_RETRY_MS = 1000;
/** Longest time, in ms, that a leaving member looks for a manager to notify, and waits for the answer. */
const LEAVE_MS = 1000;
/** Failures after which every other try would fail too. */
const FINAL_CODES = new Set(["CORRUPT", "FORMAT", "DIRECTORY", "REMOTE"].map((name) => `ERR_STORAGE_${name}`));

/** A member that leaves; it ends once. */
interface Leaving {
  readonly done: (error?: Error) => void;
  readonly keepAlive: Timer;
  readonly deadline: Timer;
  isOverdue: boolean;
}

export interface LocalLogOptions {
  /** Whether this member may be the manager. */
  readonly candidate: boolean;
  readonly hub: HubOptions;
}

export class LocalLog implements Log {
  readonly isPushed = true;
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #options: LocalLogOptions;
  readonly #member: string;
  readonly #ownHub: OwnHub;
  readonly #silenceTimeout: AdaptiveTimeout;
  /** Null for a storage that persists. */
  readonly #memberFile: MemberFile | null;
  #sink: LogSink | null = null;
  #session: HubSession | null = null;
  #position: LogPosition | null = null;
  #seat: SeatView | null = null;
  #deadEpoch = 0;
  /** A member that may not be the manager tries a seat that is not the newest one. */
  #isTryingOlderSeat = false;
  readonly #failedConnections = new FailedConnections();
  readonly #reconnect = new Backoff(RECONNECT_MS, MAX_RETRY_MS);
  readonly #retry = new Backoff(RETRY_MS, MAX_RETRY_MS);
  #remoteSeat: RemoteSeat | null = null;
  #timer: Timer | null = null;
  #alive: Timer | null = null;
  #leaving: Leaving | null = null;
  #isClosed = false;
  readonly #barriers = new Map<number, () => void>();
  #lastBarrier = 0;

  constructor(machine: Machine, place: Place, options: LocalLogOptions) {
    this.#machine = machine;
    this.#place = place;
    this.#options = options;
    this.#member = machine.random(8).toString("hex");
    this.#silenceTimeout = new AdaptiveTimeout(machine.clock, options.hub.stallTimeout);
    this.#memberFile = options.hub.persist ? null : new MemberFile(machine, place, this.#member);
    this.#ownHub = new OwnHub(machine, place, options.hub, this.#member, {
      serving: () => {
        // Other members may be about to connect to this hub: what it took over is folded, never removed.
        if (this.#leaving) this.#ownHub.close(false);
        else this.#seek();
      },
      replaced: () => this.#seek(),
      ended: () => this.#endLeaving(),
      failed: (error) => this.#failed(error),
      salvaged: (error) => this.#sink?.diskTrouble(error),
    });
  }

  get stats(): LogStats {
    return {
      epoch: this.#seat?.epoch ?? 0,
      members: this.#session?.members ?? 0,
      bytes: this.#session?.bytes ?? 0,
      compactions: this.#ownHub.compactionCount,
    };
  }

  open(sink: LogSink): void {
    this.#sink = sink;
    this.#machine.clock.soon(() => this.#seek());
  }

  append(frame: Buffer): void {
    this.#session?.append(frame);
  }

  barrier(done: () => void): void {
    const number = ++this.#lastBarrier;
    this.#barriers.set(number, done);
    this.#session?.append(encodeFrame(BARRIER, { number }));
  }

  hold(alive: boolean): void {
    if (alive) {
      this.#alive ??= this.#machine.clock.keepAlive();
    } else {
      this.#alive?.cancel();
      this.#alive = null;
    }
  }

  close(done: (error?: Error) => void): void {
    this.#leave(false, done);
  }

  destroy(done: (error?: Error) => void): void {
    this.#leave(true, done);
  }

  /** Decides what to do next; called whenever there is no connection. */
  #seek(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#isClosed || this.#session !== null) return;
    try {
      if (!this.#leaving) this.#memberFile?.enter();
      const seat = newestSeat(this.#machine, this.#place);
      if (this.#leaving?.isOverdue || (this.#leaving && (seat === null || this.#position === null))) this.#endLeaving();
      else if (seat === null || seat.content === null || seat.epoch <= this.#deadEpoch) this.#contend();
      else this.#follow(seat);
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  #follow(seat: SeatView): void {
    this.#remoteSeat = RemoteSeat.watch(this.#machine, this.#place, seat, this.#remoteSeat);
    if (this.#remoteSeat === null) {
      this.#connect(seat);
    } else if (this.#remoteSeat.isDead()) {
      this.#deadEpoch = seat.epoch;
      this.#seek();
    } else {
      this.#later(REMOTE_POLL_MS);
    }
  }

  #later(ms: number): void {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#timer = this.#machine.clock.after(ms, () => this.#seek());
  }

  #contend(): void {
    if (this.#ownHub.isContending) return;
    if (!this.#options.candidate) this.#standBy();
    else if (!this.#ownHub.contend(this.#position)) this.#later(POLL_MS);
  }

  /** Perhaps no candidate is left. The silent manager may answer, or one with a seat below that of a contender that died. */
  #standBy(): void {
    this.#endLeaving();
    this.#deadEpoch = 0;
    const seat = this.#isTryingOlderSeat ? null : standingSeat(this.#machine, this.#place);
    this.#isTryingOlderSeat = seat !== null;
    if (seat === null || this.#isClosed) this.#later(STANDBY_POLL_MS);
    else this.#follow(seat);
  }

  #failed(error: Error): void {
    if (this.#leaving) this.#endLeaving(error);
    else if (this.#position === null && FINAL_CODES.has(codeOf(error))) this.#giveUp(error);
    else this.#retryLater(error);
  }

  #connect(seat: SeatView): void {
    this.#seat = seat;
    this.#silenceTimeout.started();
    this.#session = new HubSession(this.#machine, this.#place, seat, {
      member: this.#member,
      position: this.#position,
      silenceTimeout: this.#silenceTimeout,
      maxBacklogBytes: this.#options.hub.maxMemberBacklogBytes,
      sink: this.#sink as LogSink,
      connected: () => this.#connected(seat),
      barrierPassed: (number) => {
        const done = this.#barriers.get(number);
        this.#barriers.delete(number);
        done?.();
      },
      ended: (end) => this.#disconnected(seat, end),
    });
  }

  #connected(seat: SeatView): void {
    this.#failedConnections.reset();
    this.#isTryingOlderSeat = false;
    this.#reconnect.reset();
    this.#retry.reset();
    this.#sink?.managerChanged(seat.content?.pid ?? 0, this.#ownHub.isManager(seat.epoch));
    for (const number of this.#barriers.keys()) this.#session?.append(encodeFrame(BARRIER, { number }));
    if (this.#leaving && !this.#ownHub.isRunning) this.#session?.leave();
  }

  #disconnected(seat: SeatView, { position, wasWelcomed, hasLeft, isSilent, reason }: HubSessionEnd): void {
    this.#session = null;
    this.#position = position;
    if (this.#isClosed) return;
    if (wasWelcomed || isSilent) this.#silenceTimeout.ended();
    if (this.#leaving) {
      if (hasLeft || reason instanceof StorageError) this.#endLeaving();
      if (this.#leaving === null || this.#ownHub.isRunning) return;
    }
    if (reason instanceof StorageError) {
      this.#giveUp(reason);
    } else if (this.#failedConnections.ended(wasWelcomed, codeOf(reason)) || isSilent) {
      this.#deadEpoch = seat.epoch;
      this.#failedConnections.reset();
      this.#seek();
    } else {
      this.#later(this.#reconnect.next());
    }
  }

  /** Something failed that may succeed later. */
  #retryLater(error: Error): void {
    this.#sink?.diskTrouble(error);
    this.#later(this.#retry.next());
  }

  /**
   * Leaves. A hub of this member's own hands its seat on; else the manager is notified, once there is a connection. If there
   * is none, since all members leave at the same time, the last one takes the seat once more, so that `app.db` is written.
   */
  #leave(destroy: boolean, done: (error?: Error) => void): void {
    const { clock } = this.#machine;
    const deadline = clock.after(LEAVE_MS, () => this.#overdue());
    this.#leaving = { done, keepAlive: clock.keepAlive(), deadline, isOverdue: false };
    this.#memberFile?.leave();
    if (this.#isClosed) clock.soon(() => this.#endLeaving());
    else if (this.#ownHub.isRunning) {
      // A contender that takes over what this member knows must fold it first, so it is closed once it serves.
      if (!this.#ownHub.isContending || this.#position === null) this.#ownHub.close(destroy);
    } else if (this.#session === null) clock.soon(() => this.#seek());
    else this.#session.leave();
  }

  /** No manager has answered in time, so none is notified. */
  #overdue(): void {
    if (this.#leaving) this.#leaving.isOverdue = true;
    if (!this.#ownHub.isRunning) this.#endLeaving();
  }

  /** The member has left, if it was leaving. */
  #endLeaving(error?: Error): void {
    const leaving = this.#leaving;
    this.#leaving = null;
    if (leaving === null) return;
    this.#stop();
    leaving.deadline.cancel();
    leaving.keepAlive.cancel();
    leaving.done(error);
  }

  #giveUp(error: Error): void {
    this.#stop();
    this.#sink?.failed(error);
  }

  #stop(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#session?.drop();
    this.#ownHub.terminate();
    this.hold(false);
  }
}
