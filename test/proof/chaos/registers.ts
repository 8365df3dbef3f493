/** What each path held after each batch of the log, for the paths that are only ever set, deleted or cleared as a whole. */
import { effectOf } from "./texts.js";

/** Invariant: seqs rise; `tags[i]` is what the path holds after batch `seqs[i]`, up to the next one. */
interface Register {
  readonly seqs: number[];
  readonly tags: (string | null)[];
  /** The place of each tag. */
  readonly indices: Map<string, number>;
}

export class Registers {
  readonly #registers = new Map<string, Register>();
  /** When what was set expires, in ms since 1970, by path and tag; only for what does. */
  readonly #expiries = new Map<string, number>();

  /** A write has its place in the log. */
  change(text: string, seq: number, expiresAt: number): void {
    const effect = effectOf(text);
    if (effect === undefined) return;
    const { path, tag } = effect;
    if (path === null) for (const register of this.#registers.values()) put(register, seq, null);
    else put(this.#registerOf(path), seq, tag);
    if (tag !== null && expiresAt > 0) this.#expiries.set(`${path} ${tag}`, expiresAt);
  }

  /** The seq of the batch by which a path got a value that was ever shown to others; undefined: there is none. */
  seqOf(path: string, tag: string): number | undefined {
    const register = this.#registers.get(path);
    const index = register?.indices.get(tag);
    return index === undefined ? undefined : register?.seqs[index];
  }

  /** The seq of the first change of a path after `seq`; Infinity: there is none. */
  nextChange(path: string, seq: number): number {
    const register = this.#registers.get(path);
    return register?.seqs[firstAbove(register.seqs, seq)] ?? Number.POSITIVE_INFINITY;
  }

  /** The first seq from `seq` on after which nothing is at a path; Infinity: there is none. */
  absentFrom(path: string, seq: number): number {
    const register = this.#registers.get(path);
    if (register === undefined) return seq;
    let index = firstAbove(register.seqs, seq) - 1;
    if (index < 0 || register.tags[index] === null) return seq;
    while (index < register.tags.length && register.tags[index] !== null) index++;
    return register.seqs[index] ?? Number.POSITIVE_INFINITY;
  }

  /** Whether nothing is at a path after some seq from `seq` on, or something that may have ended. */
  mayBeGone(path: string, seq: number, mayHaveEnded: (expiresAt: number) => boolean): boolean {
    const { seqs, tags } = this.#registers.get(path) ?? { seqs: [], tags: [] };
    const index = firstAbove(seqs, seq) - 1;
    const isGone = (tag: string | null) => tag === null || mayHaveEnded(this.expiryOf(path, tag));
    return index < 0 || tags.slice(index).some(isGone);
  }

  expiryOf(path: string, tag: string): number {
    return this.#expiries.get(`${path} ${tag}`) ?? Number.POSITIVE_INFINITY;
  }

  #registerOf(path: string): Register {
    const known = this.#registers.get(path);
    if (known !== undefined) return known;
    const register: Register = { seqs: [], tags: [], indices: new Map() };
    this.#registers.set(path, register);
    return register;
  }
}

/** No member shows a state between two writes of one batch, so the last write counts. */
function put({ seqs, tags, indices }: Register, seq: number, tag: string | null): void {
  if (seqs.at(-1) === seq) {
    seqs.pop();
    const hidden = tags.pop();
    if (typeof hidden === "string") indices.delete(hidden);
  }
  if (tag !== null) indices.set(tag, seqs.length);
  seqs.push(seq);
  tags.push(tag);
}

/** The index of the first number above `limit` in a sorted list. */
function firstAbove(sorted: readonly number[], limit: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
