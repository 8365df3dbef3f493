/**
 * Checks a round in which the storage was moved away, from two logs: that of the storage that was moved, and that of the one that
 * began at its place.
 *
 * The history of the first ends with the move: what was confirmed and read before is checked like that of any round. A write whose call
 * came after the move and that was confirmed is in the second log. Where a confirmation came after the move and the call before, it
 * may be in either, since the manager had checked the path before. What was on its way is in one of them, in both, or was reported as lost.
 * The second log may begin where members stood who found nothing at the place, and wrote again what they held.
 * What was appended to the first one after the move is the one turn of its manager that was under way, and was confirmed to nobody.
 */
import { Naive } from "../model/naive.js";
import { check, type Evidence, type Shown, stateProblems } from "./checker.js";
import type { History, Write } from "./records.js";
import { textOf } from "./texts.js";
import type { Ordered } from "./witness.js";

export interface Move {
  /** Right before the call that renamed, and right after it: in microseconds. */
  readonly from: number;
  readonly to: number;
}

export interface MovedEvidence extends Evidence {
  readonly move: Move;
  /** The log of the storage that began at the place, and what it showed; `log` and `states` are of the other one. */
  readonly successor: readonly Ordered[];
  /** The seq after which that log begins: 0, unless members have written again what they held. */
  readonly successorStart: number;
  readonly successorStates: readonly Shown[];
}

/** Returns what is wrong; empty when nothing is. */
export function checkMoved(evidence: MovedEvidence): string[] {
  const { move, successor, successorStart, histories, log } = evidence;
  const cut = histories.map((history) => beforeMove(history, move.from));
  const problems = check({ ...evidence, histories: cut });
  const state = new Naive();
  for (const { batch } of log) if (batch.seq <= successorStart) state.apply(batch);
  const places = new Map<string, number>();
  let epoch = 0;
  for (const ordered of successor) {
    const { batch } = ordered;
    if (batch.seq !== state.seq + 1) problems.push(`in the new log, seq ${batch.seq} follows seq ${state.seq}`);
    if (ordered.epoch < epoch) problems.push(`in the new log, epoch ${ordered.epoch} follows epoch ${epoch}`);
    epoch = ordered.epoch;
    if (!Array.isArray(state.apply(batch)) || batch.origin === 0) continue;
    for (const text of batch.entries.map(textOf).filter(isNamed)) {
      if (places.has(text)) problems.push(`"${text}" is twice in the new log, at seq ${batch.seq} too`);
      places.set(text, batch.seq);
    }
  }
  const shown = { ...evidence, states: evidence.successorStates };
  return [
    ...problems,
    ...histories.flatMap((history, index) => fateProblems(history, cut[index] as History, places, move)),
    ...lastTurnProblems(evidence.log, cut, move),
    ...stateProblems(shown, state),
  ];
}

/** Writes whose text names them: no other one has it. */
const isNamed = (text: string): boolean => /^(set|add|patch) /.test(text);

/** What a member did and knew before the move; what it wrote later may be in the log, and nobody knew it to be confirmed. */
function beforeMove(history: History, from: number): History {
  const writes = history.writes.map((write): Write => {
    if (write.ackedAt < from) return { ...write };
    const { result: _, ...rest } = write;
    return { ...rest, ackedAt: Number.POSITIVE_INFINITY };
  });
  return { ...history, writes, reads: history.reads.filter(({ at }) => at < from) };
}

/** @param cut The same history as far as the move; its writes know their places in the log that was moved. */
function fateProblems(history: History, cut: History, places: ReadonlyMap<string, number>, move: Move): string[] {
  const problems: string[] = [];
  let last = 0;
  for (const [index, { text, number, ackedAt, invokedAt }] of history.writes.entries()) {
    if (!isNamed(text)) continue;
    const place = places.get(text);
    const wasMoved = (cut.writes[index] as Write).seq > 0;
    const name = `write ${number}, "${text}", of ${history.label}`;
    if (place !== undefined && place < last) problems.push(`${name} is before an earlier one in the new log`);
    last = place ?? last;
    if (place !== undefined && ackedAt < move.from)
      problems.push(`${name} was confirmed before the move, and is in the new log`);
    if (place !== undefined || ackedAt === Infinity) continue;
    if (!wasMoved) problems.push(`${name} was confirmed, and is in neither log`);
    else if (invokedAt > move.to)
      problems.push(`${name} was made after the move and confirmed, and is in the moved log`);
  }
  return problems;
}

/** All frames of one turn have one time. */
function lastTurnProblems(log: readonly Ordered[], cut: readonly History[], move: Move): string[] {
  const late = new Set(
    cut.flatMap(({ writes }) => writes.filter((write) => write.invokedAt > move.to).map(({ seq }) => seq)),
  );
  late.delete(0);
  const turns = new Set(
    log.filter(({ batch }) => late.has(batch.seq)).map(({ epoch, batch }) => `${epoch} at ${batch.time}`),
  );
  if (turns.size <= 1) return [];
  return [`the moved log got ${turns.size} turns after the move: in epochs ${[...turns].join(", ")}`];
}
