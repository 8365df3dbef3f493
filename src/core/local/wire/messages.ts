/** What a hub says in JSON, as a member understands it. A hub that says anything else has broken the protocol. */
import { StorageError, type StorageErrorCode } from "../../errors.js";
import { decodeJson, epochOf, isCount, seqOf, timeOf } from "../../log/frame.js";
import type { LogPosition } from "../machine/machine.js";
import { ProtocolError } from "./frame-connection.js";

/** From where on a member gets live frames. */
export interface Welcome {
  /** The files are read up to here. */
  readonly to: LogPosition;
  /** Bytes of the files. */
  readonly bytes: number;
  /** What the next batch is stamped with at least, in ms since 1970. */
  readonly now: number;
}

/**
 * Reads a `WELCOME`.
 * @throws ProtocolError when it names no place.
 */
export function decodeWelcome(buffer: Buffer, start: number, end: number): Welcome {
  const { segment, offset, bytes, now } = bodyOf(buffer, start, end) ?? {};
  const to = { epoch: epochOf(buffer, start), seq: seqOf(buffer, start), time: timeOf(buffer, start) };
  if (isCount(segment) && isCount(offset) && isCount(bytes) && isCount(to.seq) && isTime(now) && isTime(to.time)) {
    return { to: { ...to, segment, offset }, bytes, now };
  }
  throw new ProtocolError("expected a welcome with segment, offset, bytes, now, seq and time");
}

/**
 * Reads a `REFUSE`: why there is no point in another try.
 * @throws ProtocolError when it does not say why.
 */
export function decodeRefusal(buffer: Buffer, start: number, end: number): StorageError {
  const { code, message } = failureIn(bodyOf(buffer, start, end));
  if (code.startsWith("ERR_STORAGE_")) return new StorageError(code as StorageErrorCode, message);
  throw new ProtocolError(`expected a refusal with a code of a storage, got ${code}`);
}

/**
 * Reads a `TROUBLE`: what the disk of the manager says, or null when it takes writes again.
 * @throws ProtocolError when it says neither.
 */
export function decodeDiskTrouble(buffer: Buffer, start: number, end: number): Error | null {
  const body = bodyOf(buffer, start, end);
  if (body === null) return null;
  const { code, message } = failureIn(body);
  return Object.assign(new Error(message), { code });
}

function failureIn(body: Record<string, unknown> | null): { code: string; message: string } {
  const { code, message } = body ?? {};
  if (typeof code === "string" && typeof message === "string") return { code, message };
  throw new ProtocolError("expected a failure with code and message");
}

/** The JSON object in a frame, or null when that is what it says. */
function bodyOf(buffer: Buffer, start: number, end: number): Record<string, unknown> | null {
  let body: unknown;
  try {
    body = decodeJson(buffer, start, end);
  } catch (cause) {
    throw new ProtocolError("expected a frame with JSON in it", { cause });
  }
  if (typeof body === "object") return body as Record<string, unknown> | null;
  throw new ProtocolError(`expected a frame with an object in it, got a ${typeof body}`);
}

/** Whether something can be ms since 1970. */
export function isTime(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) >= 0;
}
