/** What members and hubs say to each other about damaged files. */
import { decodeJson, encodeJson, epochOf, FILE_REPORT, HEAL, isCount, isIntact, seqOf } from "../../log/frame.js";
import { ProtocolError } from "./frame-connection.js";

/** What a member is asked to write: the state that it holds when it gets this. */
export interface HealOrder {
  /** The epoch of the hub. */
  readonly epoch: number;
  /** The seq of that state: the segment that has just begun is the first one that it does not cover. */
  readonly seq: number;
  /** The id of the history. */
  readonly history: string;
}

/** What a member reports to its hub. */
export type FileReport =
  /** It writes what it was asked for, and gets on. */
  | { readonly kind: "writing"; readonly seq: number }
  /** It is written, on the disk, and has its name. */
  | { readonly kind: "healed"; readonly seq: number; readonly bytes: number }
  /** It holds no whole state of that seq. */
  | { readonly kind: "declined"; readonly seq: number }
  /** It could not be written. */
  | { readonly kind: "failed"; readonly seq: number; readonly code: string; readonly message: string }
  /** The files that it reads are damaged. It waits until they are healed. */
  | { readonly kind: "damaged"; readonly seq: number; readonly message: string };

export function encodeHealOrder({ epoch, seq, history }: HealOrder): Buffer {
  return encodeJson(HEAL, { epoch, seq }, { history });
}

/** @throws ProtocolError when the frame holds no order. */
export function decodeHealOrder(buffer: Buffer, start: number, end: number): HealOrder {
  const { history } = bodyOf(buffer, start, end);
  const [epoch, seq] = [epochOf(buffer, start), seqOf(buffer, start)];
  if (typeof history === "string" && isCount(seq)) return { epoch, seq, history };
  throw new ProtocolError("expected a seq and the id of a history");
}

export function encodeFileReport({ seq, ...body }: FileReport): Buffer {
  return encodeJson(FILE_REPORT, { seq }, body);
}

/** @throws ProtocolError when the frame holds no report. */
export function decodeFileReport(buffer: Buffer, start: number, end: number): FileReport {
  const { kind, bytes, code, message } = bodyOf(buffer, start, end);
  const seq = seqOf(buffer, start);
  if (isCount(seq)) {
    if (kind === "writing" || kind === "declined") return { kind, seq };
    if (kind === "healed" && isCount(bytes)) return { kind, seq, bytes };
    if (kind === "failed" && typeof code === "string" && typeof message === "string")
      return { kind, seq, code, message };
    if (kind === "damaged" && typeof message === "string") return { kind, seq, message };
  }
  throw new ProtocolError("expected a report about files");
}

function bodyOf(buffer: Buffer, start: number, end: number): Record<string, unknown> {
  if (!isIntact(buffer, start, end)) throw new ProtocolError("expected an intact frame");
  try {
    return (decodeJson(buffer, start, end) as Record<string, unknown> | null) ?? {};
  } catch (cause) {
    throw new ProtocolError("expected a frame with JSON in it", { cause });
  }
}
