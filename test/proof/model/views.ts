/** Views of the confirmed state that are read in pieces, while the state goes on. */
import assert from "node:assert/strict";
import type { Entry } from "../../../dist/core/log/entry.js";
import type { StateView } from "../../../dist/core/log/log.js";
import { Table } from "../../../dist/core/state/table.js";
import type { Naive } from "./naive.js";

const MOST_OPEN = 3;

interface Taken {
  readonly view: StateView;
  readonly entries: Iterator<Entry>;
  readonly expected: Naive;
  readonly read: Entry[];
}

export class Views {
  readonly #taken: Taken[] = [];

  get count(): number {
    return this.#taken.length;
  }

  /** @param expected What the view must give, however much later. */
  add(view: StateView, expected: Naive): void {
    assert.equal(view.head.seq, expected.seq);
    this.#taken.push({ view, entries: view.entries()[Symbol.iterator](), expected, read: [] });
    if (this.#taken.length > MOST_OPEN) this.finish();
  }

  /** Reads one entry of the view that was taken first. */
  read(): void {
    const [first] = this.#taken;
    const next = first?.entries.next();
    if (next?.done === false) first?.read.push(next.value);
  }

  /** Reads the rest of the view that was taken first, and checks it. */
  finish(): void {
    const first = this.#taken.shift();
    if (first === undefined) return;
    const { view, expected, read } = first;
    for (let next = first.entries.next(); !next.done; next = first.entries.next()) read.push(next.value);
    view.close();
    const table = new Table();
    table.restore(view.head);
    table.restoreEntries(read);
    for (const time of [0, 1, 1000, 5000].map((ms) => expected.time + ms)) {
      const values = [...table.keys(time)].map((key) => [key, table.get([key], time)]);
      assert.deepEqual(Object.fromEntries(values), expected.view(time));
    }
  }
}
