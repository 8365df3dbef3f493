/**
 * The hub orders, appends, broadcasts, confirms. It knows bytes, no values.
 *
 * All that arrives in one turn of the event loop is one append. A turn has a fixed order, on which all promises rest:
 *
 *   append -> (fsync) -> is the seat still ours? -> broadcast to the others -> confirm to the origins
 *
 * Invariants:
 *
 * 1. Append before broadcast: what any member has seen survives the manager.
 * 2. The seat is checked after the append and before anything is sent: a manager that was replaced confirms nothing.
 * 3. Broadcast before confirm: when a member learns that its write is confirmed, the write is on its way to all others.
 * 4. What a member sent on a lost connection is ordered before that member is welcomed again, or never.
 */
import { encodeEntries } from "../../log/codec.js";
import { leftEntry } from "../../log/entry.js";
import { CONFIRM, encodeFrame, PING } from "../../log/frame.js";
import type { Seat } from "../election/seat.js";
import type { HubOptions, Machine, Place, Socket, SocketEvents, Timer } from "../machine/machine.js";
import type { Recovered } from "../upkeep/recovery.js";
import { Backoff } from "../wire/backoff.js";
import { heartbeatMs } from "../wire/failure-detector.js";
import { encodeDiskTrouble, encodeWelcome } from "../wire/messages.js";
import { type FrameRun, InboundQueue } from "./inbound-queue.js";
import { LogWriter } from "./log-writer.js";
import { HubMember, type HubReceiver } from "./member.js";
import { HubMembers } from "./members.js";
import { TurnScheduler } from "./turn-scheduler.js";

/** First and longest pause, in ms, before a refused append is tried again. */
const RETRY_MS = 50;
const MAX_RETRY_MS = 2000;
/** Longest time, in ms, that a closing hub waits until members have taken what was sent to them. */
const CLOSE_TIMEOUT_MS = 1000;

/** What members prove themselves with, and in whose process the hub runs. */
export interface HubIdentity {
  /** The token of the seat. */
  readonly token: string;
  /** The member in the hub's own process. */
  readonly member: string;
}

/** What a hub reports to its host. */
export interface HubEvents {
  /** Another process has the seat; the hub has stopped. */
  replaced(): void;
  /** The directory is not at its path any more; the hub has stopped. */
  moved(): void;
  /** Called at each heartbeat, while the seat is the hub's. */
  pulse(): void;
  /** The connection of a member has ended, and it has not said that it leaves. */
  lost(member: string): void;
  /** A member has said that it leaves. @param hasWritten Whether batches of its are in the log. */
  leaves(member: string, hasWritten: boolean): void;
  /** Batches were confirmed: a good moment to compact, if that is worth it. */
  grown(): void;
  /** What a segment holds may never reach the disk, so it must be written again. */
  mustCompact(): void;
}

export class Hub implements HubReceiver {
  readonly #machine: Machine;
  readonly #options: HubOptions;
  readonly #seat: Seat;
  readonly #writer: LogWriter;
  readonly #token: string;
  readonly #events: HubEvents;
  readonly #members: HubMembers;
  /** The hub's own batches come from no member. */
  readonly #queue: InboundQueue<HubMember | null>;
  /** Log time: it never falls. */
  #time: number;
  readonly #backoff = new Backoff(RETRY_MS, MAX_RETRY_MS);
  /** The message that the disk refuses writes, which members were sent; null while the disk takes them. */
  #diskTrouble: Buffer | null = null;
  readonly #turns: TurnScheduler;
  #isClosed = false;
  #heartbeat: Timer;
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
    this.#token = identity.token;
    this.#members = new HubMembers(identity.member, machine.clock, options);
    this.#writer = new LogWriter(machine.files, place, seat.epoch, recovered, options.fsync);
    this.#queue = new InboundQueue(recovered.seq);
    this.#time = recovered.time;
    this.#heartbeat = machine.clock.after(heartbeatMs(this.#options.stallTimeout), () => this.#beat());
    this.#idle = machine.clock.after(options.gcInterval, () => this.#moveTime());
  }

  get writer(): LogWriter {
    return this.#writer;
  }

  /** Takes a new connection. */
  accept(socket: Socket): SocketEvents {
    const member = new HubMember(socket, this.#token, this.#machine.clock, this);
    this.#members.add(member);
    return member;
  }

  /** Called by members, and for the hub's own batches. */
  batch(member: HubMember | null, buffer: Buffer, start: number, end: number): void {
    this.#queue.add(member, buffer, start, end);
    this.#schedule();
  }

  /** Called by members. */
  changed(member: HubMember): void {
    const isLost = this.#members.changed(member);
    if (this.#isClosed) return;
    if (isLost) this.#events.lost(member.id as string);
    else if (member.phase === "left" && !member.isClosed) this.#events.leaves(member.id as string, member.hasWritten);
    this.#schedule();
  }

  /**
   * Orders that a member has left; in an empty log there is nothing that could end with it.
   * @returns whether all that was ordered so far is confirmed.
   */
  left(member: string): boolean {
    if (this.#writer.confirmed.seq === 0 && this.#queue.isEmpty) return true;
    return this.order(encodeEntries([leftEntry(member)]));
  }

  /** Whether all that has arrived is confirmed. */
  get isSettled(): boolean {
    return this.#queue.isEmpty;
  }

  /** Begins a new segment, so that all before it can be folded. Returns false when batches wait for the disk, or it refuses. */
  rotate(): boolean {
    if (this.#isClosed || this.#queue.stamped.length > 0 || !this.#holds()) return false;
    const { mustRotate } = this.#writer;
    try {
      this.#writer.rotate();
    } catch (error) {
      this.#fail(error as Error, this.#writer.mustRotate && !mustRotate);
      return false;
    }
    this.#broadcast(this.#writer.head);
    return true;
  }

  /** Orders a frame of the hub's own after all that has arrived; returns whether it is confirmed. */
  order(frame: Buffer): boolean {
    this.batch(null, frame, 0, frame.length);
    if (!this.#isClosed) this.#turn();
    return !this.#isClosed && this.#queue.isEmpty;
  }

  /** Orders what has arrived, then closes all connections; `done` is called when all that was sent has been delivered. */
  close(done: () => void): void {
    if (!this.#isClosed) this.#turn();
    if (!this.#isClosed) this.#stop();
    const timeout = this.#machine.clock.after(CLOSE_TIMEOUT_MS, done);
    this.#members.end(() => {
      timeout.cancel();
      done();
    });
  }

  isLive(member: string): boolean {
    return this.#members.isLive(member);
  }

  /** Whether any member other than that of this process is live. */
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
    this.#heartbeat.cancel();
    this.#idle.cancel();
    this.#retry?.cancel();
    this.#writer.close();
  }

  #schedule(): void {
    if (!this.#isClosed) this.#turns.schedule();
  }

  #turn(): void {
    this.#turns.taken();
    const appended = this.#retry === null ? this.#order() : [];
    const isAsking = this.#members.isAsking;
    if ((appended.length > 0 || isAsking) && !this.#holds()) return;
    if (appended.length > 0) this.#confirm(appended);
    if (isAsking) this.#forgetClosed();
    this.#members.welcome(() => this.#welcome());
    this.#members.flush();
    if (appended.length > 0) this.#events.grown();
  }

  /** Whether the seat is still this hub's; when it is not, the hub stops. */
  #holds(): boolean {
    const hold = this.#seat.look();
    if (hold === "held") return true;
    this.abandon();
    if (hold === "moved") this.#events.moved();
    else this.#events.replaced();
    return false;
  }

  /** Stamps and appends what has arrived; returns what is in the log now, and not confirmed yet. */
  #order(): FrameRun<HubMember | null>[] {
    if (this.#queue.hasReceived) {
      for (const member of this.#queue.stamp(this.#seat.epoch, this.#logTime())) member?.drop();
    }
    const { stamped } = this.#queue;
    if (stamped.length === 0) {
      this.#recover();
      return [];
    }
    const { segment } = this.#writer.confirmed;
    const { mustRotate } = this.#writer;
    const { bytes, error } = this.#writer.append(stamped.map((run) => run.bytes));
    if (this.#writer.confirmed.segment !== segment) this.#broadcast(this.#writer.head);
    if (error) this.#fail(error, this.#writer.mustRotate && !mustRotate);
    else this.#recover();
    return this.#queue.take(bytes);
  }

  #logTime(): number {
    this.#time = Math.max(this.#time, this.#machine.clock.now());
    return this.#time;
  }

  /** Keeps invariant 4: a member that is welcomed sends again what its lost connection left. */
  #forgetClosed(): void {
    this.#queue.retain((member) => !member?.isClosed, this.#writer.confirmed.seq);
  }

  /** The seat was still ours after the append: broadcasts the frames, and confirms them to their origins. */
  #confirm(runs: readonly FrameRun<HubMember | null>[]): void {
    const last = runs[runs.length - 1] as FrameRun<HubMember | null>;
    this.#writer.confirm(last.seq + last.count - 1, last.time);
    for (const { member, bytes, seq, time, count } of runs) {
      this.#members.broadcast(bytes, member);
      if (member?.phase === "live" && !member.isClosed) {
        member.replies.push(encodeFrame(CONFIRM, { epoch: this.#seat.epoch, seq, time, number: count }));
      }
    }
  }

  /** What a member gets first: it reads the files up to exactly the position from which on it gets live frames. */
  #welcome(): Buffer[] {
    const welcome = encodeWelcome({ to: this.#writer.confirmed, bytes: this.#writer.bytes, now: this.#logTime() });
    return this.#diskTrouble === null ? [welcome] : [welcome, this.#diskTrouble];
  }

  /**
   * The disk refuses writes: members are notified once and wait, and it is tried again after a growing pause.
   * @param mustCompact Whether what a segment holds may never reach the disk.
   */
  #fail(error: Error, mustCompact: boolean): void {
    if (this.#diskTrouble === null) {
      this.#diskTrouble = encodeDiskTrouble(error);
      this.#broadcast(this.#diskTrouble);
      this.#members.pause();
    }
    this.#retry?.cancel();
    this.#retry = this.#machine.clock.after(this.#backoff.next(), () => {
      this.#retry = null;
      this.#schedule();
    });
    if (mustCompact) this.#events.mustCompact();
  }

  #recover(): void {
    if (this.#diskTrouble === null) return;
    this.#diskTrouble = null;
    this.#backoff.reset();
    this.#broadcast(encodeDiskTrouble(null));
    this.#members.resume();
  }

  #broadcast(frame: Buffer): void {
    this.#members.broadcast(frame);
    this.#schedule();
  }

  /** Shows members that the manager is alive. An idle hub learns here that it was replaced. */
  #beat(): void {
    this.#heartbeat = this.#machine.clock.after(heartbeatMs(this.#options.stallTimeout), () => this.#beat());
    if (!this.#holds()) return;
    this.#seat.refresh();
    this.#events.pulse();
    if (this.#isClosed) return;
    if (!this.#members.isEmpty) this.#broadcast(encodeFrame(PING, {}));
    if (this.#options.fsync === "everysec")
      this.#writer.syncLater((error) => this.#isClosed || this.#fail(error, true));
  }

  /** An empty batch lets log time move on in an idle storage. */
  #moveTime(): void {
    this.#idle = this.#machine.clock.after(this.#options.gcInterval, () => this.#moveTime());
    if (this.#machine.clock.now() - this.#writer.confirmed.time < this.#options.gcInterval) return;
    const frame = encodeEntries([]);
    this.batch(null, frame, 0, frame.length);
  }
}
