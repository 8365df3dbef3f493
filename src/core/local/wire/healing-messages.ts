/** What members and hubs say to each other about damaged files, and about what they hold of them in memory. */
import {
  decodeJson,
  encodeJson,
  epochOf,
  FILE_REPORT,
  HEAL,
  HELD,
  isCount,
  isIntact,
  kindOf,
  seqOf,
  timeOf,
} from "../../log/frame.js";
import { timeNoteIn } from "../machine/clock.js";
import type { FileReport, HealOrder, Held } from "../machine/healing.js";
import { ProtocolError } from "./frame-connection.js";

export function encodeHealOrder({ epoch, seq, time, history, clock }: HealOrder): Buffer {
  return encodeJson(HEAL, { epoch, seq, time }, { history, clock });
}

/** @throws ProtocolError when the frame holds no order. */
export function decodeHealOrder(buffer: Buffer, start: number, end: number): HealOrder {
  const { history, clock } = bodyOf(buffer, start, end);
  const [epoch, seq, time] = [epochOf(buffer, start), seqOf(buffer, start), timeOf(buffer, start)];
  if (typeof history === "string" && isCount(seq)) return { epoch, seq, time, history, clock: timeNoteIn(clock) };
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

/** What a member holds of the log. */
export function encodeHeld({ epoch, seq, history }: Held): Buffer {
  return encodeJson(HELD, { epoch, seq }, { history });
}

/** @throws ProtocolError when the frame does not say what is held. */
export function decodeHeld(buffer: Buffer, start: number, end: number): Held {
  const { history } = bodyOf(buffer, start, end);
  const [epoch, seq] = [epochOf(buffer, start), seqOf(buffer, start)];
  if (kindOf(buffer, start) === HELD && typeof history === "string" && isCount(seq)) return { epoch, seq, history };
  throw new ProtocolError("expected what a member holds");
}

function bodyOf(buffer: Buffer, start: number, end: number): Record<string, unknown> {
  if (!isIntact(buffer, start, end)) throw new ProtocolError("expected an intact frame");
  try {
    return (decodeJson(buffer, start, end) as Record<string, unknown> | null) ?? {};
  } catch (cause) {
    throw new ProtocolError("expected a frame with JSON in it", { cause });
  }
}
