/**
 * The hub orders, appends, broadcasts, confirms. It knows bytes, no values.
 *
 * All that arrives in one turn of the event loop is one append. The order is what all promises rest on:
 *
 *   append -> (fsync) -> is the seat still ours? -> broadcast to the others -> confirm to the origins
 *
 * Append before broadcast: whatever any member has seen survives the manager. Broadcast before confirm: whoever learns of a
 * write finds it on its way to every member. The check in the middle: a manager that was replaced confirms nothing.
 *
 * Invariant: `#unwritten` are stamped frames with the seqs that follow the confirmed end; `#arrivals` are not stamped yet.
 */
import { codeOf } from "../../errors.js";
import { encodeEntries } from "../../log/codec.js";
import { CONFIRM, DISK_TROUBLE, encodeFrame, encodeJson, PING, WELCOME } from "../../log/frame.js";
import type { Seat } from "../election/seat.js";
import type { HubOptions, Machine, Place, Socket, SocketEvents, Timer } from "../machine/machine.js";
import type { Recovered } from "../upkeep/recovery.js";
import { Backoff } from "../wire/backoff.js";
import { pulseMs } from "../wire/failure-detector.js";
import type { HubEvents } from "./hub-events.js";
import { type Arrival, bytesOf, enqueue, stamp, takeBytes } from "./inbound-queue.js";
import { LogWriter } from "./log-writer.js";
import type { HubMember } from "./member.js";
import { type HubIdentity, HubMembers } from "./members.js";
import { TurnScheduler } from "./turn-scheduler.js";

/** Pulses between two signs of life to processes of other machines. */
const REFRESH_PULSES = 3;
/** First and longest pause, in ms, before a refused append is tried again. */
const RETRY_MS = 50;
const MAX_RETRY_MS = 2000;
/** Longest time, in ms, that a closing hub waits until members have taken what was sent to them. */
const FAREWELL_MS = 1000;

export class Hub {
  readonly #machine: Machine;
  readonly #options: HubOptions;
  readonly #seat: Seat;
  readonly #writer: LogWriter;
  readonly #events: HubEvents;
  readonly #members: HubMembers;
  readonly #unwritten: Arrival<HubMember | null>[] = [];
  #arrivals: Arrival<HubMember | null>[] = [];
  #seq: number;
  #time: number;
  #pulses = 0;
  readonly #backoff = new Backoff(RETRY_MS, MAX_RETRY_MS);
  /** What members were told about the disk; null while it takes what is appended. */
  #trouble: Buffer | null = null;
  readonly #turns: TurnScheduler;
  #isClosed = false;
  #pulse: Timer;
  #idle: Timer;
  #retry: Timer | null = null;

  /**
   * Begins an epoch; the seat is taken and all others are fenced.
   * @throws the error of a failed file operation.
   */
  constructor(
    machine: Machine,
    place: Place,
    options: HubOptions,
    seat: Seat,
    identity: HubIdentity,
    recovered: Recovered,
    events: HubEvents,
  ) {
    this.#machine = machine;
    this.#options = options;
    this.#turns = new TurnScheduler(machine.clock, () => this.#isClosed || this.#turn());
    this.#seat = seat;
    this.#events = events;
    this.#members = new HubMembers(machine.clock, identity, options.maxMemberBacklogBytes, {
      batch: (origin, buffer, start, end) => this.#arrived(origin, buffer, start, end),
      stirred: () => this.#schedule(),
    });
    this.#writer = new LogWriter(machine.files, place, seat.epoch, recovered, options.fsync);
    this.#seq = recovered.seq;
    this.#time = recovered.time;
    this.#pulse = machine.clock.after(pulseMs(this.#options.stallTimeout), () => this.#beat());
    this.#idle = machine.clock.after(options.gcInterval, () => this.#moveTime());
  }

  get writer(): LogWriter {
    return this.#writer;
  }

  /** Takes a new connection. */
  accept(socket: Socket): SocketEvents {
    return this.#members.accept(socket);
  }

  /** Begins a new segment, so that all before it can be folded. Returns false when there is nothing to fold, or no way to. */
  rotate(): boolean {
    if (this.#isClosed || this.#unwritten.length > 0) return false;
    const wasSpoiled = this.#writer.isSpoiled;
    try {
      this.#writer.rotate();
    } catch (error) {
      this.#fail(error as Error, this.#writer.isSpoiled && !wasSpoiled);
      return false;
    }
    this.#tell(this.#writer.head);
    return true;
  }

  /** Orders a frame of the hub's own behind all that has arrived; returns whether it is confirmed. */
  order(frame: Buffer): boolean {
    this.#arrived(null, frame, 0, frame.length);
    if (!this.#isClosed) this.#turn();
    return !this.#isClosed && this.#unwritten.length + this.#arrivals.length === 0;
  }

  /** Orders what has arrived, then lets all members go; `done` is called when what was sent to them has been delivered. */
  close(done: () => void): void {
    if (!this.#isClosed) this.#turn();
    if (!this.#isClosed) this.#stop();
    const timeout = this.#machine.clock.after(FAREWELL_MS, done);
    this.#members.end(() => {
      timeout.cancel();
      done();
    });
  }

  /** Whether any other than the member of this process gets live frames. */
  get hasOthers(): boolean {
    return this.#members.hasOthers;
  }

  /** Stops at once: nothing more is appended, sent or confirmed. */
  abandon(): void {
    if (this.#isClosed) return;
    this.#stop();
    this.#members.drop();
  }

  #stop(): void {
    this.#isClosed = true;
    this.#pulse.cancel();
    this.#idle.cancel();
    this.#retry?.cancel();
    this.#writer.close();
  }

  #schedule(): void {
    if (!this.#isClosed) this.#turns.schedule();
  }

  #arrived(origin: HubMember | null, buffer: Buffer, start: number, end: number): void {
    enqueue(this.#arrivals, origin, buffer, start, end);
    this.#schedule();
  }

  #turn(): void {
    this.#turns.taken();
    const settled = this.#retry === null ? this.#order() : [];
    const isAsking = this.#members.isAsking;
    if ((settled.length > 0 || isAsking) && !this.#holds()) return;
    if (settled.length > 0) this.#settle(settled);
    if (isAsking) this.#forgetClosed();
    this.#members.welcome(() => this.#welcome());
    this.#members.deliver();
    if (settled.length > 0) this.#events.grown();
  }

  /** Whether the seat still stands; when it does not, this hub stops. */
  #holds(): boolean {
    if (this.#seat.holds()) return true;
    this.abandon();
    this.#events.replaced();
    return false;
  }

  /** Stamps and appends what has arrived; returns what is in the log now, not confirmed yet. */
  #order(): Arrival<HubMember | null>[] {
    this.#stamp();
    if (this.#unwritten.length === 0) {
      this.#recover();
      return [];
    }
    const { segment } = this.#writer.confirmed;
    const wasSpoiled = this.#writer.isSpoiled;
    const { bytes, error } = this.#writer.append(this.#unwritten.map(bytesOf));
    if (this.#writer.confirmed.segment !== segment) this.#tell(this.#writer.head);
    if (error) this.#fail(error, this.#writer.isSpoiled && !wasSpoiled);
    else this.#recover();
    return takeBytes(this.#unwritten, bytes);
  }

  #stamp(): void {
    const arrivals = this.#arrivals;
    if (arrivals.length === 0) return;
    this.#arrivals = [];
    this.#time = Math.max(this.#time, this.#machine.clock.now());
    const damaged = new Set<HubMember | null>();
    for (const arrival of arrivals) {
      if (damaged.has(arrival.member)) continue;
      if (!stamp(arrival, this.#seat.epoch, this.#seq, this.#time)) {
        // Were its later batches taken, this one would count as taken too when it is sent again.
        damaged.add(arrival.member);
        arrival.member?.drop();
      }
      this.#seq += arrival.count;
      if (arrival.count > 0) this.#unwritten.push(arrival);
    }
  }

  /**
   * Drops what members left that are gone: one of them may be welcomed again now, and then it sends it again behind the
   * position that it is told. The rest is stamped anew.
   */
  #forgetClosed(): void {
    const waiting = [...this.#unwritten.splice(0), ...this.#arrivals];
    this.#arrivals = waiting.filter(({ member }) => !member?.isClosed);
    this.#seq = this.#writer.confirmed.seq;
  }

  /** The seat stood after the append: queues frames for the others, and confirms for their origins. */
  #settle(arrivals: readonly Arrival<HubMember | null>[]): void {
    const last = arrivals[arrivals.length - 1] as Arrival<HubMember | null>;
    this.#writer.confirm(last.seq + last.count - 1, last.time);
    for (const arrival of arrivals) {
      this.#members.tell(bytesOf(arrival), arrival.member);
      if (arrival.member?.isLive && !arrival.member.isClosed) {
        const { seq, time, count } = arrival;
        arrival.member.confirms.push(encodeFrame(CONFIRM, { epoch: this.#seat.epoch, seq, time, number: count }));
      }
    }
  }

  /** From here on, those who proved themselves get live frames: they read the files up to exactly this position. */
  #welcome(): Buffer[] {
    const { epoch, segment, offset, seq, time } = this.#writer.confirmed;
    this.#time = Math.max(this.#time, this.#machine.clock.now());
    const place = { segment, offset, bytes: this.#writer.bytes, now: this.#time };
    const welcome = encodeJson(WELCOME, { epoch, seq, time }, place);
    return this.#trouble === null ? [welcome] : [welcome, this.#trouble];
  }

  /**
   * The disk refuses: members are told once and wait; it is tried again after a growing pause.
   * @param isSpoiling Whether what a segment holds may never reach the disk.
   */
  #fail(error: Error, isSpoiling: boolean): void {
    if (this.#trouble === null) {
      const code = codeOf(error) || "EIO";
      this.#trouble = encodeJson(DISK_TROUBLE, {}, { code, message: error.message });
      this.#tell(this.#trouble);
      this.#members.pause();
    }
    this.#retry?.cancel();
    this.#retry = this.#machine.clock.after(this.#backoff.next(), () => {
      this.#retry = null;
      this.#schedule();
    });
    if (isSpoiling) this.#events.spoiled();
  }

  #recover(): void {
    if (this.#trouble === null) return;
    this.#trouble = null;
    this.#backoff.reset();
    this.#tell(encodeJson(DISK_TROUBLE, {}, null));
    this.#members.resume();
  }

  #tell(frame: Buffer): void {
    this.#members.tell(frame);
    this.#schedule();
  }

  /** A sign of life; and an idle hub learns here that it was replaced. */
  #beat(): void {
    this.#pulse = this.#machine.clock.after(pulseMs(this.#options.stallTimeout), () => this.#beat());
    if (!this.#holds()) return;
    if (++this.#pulses % REFRESH_PULSES === 0) this.#seat.refresh();
    if (!this.#members.isEmpty) this.#tell(encodeFrame(PING, {}));
    if (this.#options.fsync === "everysec")
      this.#writer.syncLater((error) => this.#isClosed || this.#fail(error, true));
  }

  /** An empty batch lets log time move on in an idle storage. */
  #moveTime(): void {
    this.#idle = this.#machine.clock.after(this.#options.gcInterval, () => this.#moveTime());
    if (this.#machine.clock.now() - this.#writer.confirmed.time < this.#options.gcInterval) return;
    const frame = encodeEntries([]);
    this.#arrived(null, frame, 0, frame.length);
  }
}
