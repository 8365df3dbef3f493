/**
 * One connection of a member to a hub, from hello to end.
 *
 * While it reads the files up to the position that the welcome names, live frames wait in `#backlog`. It ends exactly once,
 * and then tells up to where the log was delivered.
 */
import { MalformedError } from "../../log/codec.js";
import {
  BARRIER,
  BATCH,
  CENSUS,
  CONFIRM,
  DISK_TROUBLE,
  encodeFrame,
  isIntact,
  kindOf,
  LEAVE,
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
import { ChainReader, StaleFilesError } from "../disk/log-reader.js";
import type { SeatView } from "../election/seat.js";
import type { LogPosition, Machine, Place } from "../machine/machine.js";
import { StallWatch } from "../wire/failure-detector.js";
import { FrameConnection, ProtocolError } from "../wire/frame-connection.js";
import { decodeDiskTrouble, decodeRefusal, decodeWelcome, encodeHello } from "../wire/messages.js";
import type { Patience } from "../wire/patience.js";
import { Delivery } from "./delivery.js";

/** Frames of the backlog that are delivered before the event loop goes on. */
const BACKLOG_SLICE = 256;

/** What became of a membership. */
export interface HubSessionEnd {
  /** Up to where the log was delivered; null when the sink has no usable state. */
  readonly position: LogPosition | null;
  readonly wasWelcome: boolean;
  /** The hub knows that this member has left, and goes on without it. */
  readonly hasLeft: boolean;
  /** The hub was silent for longer than is allowed. */
  readonly isMute: boolean;
  /** A `StorageError` when there is no point in another try. */
  readonly reason: Error | null;
}

export interface HubSessionRequest {
  readonly member: string;
  readonly position: LogPosition | null;
  readonly patience: Patience;
  readonly maxBacklogBytes: number;
  readonly sink: LogSink;
  /** All that was confirmed before the hello has been delivered. */
  connected(): void;
  /** The answer to a barrier. */
  passed(number: number): void;
  ended(end: HubSessionEnd): void;
}

export class HubSession extends FrameConnection {
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #token: string;
  readonly #request: HubSessionRequest;
  #delivery: Delivery | null = null;
  #reader: ChainReader | null = null;
  #backlog: Array<{ buffer: Buffer; start: number; end: number }> = [];
  #backlogBytes = 0;
  #isPaused = false;
  #isLive = false;
  #wasWelcome = false;
  #isMute = false;
  #hasLeft = false;
  #position: LogPosition | null;
  readonly #watch: StallWatch;
  /** Members that the hub has; files' bytes at the welcome. */
  members = 0;
  bytes = 0;

  constructor(machine: Machine, place: Place, seat: SeatView, request: HubSessionRequest) {
    const { address, token } = seat.content as NonNullable<SeatView["content"]>;
    super(MAX_FRAME_BYTES, (events) => machine.sockets.connect(address, events));
    this.#token = token;
    this.#machine = machine;
    this.#place = place;
    this.#request = request;
    this.#position = request.position;
    this.#watch = new StallWatch(machine.clock, request.patience, () => {
      this.#isMute = true;
      this.drop();
    });
  }

  /** Called by the socket. */
  connected(): void {
    this.send([encodeHello(this.#token, this.#request.member)]);
  }

  /** Sends a frame; before the join, and after the end, it is dropped. */
  append(frame: Buffer): void {
    if (!this.#isLive) return;
    if (kindOf(frame, 0) === BATCH) this.#delivery?.sent();
    this.send([frame]);
  }

  /** Tells the hub, and closes when that has answered. Before the join only one that knows nothing leaves, without a word. */
  leave(): void {
    if (this.#isLive) {
      this.send([encodeFrame(LEAVE, {})]);
    } else if (this.#request.position === null) {
      this.#hasLeft = true;
      this.drop();
    }
  }

  protected override receive(buffer: Buffer, start: number, end: number): void {
    this.#watch.heard();
    if (this.#isLive) {
      this.#take(buffer, start, end);
      return;
    }
    const kind = kindOf(buffer, start);
    if (this.#reader === null && this.#delivery === null) {
      if (!isIntact(buffer, start, end)) throw new ProtocolError("expected a sound frame");
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
    this.#wasWelcome = true;
    this.bytes = bytes;
    const { sink } = this.#request;
    sink.diskTrouble(null);
    this.#reader = new ChainReader(this.#machine.files, this.#place, to, this.#position, {
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
        throw new ProtocolError(`expected a welcome behind seq ${reader.position.seq}, got one behind ${to.seq}`);
      }
    } catch (error) {
      if (error instanceof StaleFilesError) this.drop();
      else this.drop(error as Error);
      return;
    }
    // While the connection is paused the hub cannot be heard.
    if (this.#isPaused) this.#watch.heard();
    if (!isDone) {
      this.#machine.clock.soon(() => this.#read(to, now));
      return;
    }
    reader.close();
    this.#reader = null;
    const { bytes, time } = reader.position;
    const position = { ...to, time: Math.max(to.time, time), bytes };
    // What waits for a confirm is of one turn of the hub, which drops a member that it has more for than the backlog.
    this.#delivery = new Delivery(this.#request.sink, position, this.#request.maxBacklogBytes + MAX_FRAME_BYTES);
    this.#catchUp(now);
  }

  /** Delivers a slice of what came in meanwhile; once nothing is left, the member is live. */
  #catchUp(time: number): void {
    if (this.isClosed) return;
    if (this.#isPaused) this.#watch.heard();
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
        this.#request.passed(numberOf(buffer, start));
        break;
      case DISK_TROUBLE:
        this.#request.sink.diskTrouble(decodeDiskTrouble(buffer, start, end));
        break;
      case CENSUS:
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
    this.#watch.cancel();
    const position = this.#reader ? this.#reader.position : (this.#delivery?.position ?? this.#position);
    this.#reader?.close();
    this.#reader = null;
    if (this.#isLive) this.#request.sink.disconnected();
    this.#isLive = false;
    const usable = this.#position === null && this.#delivery === null ? null : position;
    this.#request.ended({
      position: usable,
      wasWelcome: this.#wasWelcome,
      hasLeft: this.#hasLeft,
      isMute: this.#isMute,
      reason,
    });
  }
}
