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
import { StorageError, type StorageErrorCode } from "../errors.js";
import { BARRIER, encodeFrame } from "../log/frame.js";
import type { Log, LogSink, LogStats } from "../log/log.js";
import { FOREIGN_POLL_MS, ForeignSeat } from "./foreign.js";
import { Intents } from "./intent.js";
import type { HubHandle, HubOptions, HubReport, Machine, Mark, Place, Timer } from "./machine.js";
import { Membership } from "./membership.js";
import { enter, leave } from "./presence.js";
import { highestEpoch, newestSeat, type SeatView } from "./seat.js";

/** Pause, in ms, between two looks for a seat while somebody else claims it. */
const POLL_MS = 5;
/** The same for a member that may not be the manager. */
const BYSTANDER_POLL_MS = 25;
/** First and longest pause, in ms, after a failed try. */
const RETRY_MS = 10;
const MAX_RETRY_MS = 1000;
/** Connections that end without a welcome, after which a manager counts as dead. */
const MAX_UNWELCOME = 3;
/** Codes of a connection to an address where nobody listens, now and for ever, since no address is used twice. */
const DEAD_ADDRESS = new Set(["ECONNREFUSED", "ENOENT", "ENOTSOCK", "ENOTDIR", "EACCES"]);
/** Codes of a connection that came at a bad moment: they say nothing about the manager. */
const BUSY = new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOBUFS"]);
/** Failures for which no other try will do better. */
const FINAL_CODES = new Set<string>([
  "ERR_STORAGE_CORRUPT",
  "ERR_STORAGE_FORMAT",
  "ERR_STORAGE_DIRECTORY",
  "ERR_STORAGE_REMOTE",
]);

/** Reports of a hub that it serves, or that it is gone; with others nothing is to be done. */
const DECIDING_REPORTS: ReadonlySet<HubReport["kind"]> = new Set(["serving", "replaced", "ended", "failed"]);

export interface LocalLogOptions {
  /** Whether this member may be the manager. */
  readonly candidate: boolean;
  /** ms of silence, by this member's own running time, after which a manager is replaced. */
  readonly stallTimeout: number;
  readonly hub: HubOptions;
}

export class LocalLog implements Log {
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #options: LocalLogOptions;
  readonly #member: string;
  readonly #intents: Intents;
  #sink: LogSink | null = null;
  #membership: Membership | null = null;
  #hub: HubHandle | null = null;
  #hubEpoch = 0;
  #isContending = false;
  #mark: Mark | null = null;
  #seat: SeatView | null = null;
  #deadEpoch = 0;
  #unwelcome = 0;
  #retryMs = 0;
  #foreign: ForeignSeat | null = null;
  #timer: Timer | null = null;
  #alive: Timer | null = null;
  #farewell: ((error?: Error) => void) | null = null;
  #isClosed = false;
  readonly #barriers = new Map<number, () => void>();
  #lastBarrier = 0;
  #compactions = 0;

  constructor(machine: Machine, place: Place, options: LocalLogOptions) {
    this.#machine = machine;
    this.#place = place;
    this.#options = options;
    this.#member = machine.random(8).toString("hex");
    this.#intents = new Intents(machine, place);
  }

  get stats(): LogStats {
    return {
      epoch: this.#seat?.epoch ?? 0,
      members: this.#membership?.members ?? 0,
      bytes: this.#membership?.bytes ?? 0,
      compactions: this.#compactions,
    };
  }

  open(sink: LogSink): void {
    this.#sink = sink;
    if (!this.#options.hub.persist) enter(this.#machine, this.#place, this.#member);
    this.#machine.clock.soon(() => this.#seek());
  }

  append(frame: Buffer): void {
    this.#membership?.append(frame);
  }

  barrier(done: () => void): void {
    const number = ++this.#lastBarrier;
    this.#barriers.set(number, done);
    this.#membership?.append(encodeFrame(BARRIER, { number }));
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
    if (this.#isClosed || this.#membership !== null) return;
    try {
      const seat = newestSeat(this.#machine, this.#place);
      if (seat === null || seat.content === null || seat.epoch <= this.#deadEpoch) this.#contend();
      else this.#follow(seat);
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  #follow(seat: SeatView): void {
    this.#foreign = ForeignSeat.watch(this.#machine, this.#place, seat, this.#foreign);
    if (this.#foreign === null) {
      this.#connect(seat);
    } else if (this.#foreign.isDead()) {
      this.#deadEpoch = seat.epoch;
      this.#seek();
    } else {
      this.#seekAfter(FOREIGN_POLL_MS);
    }
  }

  #seekAfter(ms: number): void {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#timer = this.#machine.clock.after(ms, () => this.#seek());
  }

  #contend(): void {
    if (this.#isContending) return;
    if (!this.#options.candidate) {
      // Nobody may come: the one that was silent might.
      this.#deadEpoch = 0;
      this.#seekAfter(BYSTANDER_POLL_MS);
      return;
    }
    this.#machine.files.makeDirectory(this.#place.directory);
    const epoch = highestEpoch(this.#machine, this.#place);
    if (!this.#intents.isMyTurn(epoch + 1)) {
      this.#seekAfter(POLL_MS);
      return;
    }
    this.#isContending = true;
    this.#hub?.terminate();
    const { hub: options } = this.#options;
    const request = { place: this.#place, options, member: this.#member, epoch, mark: this.#mark };
    const hub = this.#machine.threads.startHub(request, (report) => this.#reported(hub, report));
    this.#hub = hub;
  }

  #reported(hub: HubHandle, report: HubReport): void {
    if (hub !== this.#hub) return;
    if (report.kind === "compacted") this.#compactions++;
    if (report.kind === "salvaged") this.#sink?.trouble(new StorageError("ERR_STORAGE_CORRUPT", report.message));
    if (!DECIDING_REPORTS.has(report.kind)) return;
    this.#isContending = false;
    if (report.kind === "serving") {
      this.#hubEpoch = report.epoch;
      this.#seek();
      return;
    }
    this.#hub = null;
    const error = report.kind === "failed" ? asError(report) : undefined;
    if (this.#farewell !== null) this.#farewell(error);
    else if (error) this.#failed(error);
    else this.#seek();
  }

  #failed(error: Error): void {
    const code = (error as NodeJS.ErrnoException).code as string;
    if (this.#mark === null && FINAL_CODES.has(code)) this.#giveUp(error);
    else this.#trouble(error);
  }

  #connect(seat: SeatView): void {
    this.#seat = seat;
    const sink = this.#sink as LogSink;
    this.#membership = new Membership(this.#machine, this.#place, seat, {
      member: this.#member,
      mark: this.#mark,
      stallTimeout: this.#options.stallTimeout,
      maxBacklogBytes: this.#options.hub.maxMemberBacklogBytes,
      sink,
      joined: () => this.#joined(seat),
      passed: (number) => {
        const done = this.#barriers.get(number);
        this.#barriers.delete(number);
        done?.();
      },
      ended: (end) => this.#parted(seat, end.mark, end.wasWelcome, end.isMute, end.reason),
    });
  }

  #joined(seat: SeatView): void {
    this.#unwelcome = 0;
    this.#retryMs = 0;
    const isHere = this.#hub !== null && this.#hubEpoch === seat.epoch;
    this.#sink?.manager(seat.content?.pid ?? 0, isHere);
    for (const number of this.#barriers.keys()) this.#membership?.append(encodeFrame(BARRIER, { number }));
  }

  #parted(seat: SeatView, mark: Mark | null, wasWelcome: boolean, isMute: boolean, reason: Error | null): void {
    this.#membership = null;
    this.#mark = mark;
    if (this.#isClosed) {
      if (this.#hub === null) this.#farewell?.();
      return;
    }
    const code = (reason as NodeJS.ErrnoException | null)?.code ?? "";
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
      this.#retryMs = this.#retryMs === 0 ? 1 : Math.min(this.#retryMs * 2, MAX_RETRY_MS);
      this.#seekAfter(this.#retryMs);
    }
  }

  /** Something failed that may work later: tells, waits, tries again. */
  #trouble(error: Error): void {
    this.#sink?.trouble(error);
    this.#retryMs = Math.min(Math.max(this.#retryMs * 2, RETRY_MS), MAX_RETRY_MS);
    this.#seekAfter(this.#retryMs);
  }

  #giveUp(error: Error): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#hub?.terminate();
    this.#hub = null;
    this.#sink?.failed(error);
  }

  #leave(destroy: boolean, done: (error?: Error) => void): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    const alive = this.#machine.clock.keepAlive();
    this.#farewell = (error) => {
      this.#farewell = null;
      this.hold(false);
      alive.cancel();
      done(error);
    };
    const hub = this.#hub;
    if (!this.#options.hub.persist) leave(this.#machine, this.#place, this.#member);
    this.#membership?.end();
    if (hub !== null) hub.close(destroy);
    else if (this.#membership === null) this.#machine.clock.soon(() => this.#farewell?.());
  }
}

/** The error behind a report, which came from another thread as plain text. */
function asError({ code, message }: { code: string; message: string }): Error {
  if (code.startsWith("ERR_STORAGE_")) return new StorageError(code as StorageErrorCode, message);
  return Object.assign(new Error(message), { code });
}
