/**
 * What a member did and saw, as lines of JSON in a file of its own. The operating system has each record when the call
 * that writes it returns, so that a SIGKILL takes at most a piece of the last line.
 *
 * Times are those of CLOCK_MONOTONIC in whole microseconds, which all processes of a machine share on Linux.
 */
import { openSync, readFileSync, writeSync } from "node:fs";

/** How a member ends by its own doing, or its hub alone. */
export type Ended = "exit" | "throw" | "hub" | "close";

/** One line. The first element says what it is. */
export type Line =
  /** Writes are about to be made, in this order, within one tick; they are numbered from 1 on. */
  | readonly ["write", at: number, texts: readonly string[]]
  /** The write of that number put nothing into the log: there was nothing to touch. */
  | readonly ["nothing", number: number]
  /** All writes up to that number are confirmed. */
  | readonly ["ack", at: number, upTo: number]
  /** What the write of that number resolved with. */
  | readonly ["result", number: number, result: number | boolean | "covered"]
  /** What was read together, after all writes so far; `wall` is the wall clock before, in ms. */
  | readonly ["read", at: number, wall: number, seen: readonly (readonly [path: string, tag: string | null])[]]
  /** It was reported that the writes with these numbers may be in the log or not: the storage is another one. */
  | readonly ["lost", from: number, to: number]
  /** The service of the manager of that epoch, which was this member, ends in that way. */
  | readonly ["end", at: number, how: Ended, epoch: number]
  /** An error was told. */
  | readonly ["told", code: string]
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
  /** Infinity: its member ended before it saw it confirmed. */
  ackedAt: number;
  result?: number | boolean | "covered";
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
  readonly wall: number;
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
  /** The codes of the errors that were told. */
  readonly codes: string[];
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
  const history: History = { label, writes: [], reads: [], ends: [], failures: [], codes: [] };
  const { writes } = history;
  let acked = 0;
  let syncedFrom = 0;
  for (const line of lines) {
    if (line[0] === "write") {
      for (const text of line[2]) {
        const number = writes.length + 1;
        const fate = { ackedAt: Number.POSITIVE_INFINITY, isEntry: true, isLost: false, seq: 0, epoch: 0 };
        writes.push({ label, number, text, invokedAt: line[1], ...fate });
      }
    } else if (line[0] === "nothing") (writes[line[1] - 1] as Write).isEntry = false;
    else if (line[0] === "result") (writes[line[1] - 1] as Write).result = line[2];
    else if (line[0] === "ack") {
      for (; acked < line[2]; acked++) {
        const write = writes[acked] as Write;
        if (!write.isLost) write.ackedAt = line[1];
      }
    } else if (line[0] === "read")
      history.reads.push({ at: line[1], wall: line[2], seen: line[3], made: writes.length, acked, syncedFrom });
    else if (line[0] === "lost") {
      for (let number = line[1]; number <= line[2]; number++) (writes[number - 1] as Write).isLost = true;
    } else if (line[0] === "end") history.ends.push({ at: line[1], how: line[2], epoch: line[3] });
    else if (line[0] === "told") history.codes.push(line[1]);
    else if (line[0] === "sync") syncedFrom = Math.max(syncedFrom, line[1]);
    else history.failures.push(line[1]);
  }
  return history;
}
