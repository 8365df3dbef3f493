/**
 * A member's side of the local engine: finds the manager, joins, receives, sends, and takes the seat when there is no manager.
 *
 * Events only record facts; `#seek` decides what comes next. It is always in one of these states:
 *
 *   seeking     looks for the newest seat            -> connecting, contending
 *   contending  a hub of its own claims the seat     -> seeking
 *   connecting  a hello is on its way                -> joining, seeking
 *   joining     reads the files up to the welcome's position, while live frames wait -> live, seeking
 *   live        batches come in and go out           -> seeking
 *   closed
 *
 * Whom it suspects wrongly loses its seat and nothing else: safety rests on `seat.ts`.
 */
import { codeOf, StorageError } from "../../errors.js";
import { BARRIER, encodeFrame } from "../../log/frame.js";
import type { Log, LogSink, LogStats } from "../../log/log.js";
import { MemberFile } from "../election/member-file.js";
import { REMOTE_POLL_MS, RemoteSeat } from "../election/remote-seat.js";
import { newestSeat, type SeatView, standingSeat } from "../election/seat.js";
import { FINAL_CODES } from "../machine/hub-report.js";
import type { HubOptions, LogPosition, Machine, Place, Timer } from "../machine/machine.js";
import { Backoff } from "../wire/backoff.js";
import { Patience } from "../wire/patience.js";
import { HubSession, type HubSessionEnd } from "./hub-session.js";
import { Leaving } from "./leaving.js";
import { OwnHub } from "./own-hub.js";

/** Pause, in ms, between two looks for a seat while somebody else claims it. */
const POLL_MS = 5;
/** The same for a member that may not be the manager. */
const BYSTANDER_POLL_MS = 25;
/** First pause, in ms, after a lost connection; first and longest one after a failed try. */
const RECONNECT_MS = 1;
const RETRY_MS = 10;
const MAX_RETRY_MS = 1000;
/** Connections that end without a welcome, after which a manager counts as dead. */
const MAX_UNWELCOME = 8;
/** Codes of a connection to an address where nobody listens, now and for ever, since no address is used twice. */
const DEAD_ADDRESS = new Set(["ECONNREFUSED", "ENOENT", "ENOTSOCK", "ENOTDIR", "EACCES"]);
/** Codes of a connection that came at a bad moment: they say nothing about the manager. */
const BUSY = new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOBUFS"]);

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
  readonly #patience: Patience;
  /** Null for a storage that persists. */
  readonly #memberFile: MemberFile | null;
  #sink: LogSink | null = null;
  #session: HubSession | null = null;
  #position: LogPosition | null = null;
  #seat: SeatView | null = null;
  #deadEpoch = 0;
  /** A member that may not be the manager tries a seat that is not the newest one. */
  #isLookingBack = false;
  #unwelcome = 0;
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
    this.#patience = new Patience(machine.clock, options.hub.stallTimeout);
    this.#memberFile = options.hub.persist ? null : new MemberFile(machine, place, this.#member);
    this.#ownHub = new OwnHub(machine, place, options.hub, this.#member, {
      serving: () => {
        // Others may still be on their way to this hub: what it took over is folded, never removed.
        if (this.#leaving) this.#ownHub.close(false);
        else this.#seek();
      },
      replaced: () => this.#seek(),
      ended: () => this.#depart(),
      failed: (error) => this.#failed(error),
      told: (error) => this.#sink?.diskTrouble(error),
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
      if (this.#leaving?.isOverdue || (this.#leaving && (seat === null || this.#position === null))) this.#depart();
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

  /** Nobody may come: the one that was silent might, or one whose seat stands below that of a contender which died. */
  #standBy(): void {
    this.#depart();
    this.#deadEpoch = 0;
    const seat = this.#isLookingBack ? null : standingSeat(this.#machine, this.#place);
    this.#isLookingBack = seat !== null;
    if (seat === null || this.#isClosed) this.#later(BYSTANDER_POLL_MS);
    else this.#follow(seat);
  }

  #failed(error: Error): void {
    const code = codeOf(error);
    if (this.#leaving) this.#depart(error);
    else if (this.#position === null && FINAL_CODES.has(code)) this.#giveUp(error);
    else this.#trouble(error);
  }

  #connect(seat: SeatView): void {
    this.#seat = seat;
    this.#patience.begun();
    const sink = this.#sink as LogSink;
    this.#session = new HubSession(this.#machine, this.#place, seat, {
      member: this.#member,
      position: this.#position,
      patience: this.#patience,
      maxBacklogBytes: this.#options.hub.maxMemberBacklogBytes,
      sink,
      connected: () => this.#joined(seat),
      passed: (number) => {
        const done = this.#barriers.get(number);
        this.#barriers.delete(number);
        done?.();
      },
      ended: (end) => this.#parted(seat, end),
    });
  }

  #joined(seat: SeatView): void {
    this.#unwelcome = 0;
    this.#isLookingBack = false;
    this.#reconnect.reset();
    this.#retry.reset();
    this.#sink?.managerChanged(seat.content?.pid ?? 0, this.#ownHub.isManager(seat.epoch));
    for (const number of this.#barriers.keys()) this.#session?.append(encodeFrame(BARRIER, { number }));
    if (this.#leaving && !this.#ownHub.isRunning) this.#session?.leave();
  }

  #parted(seat: SeatView, { position, wasWelcome, hasLeft, isMute, reason }: HubSessionEnd): void {
    this.#session = null;
    this.#position = position;
    if (this.#isClosed) return;
    if (wasWelcome || isMute) this.#patience.ended();
    if (this.#leaving) {
      if (hasLeft || reason instanceof StorageError) this.#depart();
      if (this.#leaving === null || this.#ownHub.isRunning) return;
    }
    const code = codeOf(reason);
    if (reason instanceof StorageError) {
      this.#giveUp(reason);
      return;
    }
    if (wasWelcome) this.#unwelcome = 0;
    else if (!BUSY.has(code)) this.#unwelcome++;
    if (isMute || DEAD_ADDRESS.has(code) || this.#unwelcome >= MAX_UNWELCOME) {
      this.#deadEpoch = seat.epoch;
      this.#unwelcome = 0;
      this.#seek();
    } else {
      this.#later(this.#reconnect.next());
    }
  }

  /** Something failed that may work later: tells, waits, tries again. */
  #trouble(error: Error): void {
    this.#sink?.diskTrouble(error);
    this.#later(this.#retry.next());
  }

  /**
   * Leaves: a hub here hands its seat on; else the manager is told, once there is a connection. If there is none, since
   * everybody leaves at the same time, the last one takes the seat once more, so that `app.db` is made.
   */
  #leave(destroy: boolean, done: (error?: Error) => void): void {
    this.#leaving = new Leaving(this.#machine, done, () => this.#overdue());
    this.#memberFile?.leave();
    if (this.#isClosed) this.#machine.clock.soon(() => this.#depart());
    else if (this.#ownHub.isRunning) {
      // One that is about to take over what this member knows folds it first: it is closed once it serves.
      if (!this.#ownHub.isContending || this.#position === null) this.#ownHub.close(destroy);
    } else if (this.#session === null) this.#machine.clock.soon(() => this.#seek());
    else this.#session.leave();
  }

  /** Nobody answers: whoever is the manager does without being told. */
  #overdue(): void {
    if (!this.#ownHub.isRunning) this.#depart();
  }

  /** Nothing is left to do. */
  #depart(error?: Error): void {
    const leaving = this.#leaving;
    this.#leaving = null;
    if (leaving === null) return;
    this.#stop();
    leaving.end(error);
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
