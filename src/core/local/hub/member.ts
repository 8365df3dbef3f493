/**
 * A hub's side of one member: proves who it is, takes its frames, keeps what is to be sent to it at the end of the turn.
 */
import { timingSafeEqual } from "node:crypto";
import { checkEntries } from "../../log/codec.js";
import {
  BARRIER,
  BATCH,
  bornOf,
  decodeJson,
  encodeJson,
  epochOf,
  HELLO,
  isIntact,
  kindOf,
  LEAVE,
  numberOf,
  originOf,
  REFUSE,
} from "../../log/frame.js";
import { MAX_FRAME_BYTES } from "../../log/limits.js";
import type { Clock, Socket, SocketEvents, Timer } from "../machine/machine.js";
import { FrameConnection, GREETING_BYTES, PROTOCOL, ProtocolError } from "../wire/frame-connection.js";

/** What a member says first. */
export interface Hello {
  readonly protocol: number;
  readonly token: string;
  /** Random text that tells this member from all others. */
  readonly member: string;
  /** The last batch that it applied: 0 for none. */
  readonly seq: number;
}

/** ms within which a new connection must have proved itself. */
const GREETING_MS = 2000;

/** What a member tells its hub. */
export interface HubMemberEvents {
  /** It has proved itself and waits for a welcome. */
  greeted(member: HubMember): void;
  /** A well-formed batch whose checksum is not checked yet. */
  batch(member: HubMember, buffer: Buffer, start: number, end: number): void;
  barrier(member: HubMember, number: number): void;
  /** It will send nothing more. */
  left(member: HubMember): void;
  closed(member: HubMember): void;
}

export class HubMember {
  readonly #connection: FrameConnection;
  readonly #events: HubMemberEvents;
  readonly #token: Buffer;
  #greeting: Timer | null;
  /** Others' frames and, behind them, answers: sent at the end of the turn. */
  readonly outbox: Buffer[] = [];
  /** Sent after the outboxes of all members. */
  readonly confirms: Buffer[] = [];
  /** Numbers of barriers to answer at the end of the turn. */
  readonly barriers: number[] = [];
  /** Whether it gets live frames. */
  isLive = false;
  hello: Hello | null = null;

  private constructor(
    socket: Socket,
    token: string,
    clock: Clock,
    events: HubMemberEvents,
    out: (events: SocketEvents) => void,
  ) {
    this.#events = events;
    this.#token = Buffer.from(token);
    const [connection, socketEvents] = FrameConnection.from(socket, GREETING_BYTES, {
      frame: (buffer, start, end) => this.#frame(buffer, start, end),
      closed: () => {
        this.#greeting?.cancel();
        events.closed(this);
      },
    });
    this.#connection = connection;
    this.#greeting = clock.after(GREETING_MS, () => this.drop());
    out(socketEvents);
  }

  /** Takes over an accepted socket. */
  static accept(socket: Socket, token: string, clock: Clock, events: HubMemberEvents): [HubMember, SocketEvents] {
    let socketEvents: SocketEvents | undefined;
    const member = new HubMember(socket, token, clock, events, (given) => {
      socketEvents = given;
    });
    return [member, socketEvents as SocketEvents];
  }

  get queuedBytes(): number {
    return this.#connection.queuedBytes;
  }

  get isClosed(): boolean {
    return this.#connection.isClosed;
  }

  /** Sends what has gathered for it. */
  flush(frames: Buffer[]): void {
    if (frames.length === 0) return;
    this.#connection.send(frames);
    frames.length = 0;
  }

  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  /** Says why not, and closes. */
  refuse(code: string, message: string): void {
    this.#connection.send([encodeJson(REFUSE, {}, { code, message })]);
    this.#connection.end();
  }

  end(): void {
    this.#connection.end();
  }

  drop(): void {
    this.#connection.drop(null);
  }

  #frame(buffer: Buffer, start: number, end: number): void {
    const kind = kindOf(buffer, start);
    if (this.hello === null) {
      if (kind !== HELLO || !isIntact(buffer, start, end))
        throw new ProtocolError(`expected a hello, got kind ${kind}`);
      this.#greet(decodeHello(buffer, start, end));
    } else if (kind === BATCH && this.isLive) {
      if (epochOf(buffer, start) !== 0) throw new ProtocolError("expected a batch that nobody has ordered");
      if (!hasOrigin(buffer, start)) throw new ProtocolError("expected a batch that says whose it is");
      checkEntries(buffer, start, end);
      this.#events.batch(this, buffer, start, end);
    } else if (kind === BARRIER && this.isLive) {
      this.#events.barrier(this, numberOf(buffer, start));
    } else if (kind === LEAVE) {
      this.isLive = false;
      this.#events.left(this);
    } else {
      throw new ProtocolError(`expected a batch or a barrier, got kind ${kind}`);
    }
  }

  #greet(hello: Hello): void {
    const token = Buffer.from(hello.token);
    if (token.length !== this.#token.length || !timingSafeEqual(token, this.#token)) {
      throw new ProtocolError("expected the token of the seat");
    }
    this.#greeting?.cancel();
    this.#greeting = null;
    this.hello = hello;
    if (hello.protocol !== PROTOCOL) {
      this.refuse(
        "ERR_STORAGE_PROTOCOL",
        `the manager speaks protocol ${PROTOCOL} and this process ${hello.protocol}: run the same version of cluster-storage in all processes`,
      );
      return;
    }
    this.#connection.maxFrameBytes = MAX_FRAME_BYTES;
    this.#events.greeted(this);
  }
}

/** Whether origin, birth and number are whole numbers: a snapshot could not carry others, and then members would differ. */
function hasOrigin(buffer: Buffer, start: number): boolean {
  const [origin, born, number] = [originOf(buffer, start), bornOf(buffer, start), numberOf(buffer, start)];
  return Number.isSafeInteger(born) && Number.isSafeInteger(origin) && Number.isSafeInteger(number) && number > 0;
}

function decodeHello(buffer: Buffer, start: number, end: number): Hello {
  let hello: unknown;
  try {
    hello = decodeJson(buffer, start, end);
  } catch (cause) {
    throw new ProtocolError("expected a hello in JSON", { cause });
  }
  const { protocol, token, member, seq } = (hello ?? {}) as Partial<Record<keyof Hello, unknown>>;
  if (
    typeof protocol === "number" &&
    typeof token === "string" &&
    typeof member === "string" &&
    typeof seq === "number"
  ) {
    return { protocol, token, member, seq };
  }
  throw new ProtocolError("expected a hello with protocol, token, member and seq");
}
