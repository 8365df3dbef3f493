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
 *
 * In the event loop of an application, the hub does not block for the disk: it waits in the middle of a turn. No other turn begins
 * before the write is over, so the order is the same.
 */
import { encodeEntries } from "../../log/codec.js";
import { leftEntry } from "../../log/entry.js";
import { CONFIRM, encodeFrame, LEAVE, PING } from "../../log/frame.js";
import type { Seat } from "../election/seat.js";
import type { HubOptions, Machine, Place, Socket, TimeNote, Timer } from "../machine/machine.js";
import type { Recovered } from "../upkeep/recovery.js";
import { heartbeatMs } from "../wire/failure-detector.js";
import { encodeWelcome } from "../wire/messages.js";
import { DiskRefusal } from "./disk-refusal.js";
import type { HubEvents, HubIdentity } from "./hub-events.js";
import { HubTime } from "./hub-time.js";
import { type FrameRun, InboundQueue } from "./inbound-queue.js";
import { LevelRaiser } from "./level-raiser.js";
import { type Appended, LogWriter } from "./log-writer.js";
import { HubMember, type HubReceiver } from "./member.js";
import { HubMembers } from "./members.js";
import { TurnScheduler } from "./turn-scheduler.js";
import { WriteGate } from "./write-gate.js";

/** Longest time, in ms, that a closing hub waits until members have taken what was sent to them. */
const CLOSE_TIMEOUT_MS = 1000;

export class Hub implements HubReceiver {
  readonly #machine: Machine;
  readonly #options: HubOptions;
  readonly #seat: Seat;
  readonly writer: LogWriter;
  readonly #token: string;
  readonly #events: HubEvents;
  readonly members: HubMembers;
  readonly levels: LevelRaiser;
  /** The hub's own batches come from no member. */
  readonly #queue: InboundQueue<HubMember | null>;
  /** How many frames of its own are in the queue or confirmed, and how many are confirmed. */
  readonly #own = { added: 0, confirmed: 0 };
  readonly #time: HubTime;
  readonly #refusal: DiskRefusal;
  /** Whether it may block the event loop until the disk has written. */
  readonly #mayBlock: boolean;
  /** No turn begins before the write of the one before is over. */
  readonly #gate = new WriteGate();
  readonly #turns: TurnScheduler;
  #isClosed = false;
  #isAbandoned = false;
  #heartbeat: Timer;
  /** Drops members that do not take what was sent to them. */
  #closing: Timer | null = null;

  /**
   * Begins an epoch; the seat is taken and all others are fenced.
   * @param start What time it is.
   * @throws the error of a failed file operation.
   */
  constructor(
    machine: Machine,
    place: Place,
    options: HubOptions,
    seat: Seat,
    identity: HubIdentity,
    recovered: Recovered,
    start: TimeNote,
    events: HubEvents,
    mayBlock = true,
  ) {
    this.#mayBlock = mayBlock;
    this.#machine = machine;
    this.#refusal = new DiskRefusal(machine.clock);
    this.#options = options;
    this.#turns = new TurnScheduler(machine.clock, () => this.#isClosed || this.#turn());
    this.#seat = seat;
    this.#events = events;
    this.#token = identity.token;
    this.members = new HubMembers(identity.member, machine.clock, options);
    this.#time = new HubTime(machine.clock, start, recovered.time, options.gcInterval, {
      confirmed: () => this.writer.confirmed,
      tell: (frame) => this.#broadcast(frame),
      order: (frame) => this.#add(frame),
    });
    const clock = () => this.#time.note();
    this.writer = new LogWriter(machine.files, place, seat.epoch, recovered, options.fsync, clock);
    this.#queue = new InboundQueue(recovered.seq);
    this.levels = new LevelRaiser(machine, place, options.levels, recovered.level, {
      connected: () => this.members.hellos,
      order: (frame, done) => this.order(frame, done),
      tell: (frame) => this.#broadcast(frame),
    });
    this.#heartbeat = machine.clock.after(heartbeatMs(this.#options.stallTimeout), () => this.#beat());
    this.#time.start();
  }

  /** Takes a new connection. */
  accept(socket: Socket): HubMember {
    const member = new HubMember(socket, this.#token, this.#machine.clock, this);
    this.members.add(member);
    return member;
  }

  /** Called by members, and for its own batches. */
  batch(member: HubMember | null, buffer: Buffer, start: number, end: number): void {
    this.#queue.add(member, buffer, start, end);
    this.#schedule();
  }

  /** Called by members. */
  changed(member: HubMember): void {
    const isLost = this.members.changed(member);
    if (this.#isClosed) return;
    if (isLost) this.#events.lost(member.id as string);
    else if (member.phase === "left" && !member.isClosed)
      this.#events.leaves(member.id as string, member.hasWritten, () => member.send([encodeFrame(LEAVE, {})]));
    this.#schedule();
  }

  /**
   * Orders that a member has left; in an empty log there is nothing that could end with it. `done` is called with whether all
   * that was ordered by the hub itself is confirmed.
   */
  left(member: string, done: (isConfirmed: boolean) => void): void {
    if (this.writer.confirmed.seq === 0 && this.#queue.isEmpty) done(true);
    else this.order(encodeEntries([leftEntry(member)]), done);
  }

  /** Whether all that has arrived is confirmed. */
  get isSettled(): boolean {
    return this.#queue.isEmpty;
  }

  /**
   * Begins a new segment, so that all before it can be folded; `done` is called with whether it did: not when batches wait for
   * the disk, or the disk refuses.
   */
  rotate(done: (isRotated: boolean) => void): void {
    this.#gate.whenWritten(() => {
      const { mustRotate } = this.writer;
      const write = (written: (error: Error | null) => void): void => this.writer.rotate(written, this.#mayBlock);
      if (this.#isClosed || this.#queue.stamped.length > 0 || !this.#holds()) done(false);
      else
        this.#gate.write(write, (error) => {
          if (error) this.#fail(error, this.writer.mustRotate && !mustRotate);
          else this.#broadcast(this.writer.head);
          done(error === null && !this.#isClosed);
        });
    });
  }

  /** Orders a frame of the hub's own after all that has arrived; `done` is called with whether it is confirmed. */
  order(frame: Buffer, done: (isConfirmed: boolean) => void): void {
    const number = this.#add(frame);
    this.#takeTurn(() => done(!this.#isClosed && this.#own.confirmed >= number));
  }

  /** Takes in a frame of the hub's own; returns which of its own it is. */
  #add(frame: Buffer): number {
    this.#time.noteIn(frame);
    this.batch(null, frame, 0, frame.length);
    return ++this.#own.added;
  }

  /**
   * Orders what has arrived, then closes all connections. `done` is called when all that was sent has been delivered, with
   * whether no other member was live at the end.
   */
  close(done: (isLast: boolean) => void): void {
    this.#takeTurn(() => {
      if (this.#isAbandoned) return;
      if (!this.#isClosed) this.#stop(true);
      const isLast = !this.members.hasOthers;
      this.#closing = this.#machine.clock.after(CLOSE_TIMEOUT_MS, () => this.members.drop());
      this.members.end(() => {
        this.#closing?.cancel();
        if (!this.#isAbandoned) done(isLast);
      });
    });
  }

  /** Welcomes no further member, and lets log time stand still, since a tombstone has one time for the end of a log. */
  beginLeaving(): void {
    this.#time.standStill();
    this.members.admitNobody();
  }

  isLive(member: string): boolean {
    return this.members.isLive(member);
  }

  /** Stops at once: nothing more is appended, sent or confirmed. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#closing?.cancel();
    if (!this.#isClosed) this.#stop();
    this.members.drop();
  }

  #stop(isLeaving = false): void {
    this.#isClosed = true;
    this.#heartbeat.cancel();
    this.#time.stop();
    this.#refusal.stop();
    this.writer.close(isLeaving, this.#mayBlock);
  }

  #schedule(): void {
    if (!this.#isClosed) this.#turns.schedule();
  }

  /** Takes a turn once no write is under way; `done` is called when that turn's own write is over, too. */
  #takeTurn(done: () => void): void {
    this.#gate.whenWritten(() => {
      if (!this.#isClosed) this.#turn();
      this.#gate.whenWritten(done);
    });
  }

  #turn(): void {
    this.#turns.taken();
    if (this.#gate.isWriting) {
      this.#gate.whenWritten(() => this.#schedule());
      return;
    }
    if (this.#refusal.isPausing) this.#finishTurn([]);
    else this.#order((appended) => this.#finishTurn(appended));
  }

  /** @param appended What is in the log now, and not confirmed yet. */
  #finishTurn(appended: readonly FrameRun<HubMember | null>[]): void {
    const isAsking = this.members.isAsking;
    if ((appended.length > 0 || isAsking) && !this.#holds()) return;
    if (appended.length > 0) this.#confirm(appended);
    if (isAsking) this.#forgetClosed();
    this.members.welcome(() => this.#welcome());
    this.members.flush();
    if (appended.length > 0) this.#events.grown(appended.some(({ member }) => member !== null));
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

  /** Stamps and appends what has arrived; `done` is called with what is in the log then, and not confirmed yet. */
  #order(done: (appended: FrameRun<HubMember | null>[]) => void): void {
    if (this.#queue.hasReceived) {
      for (const member of this.#queue.stamp(this.#seat.epoch, this.#time.logTime())) member?.drop();
    }
    const { stamped } = this.#queue;
    if (stamped.length === 0) {
      this.#recover();
      done([]);
      return;
    }
    const { mustRotate, confirmed } = this.writer;
    const buffers = stamped.map((run) => run.bytes);
    const write = (written: (appended: Appended) => void): void => this.writer.append(buffers, written, this.#mayBlock);
    this.#gate.write(write, ({ bytes, error }) => {
      if (this.#isClosed) return;
      if (this.writer.confirmed.segment !== confirmed.segment) this.#broadcast(this.writer.head);
      if (error) this.#fail(error, this.writer.mustRotate && !mustRotate);
      else this.#recover();
      done(this.#queue.take(bytes));
    });
  }

  /** Keeps invariant 4: a member that is welcomed sends again what its lost connection left. */
  #forgetClosed(): void {
    this.#queue.retain((member) => !member?.isClosed, this.writer.confirmed.seq);
  }

  /** The seat was still ours after the append: broadcasts the frames, and confirms them to their origins. */
  #confirm(runs: readonly FrameRun<HubMember | null>[]): void {
    const last = runs[runs.length - 1] as FrameRun<HubMember | null>;
    this.writer.confirm(last.seq + last.count - 1, last.time);
    for (const { member, bytes, seq, time, count } of runs) {
      this.members.broadcast(bytes, member);
      if (member === null) this.#own.confirmed += count;
      if (member?.phase === "live" && !member.isClosed) {
        member.replies.push(encodeFrame(CONFIRM, { epoch: this.#seat.epoch, seq, time, number: count }));
      }
    }
  }

  /** What a member gets first: it reads the files up to exactly the position from which on it gets live frames. */
  #welcome(): Buffer[] {
    const { confirmed: to, bytes } = this.writer;
    const welcome = encodeWelcome({ to, bytes, ...this.#time.told, options: this.#options });
    return this.#refusal.frame === null ? [welcome] : [welcome, this.#refusal.frame];
  }

  /**
   * The disk refuses writes: members are notified once and wait, and it is tried again after a growing pause.
   * @param mustCompact Whether what a segment holds may never reach the disk.
   */
  #fail(error: Error, mustCompact: boolean): void {
    if (this.#isClosed) return;
    const trouble = this.#refusal.begin(error, () => this.#schedule());
    if (trouble !== null) {
      this.#broadcast(trouble);
      this.members.pause();
    }
    this.#events.refused(error, mustCompact);
  }

  #recover(): void {
    const recovered = this.#refusal.end();
    if (recovered === null) return;
    this.#broadcast(recovered);
    this.members.resume();
  }

  #broadcast(frame: Buffer): void {
    this.members.broadcast(frame);
    this.#schedule();
  }

  /** Shows members that the manager is alive. An idle hub learns here that it was replaced. */
  #beat(): void {
    this.#heartbeat = this.#machine.clock.after(heartbeatMs(this.#options.stallTimeout), () => this.#beat());
    if (!this.#holds()) return;
    this.#seat.refresh();
    this.#events.pulse();
    if (this.#isClosed) return;
    this.#time.tell();
    if (!this.members.isEmpty) this.#broadcast(encodeFrame(PING, {}));
    if (this.#options.fsync === "everysec") this.writer.syncLater((error) => this.#isClosed || this.#fail(error, true));
  }
}
