/**
 * What a member did and saw, as lines of JSON in a file of its own. The operating system has each record when the call
 * that writes it returns, so that a SIGKILL takes at most a piece of the last line.
 *
 * Times are those of CLOCK_MONOTONIC in whole microseconds, which all processes of a machine share on Linux.
 */
import { openSync, readFileSync, writeSync } from "node:fs";

/** How a member ends by its own doing, or its hub alone. */
export type Ended = "exit" | "throw" | "hub" | "close";

/** What a promise gave; of a `take`, the tag of the value or null. `covered`: that it can not be known. */
export type Told = number | boolean | string | null | "covered";

/** One line. The first element says what it is. */
export type Line =
  /** Writes are about to be made, in this order, within one tick; they are numbered from 1 on. A ttl is in ms; 0: none. */
  | readonly ["write", at: number, texts: readonly string[], ttls?: readonly number[]]
  /** All writes so far have been made. */
  | readonly ["made", at: number]
  /** The write of that number put nothing into the log: there was nothing to touch. */
  | readonly ["nothing", number: number]
  /** All writes up to that number are confirmed. */
  | readonly ["ack", at: number, upTo: number]
  /** What the write of that number resolved with. */
  | readonly ["result", number: number, result: Told]
  /** What was read together, from `at` to `to`, after all writes so far. */
  | readonly ["read", at: number, to: number, seen: readonly (readonly [path: string, tag: string | null])[]]
  /** It was reported that the writes with these numbers may be in the log or not: the storage is another one. */
  | readonly ["lost", from: number, to: number]
  /** The service of the manager of that epoch, which was this member, ends in that way. */
  | readonly ["end", at: number, how: Ended, epoch: number]
  /** An error was told. @param what Its message, where that says more than its code. */
  | readonly ["told", code: string, what?: string]
  /** Damage was healed, once more by a hub of this member. */
  | readonly ["healed"]
  /** `sync()` was called at `from` and resolved. */
  | readonly ["sync", from: number]
  /** Something that must never happen. */
  | readonly ["failure", text: string];

/** The time in microseconds, of the clock that all processes share. */
export const now = (): number => Number(process.hrtime.bigint() / 1000n);

export class Recorder {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  record(line: Line): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}

/** One write of a member. */
export interface Write {
  readonly label: string;
  /** 1, 2, 3, ... per member. */
  readonly number: number;
  /** What it does: the text that {@link textOf} gives for its entry in the log. */
  readonly text: string;
  readonly invokedAt: number;
  /** After its call; Infinity: its member ended before. */
  madeAt: number;
  /** In ms; 0: none. */
  readonly ttl: number;
  /** Infinity: its member ended before it saw it confirmed. */
  ackedAt: number;
  result?: Told;
  /** Whether it was reported as lost, perhaps. */
  isLost: boolean;
  /** Whether it put an entry into the log. */
  isEntry: boolean;
  /** Its place in the log; 0: it is not there. */
  seq: number;
  /** The epoch of that batch. */
  epoch: number;
}

/** What a member read at one moment. */
export interface Read {
  readonly at: number;
  readonly to: number;
  readonly seen: readonly (readonly [path: string, tag: string | null])[];
  /** How many writes it had made, and how many it knew to be confirmed. */
  readonly made: number;
  readonly acked: number;
  /** When the latest `sync` that had resolved was called; 0: none. */
  readonly syncedFrom: number;
}

export interface History {
  readonly label: string;
  readonly writes: Write[];
  readonly reads: Read[];
  readonly ends: { readonly at: number; readonly how: Ended; readonly epoch: number }[];
  readonly failures: string[];
  /** The errors that were told. */
  readonly told: { readonly code: string; readonly what: string }[];
  /** How often damage was healed by hubs of this member. */
  healedCount: number;
  /** When it had a write confirmed for the first time, so that it knew storage time; Infinity: never. */
  servedAt: number;
  /** When it was seen alive for the last time. */
  lastAt: number;
}

/** Reads the file of a member. A last line that is not whole was not written to its end. */
export const readHistory = (label: string, path: string): History =>
  historyOf(
    label,
    readFileSync(path, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line),
  );

export function historyOf(label: string, lines: readonly Line[]): History {
  const noted = { healedCount: 0, servedAt: Number.POSITIVE_INFINITY, lastAt: 0 };
  const history: History = { label, writes: [], reads: [], ends: [], failures: [], told: [], ...noted };
  const seen = { acked: 0, syncedFrom: 0 };
  for (const line of lines) {
    const [kind, at] = line;
    if (kind === "write" || kind === "made" || kind === "read" || kind === "ack") history.lastAt = at;
    note(history, line, seen);
  }
  return history;
}

/** @param seen What the member knew to be confirmed, and had synced, before this line. */
function note(history: History, line: Line, seen: { acked: number; syncedFrom: number }): void {
  const { writes } = history;
  switch (line[0]) {
    case "write":
      writes.push(...writesOf(history, line[1], line[2], line[3] ?? []));
      break;
    case "made":
      for (let index = writes.length - 1; writes[index]?.madeAt === Infinity; index--)
        (writes[index] as Write).madeAt = line[1];
      break;
    case "nothing":
      (writes[line[1] - 1] as Write).isEntry = false;
      break;
    case "result":
      (writes[line[1] - 1] as Write).result = line[2];
      break;
    case "ack":
      if (line[2] > 0) history.servedAt = Math.min(history.servedAt, line[1]);
      for (; seen.acked < line[2]; seen.acked++) {
        const write = writes[seen.acked] as Write;
        if (!write.isLost) write.ackedAt = line[1];
      }
      break;
    case "read":
      history.reads.push({ at: line[1], to: line[2], seen: line[3], made: writes.length, ...seen });
      break;
    case "lost":
      for (let number = line[1]; number <= line[2]; number++) (writes[number - 1] as Write).isLost = true;
      break;
    case "end":
      history.ends.push({ at: line[1], how: line[2], epoch: line[3] });
      break;
    case "told":
      history.told.push({ code: line[1], what: line[2] ?? "" });
      break;
    case "healed":
      history.healedCount++;
      break;
    case "sync":
      seen.syncedFrom = Math.max(seen.syncedFrom, line[1]);
      break;
    default:
      history.failures.push(line[1]);
  }
}

function writesOf(
  { label, writes }: History,
  invokedAt: number,
  texts: readonly string[],
  ttls: readonly number[],
): Write[] {
  const fate = { madeAt: Number.POSITIVE_INFINITY, ackedAt: Number.POSITIVE_INFINITY, isEntry: true, isLost: false };
  return texts.map((text, index) => {
    const number = writes.length + index + 1;
    return { label, number, text, invokedAt, ttl: ttls[index] ?? 0, ...fate, seq: 0, epoch: 0 };
  });
}
