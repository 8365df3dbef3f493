/** One connection of a member to a hub, from the hello to the end. */
import { MalformedError } from "../../log/codec.js";
import {
  BARRIER,
  BATCH,
  CONFIRM,
  DISK_TROUBLE,
  encodeFrame,
  isIntact,
  kindOf,
  LEAVE,
  MEMBER_COUNT,
  numberOf,
  PING,
  REFUSE,
  SEGMENT,
  seqOf,
  timeOf,
  WELCOME,
} from "../../log/frame.js";
import { MAX_FRAME_BYTES } from "../../log/limits.js";
import type { LogSink } from "../../log/log.js";
import { CompactedFileError } from "../disk/file-errors.js";
import { LogReader } from "../disk/log-reader.js";
import type { SeatView } from "../election/seat.js";
import type { LogPosition, Machine, Place } from "../machine/machine.js";
import { type AdaptiveTimeout, FailureDetector } from "../wire/failure-detector.js";
import { FrameConnection, ProtocolError } from "../wire/frame-connection.js";
import { decodeDiskTrouble, decodeRefusal, decodeWelcome, encodeHello } from "../wire/messages.js";
import { Delivery } from "./delivery.js";

/** Frames of the backlog that are delivered before the event loop goes on. */
const BACKLOG_SLICE = 256;

/** How a session ended. */
export interface HubSessionEnd {
  /** The log was delivered up to here; null when the sink has no usable state. */
  readonly position: LogPosition | null;
  readonly wasWelcomed: boolean;
  /** The hub knows that this member has left, and goes on without it. */
  readonly hasLeft: boolean;
  /** The hub was silent for longer than is allowed. */
  readonly isSilent: boolean;
  /** A `StorageError` when another try would fail too. */
  readonly reason: Error | null;
}

export interface HubSessionRequest {
  readonly member: string;
  readonly position: LogPosition | null;
  readonly silenceTimeout: AdaptiveTimeout;
  readonly maxBacklogBytes: number;
  readonly sink: LogSink;
  /** All that was confirmed before the hello has been delivered. */
  connected(): void;
  /** The answer to a barrier. */
  barrierPassed(number: number): void;
  ended(end: HubSessionEnd): void;
}

/**
 * Invariants:
 *
 * 1. While the member reads the files up to the position that the welcome names, live frames wait in `#backlog`; they are
 *    delivered after what was read, in order.
 * 2. It ends exactly once, and reports the position up to which the log was delivered.
 */
export class HubSession extends FrameConnection {
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #token: string;
  readonly #request: HubSessionRequest;
  #delivery: Delivery | null = null;
  #reader: LogReader | null = null;
  #backlog: Array<{ buffer: Buffer; start: number; end: number }> = [];
  #backlogBytes = 0;
  #isPaused = false;
  #isLive = false;
  #wasWelcomed = false;
  #isSilent = false;
  #hasLeft = false;
  #position: LogPosition | null;
  readonly #detector: FailureDetector;
  /** Live members of the hub. */
  members = 0;
  /** Bytes of the files at the welcome. */
  bytes = 0;

  constructor(machine: Machine, place: Place, seat: SeatView, request: HubSessionRequest) {
    const { address, token } = seat.content as NonNullable<SeatView["content"]>;
    super(MAX_FRAME_BYTES, (events) => machine.sockets.connect(address, events));
    this.#token = token;
    this.#machine = machine;
    this.#place = place;
    this.#request = request;
    this.#position = request.position;
    this.#detector = new FailureDetector(machine.clock, request.silenceTimeout, () => {
      this.#isSilent = true;
      this.drop();
    });
  }

  /** Called by the socket. */
  connected(): void {
    this.send([encodeHello(this.#token, this.#request.member)]);
  }

  /** Sends a frame; before the member is live, and after the end, the frame is dropped. */
  append(frame: Buffer): void {
    if (!this.#isLive) return;
    if (kindOf(frame, 0) === BATCH) this.#delivery?.sent();
    this.send([frame]);
  }

  /**
   * Notifies the hub, and closes when it has answered. A member that is not live yet closes at once when it knows nothing of
   * the log; else it goes on, and leaves once it is live.
   */
  leave(): void {
    if (this.#isLive) {
      this.send([encodeFrame(LEAVE, {})]);
    } else if (this.#request.position === null) {
      this.#hasLeft = true;
      this.drop();
    }
  }

  protected override receive(buffer: Buffer, start: number, end: number): void {
    this.#detector.heard();
    if (this.#isLive) {
      this.#take(buffer, start, end);
      return;
    }
    const kind = kindOf(buffer, start);
    if (this.#reader === null && this.#delivery === null) {
      if (!isIntact(buffer, start, end)) throw new ProtocolError("expected an intact frame");
      if (kind === REFUSE) this.drop(decodeRefusal(buffer, start, end));
      else if (kind === WELCOME) this.#welcomed(buffer, start, end);
      else throw new ProtocolError(`expected a welcome, got kind ${kind}`);
      return;
    }
    this.#backlog.push({ buffer, start, end });
    this.#backlogBytes += end - start;
    if (this.#backlogBytes > this.#request.maxBacklogBytes && !this.#isPaused) {
      this.#isPaused = true;
      this.pause();
    }
  }

  #welcomed(buffer: Buffer, start: number, end: number): void {
    const { to, bytes, now } = decodeWelcome(buffer, start, end);
    this.#wasWelcomed = true;
    this.bytes = bytes;
    const { sink } = this.#request;
    sink.diskTrouble(null);
    this.#reader = new LogReader(this.#machine.files, this.#place, to, this.#position, {
      snapshot: (head) => {
        this.#position = null;
        sink.restoring(head);
      },
      state: (frame, from, to) => sink.restored(frame, from, to),
      batch: (frame, from, to) => sink.batch(frame, from, to),
    });
    this.#read(to, now);
  }

  /** Reads a bounded piece of the files, then lets the event loop go on. */
  #read(to: LogPosition, now: number): void {
    const reader = this.#reader;
    if (reader === null) return;
    let isDone: boolean;
    try {
      isDone = reader.step();
      if (isDone && reader.position.seq !== to.seq) {
        throw new ProtocolError(`expected a welcome at seq ${reader.position.seq}, got one at ${to.seq}`);
      }
    } catch (error) {
      if (error instanceof CompactedFileError) this.drop();
      else this.drop(error as Error);
      return;
    }
    // The hub cannot be heard while the connection is paused.
    if (this.#isPaused) this.#detector.heard();
    if (!isDone) {
      this.#machine.clock.soon(() => this.#read(to, now));
      return;
    }
    reader.close();
    this.#reader = null;
    const { bytes = 0, time } = reader.position;
    const position = { ...to, time: Math.max(to.time, time), bytes };
    // Frames that wait for a confirm come from one turn of the hub, and a hub drops a member that has a longer backlog.
    this.#delivery = new Delivery(this.#request.sink, position, this.#request.maxBacklogBytes + MAX_FRAME_BYTES);
    this.#catchUp(now);
  }

  /** Delivers a slice of what came in while the files were read; once nothing is left, the member is live. */
  #catchUp(time: number): void {
    if (this.isClosed) return;
    if (this.#isPaused) this.#detector.heard();
    const slice = this.#backlog.splice(0, BACKLOG_SLICE);
    try {
      for (const { buffer, start, end } of slice) {
        this.#backlogBytes -= end - start;
        this.#take(buffer, start, end);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof MalformedError)) throw error;
      this.drop(error);
      return;
    }
    if (this.#isPaused && this.#backlogBytes <= this.#request.maxBacklogBytes / 2) {
      this.#isPaused = false;
      this.resume();
    }
    if (this.#backlog.length > 0) {
      this.#machine.clock.soon(() => this.#catchUp(time));
      return;
    }
    this.#isLive = true;
    this.#request.connected();
    this.#request.sink.connected(time);
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
      case MEMBER_COUNT:
        this.members = numberOf(buffer, start);
        break;
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

  protected override disconnected(reason: Error | null): void {
    this.#detector.cancel();
    const position = this.#reader ? this.#reader.position : (this.#delivery?.position ?? this.#position);
    this.#reader?.close();
    this.#reader = null;
    if (this.#isLive) this.#request.sink.disconnected();
    this.#isLive = false;
    const usable = this.#position === null && this.#delivery === null ? null : position;
    this.#request.ended({
      position: usable,
      wasWelcomed: this.#wasWelcomed,
      hasLeft: this.#hasLeft,
      isSilent: this.#isSilent,
      reason,
    });
  }
}
