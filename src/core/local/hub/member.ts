/** A hub's end of the connection to one member. */
import { timingSafeEqual } from "node:crypto";
import { checkEntries } from "../../log/codec.js";
import {
  BARRIER,
  BATCH,
  bornOf,
  epochOf,
  FILE_REPORT,
  HELLO,
  isCount,
  isIntact,
  kindOf,
  LEAVE,
  NEED_LEVEL,
  numberOf,
  originOf,
} from "../../log/frame.js";
import { MAX_FRAME_BYTES } from "../../log/limits.js";
import type { FileReport } from "../machine/healing.js";
import type { Clock, Socket, Timer } from "../machine/machine.js";
import { FrameConnection, ProtocolError } from "../wire/frame-connection.js";
import { decodeFileReport } from "../wire/healing-messages.js";
import { decodeHello, encodeRefusal, type Hello, PROTOCOL } from "../wire/messages.js";

/** Most bytes that are taken before a member has proved itself. */
const MAX_HELLO_BYTES = 1024;

/** ms within which a new connection must have proved itself. */
const HELLO_TIMEOUT_MS = 2000;

/** What members call: the hub. */
export interface HubReceiver {
  /** A well-formed batch; its checksum is not checked yet. */
  batch(member: HubMember, buffer: Buffer, start: number, end: number): void;
  /** The member has a new phase, has asked for a barrier, or is closed. */
  changed(member: HubMember): void;
  /** Decides what the log may contain. */
  readonly levels: {
    /** Why a process cannot take part; null: it can. */
    refusal(hello: Hello): Error | null;
    /** A member needs a level of the log. */
    need(level: number): void;
  };
}

/** Takes what members report about the files. */
export interface FileReports {
  reported(member: HubMember, report: FileReport): void;
  /** The connection has ended. */
  gone(member: HubMember): void;
}

/**
 * A member as its hub sees it: a connection with a phase, and the frames that wait for the end of the hub's turn.
 *
 * - `unproven`: has not sent its hello;
 * - `proven`: knows the token, and waits for its welcome;
 * - `live`: gets live frames, and may write;
 * - `left`: has said that it leaves, or was refused.
 *
 * Invariants:
 *
 * 1. Nothing is sent to a member that is `unproven`.
 * 2. Batches and barriers are taken from a member that is `live`, and from no other.
 */
export class HubMember extends FrameConnection {
  readonly #token: string;
  readonly #receiver: HubReceiver;
  readonly #helloTimeout: Timer;
  phase: "unproven" | "proven" | "live" | "left" = "unproven";
  /** Random text that distinguishes it from all other members; null while it is `unproven`. */
  id: string | null = null;
  /** What it has said of itself; null while it is `unproven`. */
  hello: Hello | null = null;
  /** Whether it has said, as it left, that batches of its are in the log. */
  hasWritten = false;
  /** What all members get: sent in the first round at the end of the turn. */
  readonly broadcasts: Buffer[] = [];
  /** What this member alone gets: sent after the broadcasts to all members. */
  readonly replies: Buffer[] = [];
  /** Numbers of the barriers that are answered at the end of the turn. */
  readonly barriers: number[] = [];
  fileReports: FileReports | null = null;

  /**
   * Takes over an accepted socket.
   * @param token What the member must know.
   */
  constructor(socket: Socket, token: string, clock: Clock, receiver: HubReceiver) {
    super(MAX_HELLO_BYTES, () => socket);
    this.#token = token;
    this.#receiver = receiver;
    this.#helloTimeout = clock.after(HELLO_TIMEOUT_MS, () => this.drop());
  }

  /** Sends frames, and empties their array. */
  flush(frames: Buffer[]): void {
    if (frames.length === 0) return;
    this.send(frames);
    frames.length = 0;
  }

  protected override receive(buffer: Buffer, start: number, end: number): void {
    const kind = kindOf(buffer, start);
    if (this.phase === "unproven") {
      if (kind !== HELLO || !isIntact(buffer, start, end))
        throw new ProtocolError(`expected a hello, got kind ${kind}`);
      this.#greet(decodeHello(buffer, start, end));
    } else if (kind === BATCH && this.phase === "live") {
      if (epochOf(buffer, start) !== 0) throw new ProtocolError("expected a batch that no hub has ordered");
      if (!hasOrigin(buffer, start)) throw new ProtocolError("expected a batch with origin, birth and number");
      checkEntries(buffer, start, end);
      this.#receiver.batch(this, buffer, start, end);
    } else if (kind === BARRIER && this.phase === "live") {
      this.barriers.push(numberOf(buffer, start));
      this.#receiver.changed(this);
    } else if (kind === FILE_REPORT && this.phase === "live") {
      this.fileReports?.reported(this, decodeFileReport(buffer, start, end));
    } else if (kind === NEED_LEVEL && this.phase === "live") {
      const level = numberOf(buffer, start);
      if (!isCount(level)) throw new ProtocolError(`expected a level that is needed, got ${level}`);
      this.#receiver.levels.need(level);
    } else if (kind === LEAVE) {
      this.phase = "left";
      this.hasWritten = numberOf(buffer, start) > 0;
      this.#receiver.changed(this);
    } else {
      throw new ProtocolError(`expected a batch or a barrier, got kind ${kind}`);
    }
  }

  protected override disconnected(): void {
    this.#helloTimeout.cancel();
    this.#receiver.changed(this);
    this.fileReports?.gone(this);
  }

  #greet(hello: Hello): void {
    if (!isEqual(hello.token, this.#token)) throw new ProtocolError("expected the token of the seat");
    this.#helloTimeout.cancel();
    this.id = hello.member;
    this.hello = hello;
    const refusal = hello.protocol === PROTOCOL ? this.#receiver.levels.refusal(hello) : protocolError(hello.protocol);
    if (refusal !== null) {
      this.phase = "left";
      this.send([encodeRefusal("ERR_STORAGE_PROTOCOL", refusal.message)]);
      this.end();
      return;
    }
    this.phase = "proven";
    this.maxFrameBytes = MAX_FRAME_BYTES;
    this.#receiver.changed(this);
  }
}

function protocolError(protocol: number): Error {
  return new Error(
    `the manager speaks protocol ${PROTOCOL} and this process ${protocol}: run the same version of cluster-storage in all processes`,
  );
}

/** Compares in a time that does not depend on the content. */
function isEqual(given: string, expected: string): boolean {
  const [token, wanted] = [Buffer.from(given), Buffer.from(expected)];
  return token.length === wanted.length && timingSafeEqual(token, wanted);
}

/** Whether origin, birth and number are whole numbers. A snapshot cannot carry others, so members would differ. */
function hasOrigin(buffer: Buffer, start: number): boolean {
  const [origin, born, number] = [originOf(buffer, start), bornOf(buffer, start), numberOf(buffer, start)];
  return Number.isSafeInteger(born) && Number.isSafeInteger(origin) && Number.isSafeInteger(number) && number > 0;
}
