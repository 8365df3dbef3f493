/** What is wrong with a round, and what there was in it, once all its processes are gone. */
import { type Copied, check, type Shown } from "./checker.js";
import { failoversOf } from "./failover.js";
import { checkMoved, type Move } from "./moved.js";
import type { History } from "./records.js";
import { pidOf, type Settings, type Showing } from "./settings.js";
import type { Ending, Tally } from "./tally.js";
import type { Strike } from "./violence.js";
import { type Ordered, UnseenError, type Witness } from "./witness.js";

/** Codes that no member may be told. */
const NEVER_TOLD = ["ERR_STORAGE_CORRUPT", "ERR_STORAGE_FORMAT", "ERR_STORAGE_REMOTE", "ERR_STORAGE_PROTOCOL"];
/** Those that only a move is a reason for, or a directory that was removed. */
const TOLD_OF_A_MOVE = ["ERR_STORAGE_DIRECTORY", "ERR_STORAGE_EXPIRED"];
/** Those that only damage is a reason for. */
const TOLD_OF_DAMAGE = ["ERR_STORAGE_DAMAGED", "ERR_STORAGE_COPY"];

export interface Succession {
  readonly move: Move;
  /** Of the storage that began at the place of the one that was moved. */
  readonly witness: Witness;
  /** What the moved one showed in the end. */
  readonly moved: Shown;
}

export interface Remains {
  readonly settings: Settings;
  readonly tally: Tally;
  readonly histories: readonly History[];
  readonly witness: Witness;
  /** What the members showed, and what processes after them did. */
  readonly showings: readonly (Shown & Showing)[];
  readonly states: readonly Shown[];
  readonly strikes: readonly Strike[];
  readonly copies: readonly Copied[];
  /** null: nothing was moved. */
  readonly succession: Succession | null;
}

/** Empty: nothing is wrong, or a part of the log was missed, so that the round shows nothing. */
export function verdictOn(remains: Remains): string[] {
  const { tally, histories, witness, succession, states, copies } = remains;
  const problems = [...rivalsIn(remains), ...codeProblems(remains)];
  const log = seenBy(witness, tally);
  const successor = succession === null ? [] : seenBy(succession.witness, tally, true);
  if (log === null || successor === null) return problems;
  const snapshots = witness.snapshots();
  const evidence = { log, histories, snapshots, states, copies, notes: witness.notes() };
  if (succession === null) problems.push(...check(evidence));
  else {
    const { move, moved, witness } = succession;
    const later = { successor, successorStart: witness.start, successorStates: states };
    problems.push(...checkMoved({ ...evidence, states: [moved], move, ...later }));
  }
  tally.count("compactions", snapshots.length);
  countIn(remains, [...log, ...successor]);
  return problems;
}

/** The whole log; null when a part of it was missed. */
function seenBy(witness: Witness, tally: Tally, mayStartLater = false): readonly Ordered[] | null {
  try {
    return witness.log(mayStartLater);
  } catch (error) {
    if (!(error instanceof UnseenError)) throw error;
    tally.count("rounds not seen whole");
    return null;
  }
}

/** Members that were the manager of one epoch. */
function rivalsIn({ showings }: Remains): string[] {
  const managers = showings.filter(({ role }) => role === "manager");
  const rivals = managers.filter(({ epoch }, index) => managers.findIndex((one) => one.epoch === epoch) !== index);
  return rivals.map(({ by, epoch }) => `${by} is a manager of epoch ${epoch}, as another member is`);
}

/** How damage was met, as a message says. */
function meetingOf(message: string): string {
  const known = [
    "was changed, moved or removed",
    "it was removed, or all files in it were",
    "is missing",
    "was changed",
  ];
  const [place = ""] = /(log|snapshot|seat)\.\d/.exec(message) ?? [];
  return `${known.find((text) => message.includes(text)) ?? "found by reading"} ${place.split(".")[0]}`.trim();
}

/** Errors for which nothing that was done is a reason. */
function codeProblems({ settings, histories, tally }: Remains): string[] {
  const isDamaged = tally.counts.damages > 0;
  const never = [
    ...NEVER_TOLD,
    ...(settings.kind === "moved" || tally.counts["directories removed"] > 0 ? [] : TOLD_OF_A_MOVE),
    // A directory that was moved away looks like one that was removed.
    ...(isDamaged || settings.kind === "moved" ? [] : TOLD_OF_DAMAGE),
  ];
  return histories.flatMap(({ label, told, healedCount }) => {
    tally.count("errors told", told.length);
    tally.count("heals counted by members", healedCount);
    for (const { code, what } of told.filter(({ code }) => TOLD_OF_DAMAGE.includes(code))) {
      tally.count("damage told", code === "ERR_STORAGE_DAMAGED" ? 1 : 0);
      tally.note(`${code}: ${meetingOf(what)}`);
    }
    return told
      .filter(({ code }) => never.includes(code))
      .map(({ code, what }) => `${label} was told ${code}: ${what}`);
  });
}

function countIn({ settings, tally, histories, strikes }: Remains, log: readonly Ordered[]): void {
  tally.count("rounds");
  tally.count("members", histories.length);
  tally.count("batches", log.length);
  tally.count("batches sent twice", repeatedIn(log));
  tally.count("epochs", new Set(log.map(({ epoch }) => epoch)).size);
  for (const { writes, reads } of histories) {
    tally.count("writes reported as lost", writes.filter(({ isLost }) => isLost).length);
    tally.count("confirmed writes", writes.filter(({ ackedAt }) => ackedAt < Infinity).length);
    tally.count(
      "values read",
      reads.reduce((sum, { seen }) => sum + seen.length, 0),
    );
  }
  // The epochs of a storage that was moved, and of its successor, cannot be compared.
  if (settings.kind !== "violent") return;
  const ends = histories.flatMap(({ label, ends: own }): Strike[] =>
    own.map(({ at, how, epoch }) => ({ kind: how, at, epoch, pid: pidOf(label) })),
  );
  const all = [...strikes, ...ends];
  tally.count("managers ended otherwise", all.filter(({ kind }) => kind !== "killed" && kind !== "frozen").length);
  for (const [kind, durations] of Object.entries(tally.failoversMs) as [Ending, number[]][]) {
    const ofKind = all.filter((strike) => strike.kind === kind);
    durations.push(...failoversOf(histories, ofKind));
  }
}

/** How many batches are in the log although they, or later ones of their member, precede them there. */
function repeatedIn(log: readonly Ordered[]): number {
  const highest = new Map<number, number>();
  return log.filter(({ batch: { origin, number } }) => {
    const isRepeated = origin !== 0 && number <= (highest.get(origin) ?? 0);
    if (!isRepeated) highest.set(origin, number);
    return isRepeated;
  }).length;
}
