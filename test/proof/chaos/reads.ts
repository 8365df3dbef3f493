/**
 * Checks reads: all that a member reads at one moment must be one prefix of the log with its own writes that are not
 * in it yet on top. The prefix never gets shorter; it has what the member knew to be confirmed, and what any member knew
 * to be confirmed before the call of a `sync` that has resolved.
 *
 * For each moment the shortest prefix that has all the values is taken. None of them may have been replaced in it.
 */
import type { History, Read, Write } from "./records.js";
import type { Registers } from "./registers.js";
import { type Effect, effectOf } from "./texts.js";
import type { StorageTimes } from "./time.js";

export function checkReads(histories: readonly History[], registers: Registers, times: StorageTimes): string[] {
  const confirmed = new Confirmed(histories);
  return histories.flatMap((history) => new Viewer(history, registers, confirmed, times).check());
}

/** The highest seq that any member knew to be confirmed, by time. */
export class Confirmed {
  readonly #times: number[] = [];
  readonly #seqs: number[] = [];

  constructor(histories: readonly History[]) {
    const acked = histories.flatMap(({ writes }) => writes.filter(({ ackedAt }) => ackedAt < Infinity));
    let highest = 0;
    for (const { ackedAt, seq } of acked.sort((a, b) => a.ackedAt - b.ackedAt)) {
      highest = Math.max(highest, seq);
      this.#times.push(ackedAt);
      this.#seqs.push(highest);
    }
  }

  before(at: number): number {
    let [low, high] = [0, this.#times.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#times[middle] as number) < at) low = middle + 1;
      else high = middle;
    }
    return this.#seqs[low - 1] ?? 0;
  }
}

/** A write of the member that is the latest on a path. */
interface Own {
  readonly effect: Effect;
  /** Infinity: it never came into the log. */
  readonly seq: number;
}

class Viewer {
  readonly #history: History;
  readonly #registers: Registers;
  readonly #confirmed: Confirmed;
  readonly #times: StorageTimes;
  readonly #own = new Map<string, Own>();
  #clear: Own | undefined;
  #made = 0;
  #acked = 0;
  #syncedFrom = 0;
  /** The shortest prefix of the log that has all values so far. */
  #prefix = 0;

  constructor(history: History, registers: Registers, confirmed: Confirmed, times: StorageTimes) {
    this.#times = times;
    this.#history = history;
    this.#registers = registers;
    this.#confirmed = confirmed;
  }

  check(): string[] {
    const problems: string[] = [];
    for (const read of this.#history.reads) {
      this.#moveTo(read);
      // Twice: the prefix that one value needs may be too long for another one that was looked at before.
      const found = [...read.seen, ...read.seen].map(([path, tag]) => this.#problemOf(path, tag, read));
      const [problem] = [...found, pairProblem(read)].filter((text) => text !== "");
      if (problem !== undefined) problems.push(`${this.#history.label}, after its write ${read.made}: ${problem}`);
    }
    return problems;
  }

  #moveTo({ made, acked, syncedFrom }: Read): void {
    const { writes } = this.#history;
    for (; this.#made < made; this.#made++) this.#note(writes[this.#made] as Write);
    for (; this.#acked < acked; this.#acked++) {
      this.#prefix = Math.max(this.#prefix, (writes[this.#acked] as Write).seq);
    }
    if (syncedFrom === this.#syncedFrom) return;
    this.#syncedFrom = syncedFrom;
    this.#prefix = Math.max(this.#prefix, this.#confirmed.before(syncedFrom));
  }

  #note({ text, seq, isEntry }: Write): void {
    const effect = effectOf(text);
    if (effect === undefined || !isEntry) return;
    const own = { effect, seq: seq || Number.POSITIVE_INFINITY };
    if (effect.path !== null) this.#own.set(effect.path, own);
    else {
      this.#clear = own;
      this.#own.clear();
    }
  }

  /** Empty when there is none. */
  #problemOf(path: string, tag: string | null, read: Read): string {
    if (path.startsWith("brief")) return this.#expiryProblem(path, tag, read);
    const own = this.#own.get(path) ?? this.#clear;
    if (own !== undefined && own.effect.tag === tag && this.#prefix < own.seq) return "";
    if (tag === null) return this.#absenceProblem(path, own);
    const seq = this.#registers.seqOf(path, tag);
    if (seq === undefined) return `${path} was ${tag}, which no member has written`;
    if (own !== undefined && own.seq > seq) return `${path} was ${tag}, and not its own ${own.effect.tag}`;
    this.#prefix = Math.max(this.#prefix, seq);
    const gone = this.#registers.nextChange(path, seq);
    return gone > this.#prefix
      ? ""
      : `${path} was ${tag} of seq ${seq}, gone since seq ${gone}, at ${this.#prefix} or later`;
  }

  #absenceProblem(path: string, own: Own | undefined): string {
    const least = Math.max(this.#prefix, own?.seq ?? 0);
    const absent = least === Infinity ? Infinity : this.#registers.absentFrom(path, least);
    if (absent === Infinity) return `nothing was at ${path}, where something is from seq ${this.#prefix} on`;
    this.#prefix = absent;
    return "";
  }

  /** Not of a member that has not been told storage time yet: until then it goes by its own clock. */
  #expiryProblem(path: string, tag: string | null, { at, to }: Read): string {
    if (this.#history.servedAt > at) return "";
    if (tag !== null) {
      const expiresAt = this.#registers.expiryOf(path, tag);
      return this.#times.hasEnded(expiresAt, at)
        ? `${path} was ${tag} at ${at} us, which had expired at ${expiresAt}`
        : "";
    }
    const own = this.#own.get(path) ?? this.#clear;
    const least = Math.max(this.#prefix, own?.seq ?? 0);
    const mayHaveEnded = (expiresAt: number) => this.#times.mayHaveEnded(expiresAt, to);
    // What is on its way is shown until it ends, also where the same batch sets the path again.
    const pending = own !== undefined && this.#prefix < own.seq ? own.effect : undefined;
    if (pending?.tag === null) return "";
    if (pending !== undefined && mayHaveEnded(this.#registers.expiryOf(path, pending.tag))) return "";
    if (least === Infinity || this.#registers.mayBeGone(path, least, mayHaveEnded)) return "";
    return `nothing was at ${path} at ${to} us, where something has not expired yet from seq ${least} on`;
  }
}

/** The writes of one batch are seen together. */
function pairProblem({ seen }: Read): string {
  const left = seen.find(([path]) => path.startsWith("left"));
  const right = seen.find(([path]) => left !== undefined && path === left[0].replace("left", "right"));
  if (left === undefined || right === undefined || left[1] === right[1]) return "";
  return `half of a batch was seen: ${left[0]} was ${left[1]}, ${right[0]} was ${right[1]}`;
}
