/** One connection of a member to a hub, from the hello to the end. */
import { codeOf } from "../../errors.js";
import {
  BARRIER,
  BATCH,
  CLOCK,
  CONFIRM,
  DISK_TROUBLE,
  encodeFrame,
  HEAL,
  isIntact,
  kindOf,
  LEAVE,
  LEVEL_HELD,
  MEMBER_COUNT,
  numberOf,
  PING,
  REFUSE,
  SEGMENT,
  seqOf,
  timeOf,
  WELCOME,
} from "../../log/frame.js";
import { MAX_FRAME_BYTES, MOST_BACKLOGS } from "../../log/limits.js";
import { CompactedFileError } from "../disk/file-errors.js";
import { LogReader } from "../disk/log-reader.js";
import type { SeatView } from "../election/seat.js";
import type { FileReport } from "../machine/healing.js";
import type { LogPosition, Machine, Pin, Place } from "../machine/machine.js";
import { MovedError } from "../machine/pinned-files.js";
import { FailureDetector } from "../wire/failure-detector.js";
import { FrameConnection, isProtocolBreach, ProtocolError } from "../wire/frame-connection.js";
import { decodeHealOrder, encodeFileReport } from "../wire/healing-messages.js";
import {
  decodeDiskTrouble,
  decodeLevelHeld,
  decodeRefusal,
  decodeTime,
  decodeWelcome,
  encodeHello,
  type Welcome,
} from "../wire/messages.js";
import { Delivery } from "./delivery.js";
import type { HubSessionRequest } from "./hub-session-request.js";

/** Frames of the backlog that are delivered before the event loop goes on. */
const BACKLOG_SLICE = 256;

/** How far a session is. */
type Phase =
  /** The hello is on its way, or its answer. */
  | "greeting"
  /** The files are read up to the position that the welcome names. */
  | "reading"
  /** What came in meanwhile is delivered. */
  | "catching up"
  /** What comes in is delivered at once, and the member may send. */
  | "live"
  /** The files are damaged, and the hub knows: it ends the connection once they are healed. */
  | "waiting"
  | "ended";

/**
 * A state machine: `receive` and `leave` only record facts; `#step` decides what comes next, in slices between which the event loop
 * goes on.
 *
 * Invariants:
 *
 * 1. While the member reads the files up to the position that the welcome names, live frames wait in `#backlog`; they are
 *    delivered after what was read, in order.
 * 2. It ends exactly once, and reports the position up to which the log was delivered.
 * 3. A member that leaves notifies its hub once it is live. One that knows nothing of the log leaves without a word.
 */
export class HubSession extends FrameConnection {
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #pin: Pin;
  readonly #token: string;
  readonly #request: HubSessionRequest;
  readonly #detector: FailureDetector;
  #phase: Phase = "greeting";
  /** Null: it goes on. Else it leaves, and says whether batches of this member may be in the log. */
  #leaving: { readonly hasWritten: boolean } | null = null;
  #welcome: Welcome | null = null;
  #reader: LogReader | null = null;
  #delivery: Delivery | null = null;
  #backlog: Array<{ buffer: Buffer; start: number; end: number }> = [];
  #backlogBytes = 0;
  #isPaused = false;
  #isSilent = false;
  #hasLeft = false;
  #isUnreadable = false;
  /** {@link StoredHead.history}, once it is known. */
  #history: string | undefined;
  /** Up to where the log was delivered before, while that still holds. */
  #position: LogPosition | null;
  /** Live members of the hub. */
  members = 0;
  /** Bytes of the files at the welcome. */
  bytes = 0;

  /** @param pin The directory in which the socket and the files are; closed when the session has ended. */
  constructor(machine: Machine, place: Place, pin: Pin, seat: SeatView, request: HubSessionRequest) {
    const { socket, token } = seat.content as NonNullable<SeatView["content"]>;
    super(MAX_FRAME_BYTES, (events) => machine.sockets.connect(pin.directory, socket, events));
    this.#token = token;
    this.#pin = pin;
    this.#machine = machine;
    this.#place = place;
    this.#request = request;
    this.#position = request.position;
    this.#history = request.position?.history;
    this.#detector = new FailureDetector(machine.clock, request.silenceTimeout, () => {
      this.#isSilent = true;
      this.drop();
    });
  }

  /** Called by the socket. */
  connected(): void {
    this.send([encodeHello({ token: this.#token, ...this.#request.self })]);
  }

  /** Sends a frame; before the member is live, and after the end, the frame is dropped. */
  append(frame: Buffer): void {
    if (this.#phase !== "live") return;
    if (kindOf(frame, 0) === BATCH) this.#delivery?.sent();
    this.send([frame]);
  }

  /** Leaves, as invariant 3 says; may be called again. The session ends when the hub has answered. */
  leave(hasWritten: boolean): void {
    if (this.#leaving !== null) return;
    this.#leaving = { hasWritten };
    if (this.#phase === "live" || this.#phase === "waiting") this.#sendLeave();
    else if (this.#request.position === null) {
      this.#hasLeft = true;
      this.drop();
    }
  }

  /** Called by the socket. A part of a long frame is heard too: the rest may take longer than the silence that is allowed. */
  override data(chunk: Buffer): void {
    this.#detector.heard();
    super.data(chunk);
  }

  protected override receive(buffer: Buffer, start: number, end: number): void {
    if (this.#phase === "live") this.#take(buffer, start, end);
    else if (this.#phase === "greeting") this.#greeted(buffer, start, end);
    else if (this.#phase === "waiting") this.#waitForHeal(buffer, start, end);
    else this.#wait(buffer, start, end);
  }

  /** The first frame of a hub: a welcome or a refusal. */
  #greeted(buffer: Buffer, start: number, end: number): void {
    if (!isIntact(buffer, start, end)) throw new ProtocolError("expected an intact frame");
    const kind = kindOf(buffer, start);
    if (kind === REFUSE) {
      this.drop(decodeRefusal(buffer, start, end));
      return;
    }
    if (kind !== WELCOME) throw new ProtocolError(`expected a welcome, got kind ${kind}`);
    const { sink } = this.#request;
    const welcome = decodeWelcome(buffer, start, end);
    this.#welcome = welcome;
    this.#request.clock.tell(welcome.now, welcome.clock, this.#request.sink);
    this.#request.options.compare(welcome.options, sink);
    this.bytes = welcome.bytes;
    this.#phase = "reading";
    this.#reader = new LogReader(this.#pin.files, this.#place, welcome.to, this.#position, {
      snapshot: (head) => {
        this.#position = null;
        sink.restoring(head);
      },
      state: (frame, from, to) => sink.restored(frame, from, to),
      batch: (frame, from, to) => sink.batch(frame, from, to),
    });
    this.#step();
  }

  /** Keeps invariant 1. */
  #wait(buffer: Buffer, start: number, end: number): void {
    this.#backlog.push({ buffer, start, end });
    this.#backlogBytes += end - start;
    if (this.#backlogBytes <= this.#request.options.own.maxMemberBacklogBytes || this.#isPaused) return;
    this.#isPaused = true;
    this.pause();
  }

  /** The hub lets a member that holds everything write it again. What comes in meanwhile is in the files then. */
  #metDamage({ message }: Error): void {
    this.#phase = "waiting";
    this.#backlog = [];
    if (this.#isPaused) this.resume();
    this.#isPaused = false;
    this.#report({ kind: "damaged", seq: this.held?.seq ?? 0, message });
    if (this.#leaving !== null) this.#sendLeave();
  }

  /** Up to where the sink has the whole state; null: it has none. */
  get held(): LogPosition | null {
    if (this.#position === null && this.#delivery === null) return null;
    const { level } = this.#request.sink;
    const position = this.#reader?.position ?? this.#delivery?.position ?? this.#position;
    return position && { ...position, level, ...(this.#history ? { history: this.#history } : {}) };
  }

  #waitForHeal(buffer: Buffer, start: number, end: number): void {
    const kind = kindOf(buffer, start);
    if (kind === REFUSE) this.drop(decodeRefusal(buffer, start, end));
    if (kind === HEAL) {
      const order = decodeHealOrder(buffer, start, end);
      const isSame = this.held?.time === order.time && this.#history === order.history;
      if (isSame) this.#request.heals(order, this.#pin.id, (report) => this.#report(report));
      else this.#report({ kind: "declined", seq: order.seq });
    }
    this.#hasLeft = kind === LEAVE;
    if (kind === LEAVE) this.drop();
  }

  /** Does a bounded piece of what is to be done before the member is live, then lets the event loop go on. */
  #step(): void {
    // The hub cannot be heard while the connection is paused.
    if (this.#isPaused) this.#detector.heard();
    try {
      if (this.#phase === "reading") this.#read();
      else if (this.#phase === "catching up") this.#catchUp();
    } catch (error) {
      if (error instanceof CompactedFileError || error instanceof MovedError) this.drop();
      else if (this.#phase === "reading" && codeOf(error) === "ERR_STORAGE_CORRUPT") this.#metDamage(error as Error);
      else if (this.#phase === "reading" || isProtocolBreach(error)) {
        this.#isUnreadable = !isProtocolBreach(error);
        this.drop(error as Error);
      } else throw error;
    }
    if (this.#phase === "reading" || this.#phase === "catching up") this.#machine.clock.soon(() => this.#step());
  }

  #read(): void {
    const reader = this.#reader as LogReader;
    const { to } = this.#welcome as Welcome;
    const isRead = reader.step();
    this.#history = reader.history;
    if (!isRead) return;
    if (reader.position.seq !== to.seq) {
      throw new ProtocolError(`expected a welcome at seq ${reader.position.seq}, got one at ${to.seq}`);
    }
    reader.close();
    this.#reader = null;
    const { bytes = 0, time } = reader.position;
    const position = { ...to, time: Math.max(to.time, time), bytes };
    // Frames that wait for a confirm come from one turn of the hub, and a hub that sends more than a backlog takes no more in.
    const maxHeldBytes = MOST_BACKLOGS * this.#request.options.own.maxMemberBacklogBytes + MAX_FRAME_BYTES;
    this.#delivery = new Delivery(this.#request.sink, position, maxHeldBytes);
    this.#request.sink.diskTrouble(null);
    this.#phase = "catching up";
    this.#catchUp();
  }

  /** Delivers a slice of what came in while the files were read; once nothing is left, the member is live. */
  #catchUp(): void {
    for (const { buffer, start, end } of this.#backlog.splice(0, BACKLOG_SLICE)) {
      this.#backlogBytes -= end - start;
      this.#take(buffer, start, end);
      if (this.isClosed) return;
    }
    if (this.#isPaused && this.#backlogBytes <= this.#request.options.own.maxMemberBacklogBytes / 2) {
      this.#isPaused = false;
      this.resume();
    }
    if (this.#backlog.length > 0) return;
    this.#phase = "live";
    this.#pin.close();
    this.#request.connected();
    this.#request.sink.connected();
    if (this.#leaving !== null && !this.isClosed) this.#sendLeave();
  }

  #sendLeave(): void {
    this.send([encodeFrame(LEAVE, { number: this.#leaving?.hasWritten ? 1 : 0 })]);
  }

  #take(buffer: Buffer, start: number, end: number): void {
    const delivery = this.#delivery as Delivery;
    switch (kindOf(buffer, start)) {
      case BATCH:
        delivery.batch(buffer, start, end);
        break;
      case CONFIRM:
        delivery.confirm(seqOf(buffer, start), numberOf(buffer, start), timeOf(buffer, start));
        break;
      case SEGMENT:
        delivery.segment(buffer, start, end);
        break;
      case BARRIER:
        this.#request.barrierPassed(numberOf(buffer, start));
        break;
      case DISK_TROUBLE:
        this.#request.sink.diskTrouble(decodeDiskTrouble(buffer, start, end));
        break;
      case LEVEL_HELD:
        this.#request.sink.levelHeld(decodeLevelHeld(buffer, start, end));
        break;
      case MEMBER_COUNT:
        this.members = numberOf(buffer, start);
        break;
      case HEAL:
        this.#request.heals(decodeHealOrder(buffer, start, end), this.#pin.id, (report) => this.#report(report));
        break;
      case CLOCK: {
        const note = decodeTime(buffer, start, end);
        this.#request.clock.tell(note.time, note, this.#request.sink);
        break;
      }
      case LEAVE:
        this.#hasLeft = true;
        this.drop();
        break;
      case PING:
        break;
      default:
        throw new ProtocolError(`expected a frame of a hub, got kind ${kindOf(buffer, start)}`);
    }
  }

  /** Also before this member is live: for the hub it is, since the welcome. */
  #report(report: FileReport): void {
    if (this.#phase !== "ended") this.send([encodeFileReport(report)]);
  }

  protected override disconnected(reason: Error | null): void {
    this.#detector.cancel();
    this.#pin.close();
    const wasLive = this.#phase === "live";
    this.#phase = "ended";
    const position = this.held;
    this.#reader?.close();
    this.#reader = null;
    if (wasLive) this.#request.sink.disconnected();
    this.#request.ended({
      position,
      wasWelcomed: this.#welcome !== null,
      hasLeft: this.#hasLeft,
      isSilent: this.#isSilent,
      isUnreadable: this.#isUnreadable,
      reason,
    });
  }
}
