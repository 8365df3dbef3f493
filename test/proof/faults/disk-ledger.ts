/** What was written, by which everything that a member shows is judged. Each key has one writer, and no value twice. */
import assert from "node:assert/strict";

/** The number that all members increment. */
export const COUNT = "count";

interface Line {
  /** The values in the order in which they were written, as JSON; null: deleted, or not written yet. */
  readonly values: (string | null)[];
  /** The place of the last one that was confirmed. */
  confirmed: number;
  /** Whether its writer is gone with writes that may or may not be confirmed. */
  isOpenEnded: boolean;
}

/** What one member has seen of each line: it must never show anything older. */
export type Seen = Map<string, number>;

export class Ledger {
  readonly #lines = new Map<string, Line>();
  /** Increments that were made, and that were confirmed. */
  #added = 0;
  #counted = 0;
  #isCountOpenEnded = false;
  /** Whether everything may be gone: a removal was asked for. */
  mayBeVoid = false;

  /** Notes a write. */
  wrote(key: string, value: unknown): void {
    const line = this.#lines.get(key) ?? { values: [null], confirmed: 0, isOpenEnded: false };
    this.#lines.set(key, line);
    line.values.push(value === null ? null : JSON.stringify(value));
  }

  added(): void {
    this.#added++;
  }

  /** The values before any member writes. */
  begin(entries: Iterable<readonly [string, unknown]>): void {
    for (const [key, value] of entries) {
      if (key === COUNT) this.#added = this.#counted = Number(value);
      else this.#beginLine(key, value);
    }
  }

  #beginLine(key: string, value: unknown): void {
    this.wrote(key, value);
    (this.#lines.get(key) as Line).confirmed = 1;
  }

  /** A point up to which a member has written, to be confirmed later. */
  pointOf(name: string): { confirm: () => void } {
    const lines = this.#linesOf(name).map((line) => ({ line, at: line.values.length - 1 }));
    return {
      confirm: () => {
        for (const { line, at } of lines) line.confirmed = Math.max(line.confirmed, at);
      },
    };
  }

  counted(): void {
    this.#counted++;
  }

  /** A member is gone: what was not confirmed may be lost. */
  gone(name: string): void {
    for (const line of this.#linesOf(name)) line.isOpenEnded ||= line.confirmed < line.values.length - 1;
    this.#isCountOpenEnded ||= this.#counted < this.#added;
  }

  /** Everything is removed. */
  clear(): void {
    this.#lines.clear();
    this.#added = 0;
    this.#counted = 0;
    this.#isCountOpenEnded = false;
    this.mayBeVoid = false;
  }

  /**
   * Checks what a member shows while things go wrong: only what was written, nothing older than what it has shown before,
   * and all that it wrote itself.
   */
  expectPlausible(name: string, seen: Seen, keys: readonly string[], get: (key: string) => unknown): void {
    this.#expectKnown(name, keys);
    for (const [key, line] of this.#lines) {
      const from = key.startsWith(`${name}.`) ? line.values.length - 1 : (seen.get(key) ?? 0);
      const at = line.values.indexOf(jsonOf(get(key)), from);
      assert(at >= from, `${name} shows ${jsonOf(get(key))} for ${key}, older than ${line.values[from]}`);
      seen.set(key, at);
    }
  }

  /** Checks the state in the end: it has all that was confirmed, and all that a member wrote that is still alive. */
  expectComplete(name: string, keys: readonly string[], get: (key: string) => unknown): void {
    if (this.mayBeVoid && keys.length === 0) return;
    this.#expectKnown(name, keys);
    for (const [key, { values, confirmed, isOpenEnded }] of this.#lines) {
      const from = isOpenEnded ? confirmed : values.length - 1;
      const found = jsonOf(get(key));
      assert(values.includes(found, from), `${name} has ${found} for ${key}, expected ${values.slice(from)}`);
    }
    const count = Number(get(COUNT) ?? 0);
    const least = this.#isCountOpenEnded ? this.#counted : this.#added;
    assert(count >= least && count <= this.#added, `${name} counts ${count}, expected ${least} to ${this.#added}`);
  }

  #expectKnown(name: string, keys: readonly string[]): void {
    const unknown = keys.filter((key) => key !== COUNT && !this.#lines.has(key));
    assert.deepEqual(unknown, [], `${name} shows keys that no member wrote`);
  }

  #linesOf(name: string): Line[] {
    return [...this.#lines].filter(([key]) => key.startsWith(`${name}.`)).map(([, line]) => line);
  }
}

const jsonOf = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));
