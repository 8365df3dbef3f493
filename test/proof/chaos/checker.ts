/**
 * Checks what members did and saw against the one order of the log, in time linear in their number (and that of sorting).
 *
 * What is checked: seqs have no gap, epochs and log time never fall; each member's writes stand in the log in the order in
 * which they were made, each once, with nothing between them missing, and all confirmed ones exist; a write that
 * was made after another one was confirmed comes after it; promises resolved with what a naive replay gives at their
 * place; each snapshot and each copy is what the replay gives at its seq, and a copy has all that was confirmed before it
 * was begun; all states in the end are what it gives there. `reads.ts`
 * checks reads.
 *
 * The time at which something expires is what its ttl says by the monotonic clock, and `brief` keys are seen until then and no longer
 * (`time.ts`).
 *
 * Not checked: how long anything took. That no two managers confirmed in one epoch follows from the chain of segments: what the
 * second one confirmed would be missing.
 */
import { isDeepStrictEqual } from "node:util";
import { Naive, type Result } from "../model/naive.js";
import { Confirmed, checkReads } from "./reads.js";
import type { History, Write } from "./records.js";
import { Registers } from "./registers.js";
import { tagOf, textOf } from "./texts.js";
import { type Noted, StorageTimes } from "./time.js";
import type { Ordered, Snapshot } from "./witness.js";

/** A whole state, the member that shows it, and storage time then. */
export interface Shown {
  readonly by: string;
  readonly time: number;
  readonly state: Readonly<Record<string, unknown>>;
}

/** What a copy of the files showed, at a `time` that is late enough for whatever is short to be expired. */
export interface Copied extends Shown, Snapshot {
  /** In microseconds: right before the first file was copied. */
  readonly beganAt: number;
  /** Whether all files that were found at first could be copied. */
  readonly isWhole: boolean;
}

/** All that is known of a round. */
export interface Evidence {
  readonly log: readonly Ordered[];
  readonly histories: readonly History[];
  readonly snapshots: readonly Snapshot[];
  /** Shown when everything was confirmed. */
  readonly states: readonly Shown[];
  /** Copies of the files, taken while members wrote. */
  readonly copies?: readonly Copied[];
  /** What the segments say of the time; without it, nothing is known of that. */
  readonly notes?: readonly Noted[];
}

/** Returns what is wrong; empty when nothing is. On return each write knows its place in the log. */
export function check(evidence: Evidence): string[] {
  const registers = new Registers();
  const times = new StorageTimes(evidence.notes ?? []);
  const replay = new Replay(evidence, registers, times);
  for (const ordered of evidence.log) replay.next(ordered);
  return [
    ...evidence.histories.flatMap(({ label, failures }) => failures.map((failure) => `${label} failed: ${failure}`)),
    ...replay.problems,
    ...evidence.histories.flatMap(missingOf),
    ...orderProblems(evidence.histories),
    ...checkReads(evidence.histories, registers, times),
    ...times.problems(evidence.histories),
    ...copyProblems(evidence, replay.state.seq),
    ...stateProblems(evidence, replay.state),
  ];
}

/** Goes through the log, and finds the write of each entry. */
class Replay {
  readonly problems: string[] = [];
  readonly state = new Naive();
  readonly #registers: Registers;
  readonly #times: StorageTimes;
  readonly #histories: ReadonlyMap<string, History>;
  readonly #byOrigin = new Map<number, History>();
  /** How many writes of each member have been found, those that put nothing into the log included. */
  readonly #found = new Map<History, number>();
  readonly #snapshots: ReadonlyMap<number, Snapshot>;
  readonly #copies: readonly Copied[];
  #epoch = 0;

  constructor({ histories, snapshots, copies = [] }: Evidence, registers: Registers, times: StorageTimes) {
    this.#times = times;
    this.#registers = registers;
    this.#histories = new Map(histories.map((history) => [history.label, history]));
    this.#snapshots = new Map(snapshots.map((snapshot) => [snapshot.seq, snapshot]));
    this.#copies = copies;
    this.#compareStates(0);
  }

  next({ epoch, batch }: Ordered): void {
    const { seq, time, origin, entries } = batch;
    const { state, problems } = this;
    if (seq !== state.seq + 1) problems.push(`seq ${seq} follows seq ${state.seq}`);
    if (time < state.time) problems.push(`log time falls at seq ${seq}`);
    if (epoch < this.#epoch) problems.push(`epoch ${epoch} follows epoch ${this.#epoch} at seq ${seq}`);
    this.#epoch = epoch;
    const results = state.apply(batch);
    if (results === "expired") problems.push(`the origin of seq ${seq} was forgotten`);
    if (Array.isArray(results) && origin !== 0) {
      const history = this.#historyOf(origin, entries.length > 0 ? textOf(entries[0] as (typeof entries)[0]) : "");
      for (const [index, entry] of entries.entries()) {
        const write = history && this.#place(history, textOf(entry), seq, epoch);
        if (write) this.#compare(write, results[index] as Result, entry.expiresAt);
      }
    }
    this.#compareStates(seq);
  }

  /** The first write of a member names it. */
  #historyOf(origin: number, text: string): History | undefined {
    const known = this.#byOrigin.get(origin);
    if (known !== undefined) return known;
    const history = this.#histories.get(/ ([^ :]+):1$/.exec(text)?.[1] ?? "");
    if (history === undefined || this.#found.has(history)) {
      this.problems.push(`expected the first write of a member from origin ${origin}, got ${text}`);
      return undefined;
    }
    this.#byOrigin.set(origin, history);
    this.#found.set(history, 0);
    return history;
  }

  /** The next write of a member must be this one; otherwise one was lost, or is in the log twice, or at another place. */
  #place(history: History, text: string, seq: number, epoch: number): Write | undefined {
    let index = this.#found.get(history) as number;
    while (history.writes[index]?.isEntry === false) index++;
    const write = history.writes[index];
    this.#found.set(history, index + 1);
    if (write?.text !== text) {
      const expected = write ? `its write ${write.number}, "${write.text}"` : "nothing more";
      this.problems.push(`expected ${expected} of ${history.label} at seq ${seq}, got "${text}"`);
      return undefined;
    }
    write.seq = seq;
    write.epoch = epoch;
    return write;
  }

  #compare(write: Write, result: Result, expiresAt: number): void {
    this.#registers.change(write.text, write.seq, expiresAt);
    const off = expiresAt === 0 ? 0 : this.#times.endError(write, write.epoch, expiresAt);
    const name = `"${write.text}" of ${write.label} at seq ${write.seq}`;
    if (off !== 0) this.problems.push(`${name} expires ${off} ms later than its ttl of ${write.ttl} ms says`);
    const told = write.result;
    if (told === undefined || told === "covered") return;
    const isTake = told === null || typeof told === "string";
    const taken = typeof result === "object" && "taken" in result ? tagOf(result.taken) : null;
    const expected = isTake ? taken : typeof told === "boolean" ? result === "applied" : result;
    if (told === expected) return;
    this.problems.push(`${name} came to ${result}, and its promise gave ${told}`);
  }

  #compareStates(seq: number): void {
    const snapshot = this.#snapshots.get(seq);
    if (snapshot) this.#compareState(`the snapshot of seq ${seq}`, snapshot);
    for (const copy of this.#copies) if (copy.seq === seq) this.#compareState(`${copy.by} at seq ${seq}`, copy);
  }

  #compareState(what: string, { time, state }: Snapshot): void {
    const differences = differencesOf(this.state.view(time), state);
    if (differences) this.problems.push(`${what} differs from the log: ${differences}`);
  }
}

function missingOf({ label, writes }: History): string[] {
  const missing = writes.filter(({ isEntry, seq, ackedAt }) => isEntry && seq === 0 && ackedAt < Infinity);
  const [first] = missing;
  if (first === undefined) return [];
  return [`${missing.length} confirmed writes of ${label} are lost, first number ${first.number}, "${first.text}"`];
}

/** A write that was made after another write was confirmed, by any member, comes after that one or is in the same batch. */
function orderProblems(histories: readonly History[]): string[] {
  const placed = histories.flatMap(({ writes }) => writes.filter(({ seq }) => seq > 0));
  const acked = placed.filter(({ ackedAt }) => ackedAt < Infinity).sort((a, b) => a.ackedAt - b.ackedAt);
  const problems: string[] = [];
  let latest: Write | undefined;
  let next = 0;
  for (const write of placed.sort((a, b) => a.invokedAt - b.invokedAt)) {
    for (; (acked[next]?.ackedAt ?? Infinity) < write.invokedAt; next++) {
      if ((acked[next] as Write).seq > (latest?.seq ?? 0)) latest = acked[next];
    }
    if (latest === undefined || latest.seq < write.seq) continue;
    const later = `"${latest.text}" of ${latest.label} at seq ${latest.seq}`;
    problems.push(`"${write.text}" of ${write.label} at seq ${write.seq} was made when ${later} was confirmed already`);
  }
  return problems;
}

function copyProblems({ copies = [], histories }: Evidence, end: number): string[] {
  const confirmed = new Confirmed(histories);
  return copies.flatMap(({ by, seq, beganAt, isWhole }) => {
    if (seq > end) return [`${by} has seq ${seq}, and the log ends at ${end}`];
    const least = confirmed.before(beganAt);
    return isWhole && seq < least ? [`${by} ends at seq ${seq}, and ${least} was confirmed before it was begun`] : [];
  });
}

/** Which states differ from what is expected. */
export function stateProblems({ states }: Pick<Evidence, "states">, expected: Naive): string[] {
  return states.flatMap(({ by, state, time }) => {
    const differences = differencesOf(expected.view(time), state);
    return differences ? [`what ${by} shows differs from the log: ${differences}`] : [];
  });
}

/** The keys that differ, and how; empty when none does. */
function differencesOf(expected: Readonly<Record<string, unknown>>, got: Readonly<Record<string, unknown>>): string {
  const keys = new Set([...Object.keys(expected), ...Object.keys(got)]);
  const different = [...keys].filter((key) => !isDeepStrictEqual(expected[key], got[key]));
  const show = (value: unknown) => (JSON.stringify(value) ?? "nothing").slice(0, 200);
  return different.map((key) => `${key}: expected ${show(expected[key])}, got ${show(got[key])}`).join("; ");
}
