/**
 * What members and hubs say to each other in JSON: a member its hello; a hub a welcome, a refusal, or what its disk does.
 *
 * A message is checked by the side that reads it. Anything else than what is written here breaks the protocol.
 */
import { codeOf, errorOf, StorageError, type StorageErrorCode } from "../../errors.js";
import {
  CLOCK,
  DISK_TROUBLE,
  decodeJson,
  encodeJson,
  epochOf,
  HELLO,
  isCount,
  LEVEL_HELD,
  REFUSE,
  seqOf,
  timeOf,
  WELCOME,
} from "../../log/frame.js";
import type { SpokenLevels } from "../../log/levels.js";
import type { LevelHeld } from "../../log/log.js";
import { timeNoteIn } from "../machine/clock.js";
import type { HubOptions, LogPosition, TimeNote } from "../machine/machine.js";
import { ProtocolError } from "./frame-connection.js";

/** The version of the protocol between members and hub, and of the files. */
export const PROTOCOL = 2;

/** The first message of a member. */
export interface Hello {
  readonly protocol: number;
  /** The token of the seat: a member that knows it can read the directory. */
  readonly token: string;
  /** Random text that distinguishes this member from all others. */
  readonly member: string;
  /** Its process. */
  readonly pid: number;
  /** The levels of the log that it speaks. */
  readonly levels: SpokenLevels;
}

/** The answer to a hello: from where on the member gets live frames. */
export interface Welcome {
  /** The member reads the files up to this position. */
  readonly to: LogPosition;
  /** Bytes of the files. */
  readonly bytes: number;
  /** The time with which the next batch is stamped at least, in ms since 1970. */
  readonly now: number;
  /** What time it is, by all clocks; null when the hub does not say. */
  readonly clock: TimeNote | null;
  /** The options that the manager's process has opened the storage with; null when the hub does not say. */
  readonly options: ManagerOptions | null;
}

/** The options that the manager obeys, for all members. */
export type ManagerOptions = Pick<HubOptions, "fsync" | "gcInterval" | "stallTimeout" | "maxMemberBacklogBytes">;

export function managerOptions(options: ManagerOptions): ManagerOptions {
  const { fsync, gcInterval, stallTimeout, maxMemberBacklogBytes } = options;
  return { fsync, gcInterval, stallTimeout, maxMemberBacklogBytes };
}

export function encodeHello(hello: Omit<Hello, "protocol">): Buffer {
  return encodeJson(HELLO, {}, { protocol: PROTOCOL, ...hello } satisfies Hello);
}

/** @throws ProtocolError when the frame holds no hello. */
export function decodeHello(buffer: Buffer, start: number, end: number): Hello {
  const { protocol, token, member, pid, levels } = objectIn(buffer, start, end) ?? {};
  if (typeof protocol === "number" && typeof token === "string" && typeof member === "string") {
    return { protocol, token, member, pid: isCount(pid) ? pid : 0, levels: levelsIn(levels) };
  }
  throw new ProtocolError("expected a hello with protocol, token and member");
}

/** What says nothing of levels speaks the first one. */
function levelsIn(value: unknown): SpokenLevels {
  const { least, most, max } = (value ?? {}) as Record<string, unknown>;
  if (isCount(least) && isCount(most) && isCount(max)) return { least, most, max };
  return { least: 1, most: 1, max: 1 };
}

export function encodeLevelHeld(held: LevelHeld): Buffer {
  return encodeJson(LEVEL_HELD, {}, held);
}

/** @throws ProtocolError when the frame does not say what hinders it. */
export function decodeLevelHeld(buffer: Buffer, start: number, end: number): LevelHeld {
  const { why, waitMs } = objectIn(buffer, start, end) ?? {};
  if (typeof why === "string" && isTime(waitMs)) return { why, waitMs };
  throw new ProtocolError("expected what hinders a higher level");
}

export function encodeWelcome({ to, bytes, now, clock, options }: Welcome): Buffer {
  const { epoch, segment, offset, seq, time } = to;
  return encodeJson(
    WELCOME,
    { epoch, seq, time },
    {
      ...{ segment, offset, bytes, now, clock },
      options: options && managerOptions(options),
    },
  );
}

/** @throws ProtocolError when the frame names no position. */
export function decodeWelcome(buffer: Buffer, start: number, end: number): Welcome {
  const { segment, offset, bytes, now, clock, options } = objectIn(buffer, start, end) ?? {};
  const to = { epoch: epochOf(buffer, start), seq: seqOf(buffer, start), time: timeOf(buffer, start) };
  if (isCount(segment) && isCount(offset) && isCount(bytes) && isCount(to.seq) && isTime(now) && isTime(to.time)) {
    const known = typeof options === "object" ? (options as ManagerOptions | null) : null;
    return { to: { ...to, segment, offset }, bytes, now, clock: timeNoteIn(clock), options: known };
  }
  throw new ProtocolError("expected a welcome with segment, offset, bytes, now, seq and time");
}

/** What time it is, once storage time has moved against the wall clock. */
export function encodeTime(note: TimeNote): Buffer {
  return encodeJson(CLOCK, {}, note);
}

/** @throws ProtocolError when the frame does not say what time it is. */
export function decodeTime(buffer: Buffer, start: number, end: number): TimeNote {
  const note = timeNoteIn(objectIn(buffer, start, end));
  if (note !== null && isTime(note.time)) return note;
  throw new ProtocolError("expected what time it is by all clocks");
}

/** A refusal says why another try would fail too. */
export function encodeRefusal(code: StorageErrorCode, message: string): Buffer {
  return encodeJson(REFUSE, {}, { code, message });
}

/** @throws ProtocolError when the frame names no reason. */
export function decodeRefusal(buffer: Buffer, start: number, end: number): StorageError {
  const error = errorOf(failureIn(objectIn(buffer, start, end)));
  if (error instanceof StorageError) return error;
  throw new ProtocolError(`expected a refusal with a code of a storage, got ${codeOf(error)}`);
}

/** @param error The error with which the manager's disk refuses writes; null when it takes them again. */
export function encodeDiskTrouble(error: Error | null): Buffer {
  if (error === null) return encodeJson(DISK_TROUBLE, {}, null);
  return encodeJson(DISK_TROUBLE, {}, { code: codeOf(error) || "EIO", message: error.message });
}

/**
 * @returns the error of the manager's disk; null when it takes writes again.
 * @throws ProtocolError when the frame holds neither.
 */
export function decodeDiskTrouble(buffer: Buffer, start: number, end: number): Error | null {
  const body = objectIn(buffer, start, end);
  if (body === null) return null;
  const { code, message } = failureIn(body);
  return Object.assign(new Error(message), { code, syscall: "write" });
}

function failureIn(body: Record<string, unknown> | null): { code: string; message: string } {
  const { code, message } = body ?? {};
  if (typeof code === "string" && typeof message === "string") return { code, message };
  throw new ProtocolError("expected a failure with code and message");
}

/** The JSON object in a frame, or null when the frame holds `null`. */
function objectIn(buffer: Buffer, start: number, end: number): Record<string, unknown> | null {
  let body: unknown;
  try {
    body = decodeJson(buffer, start, end);
  } catch (cause) {
    throw new ProtocolError("expected a frame with JSON in it", { cause });
  }
  if (typeof body === "object") return body as Record<string, unknown> | null;
  throw new ProtocolError(`expected a frame with an object in it, got a ${typeof body}`);
}

/** Whether a value can be ms since 1970. */
export function isTime(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) >= 0;
}
