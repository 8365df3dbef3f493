/** Links whatever segment or snapshot appears in a directory: as the thread of a witness, and at its order. */
import { linkSync } from "node:fs";
import { join } from "node:path";
import { isMainThread, workerData } from "node:worker_threads";
import { listed } from "./sockets.js";

const EVERY_MS = 5;

/** What the thread does, as the one element of an array that it shares. It looks no more once it is over. */
export const IDLE = 0;
export const LOOKING = 1;
export const OVER = 2;

/** What the thread gets at its start. */
export interface Watch {
  readonly from: string;
  readonly into: string;
  readonly state: Int32Array;
}

export class Links {
  readonly #into: string;
  readonly #known = new Set<string>();

  constructor(into: string) {
    this.#into = into;
  }

  make(from: string): void {
    const names = listed(from).filter((name) => /^(log|snapshot)\./.test(name) && !this.#known.has(name));
    for (const name of names) {
      try {
        linkSync(join(from, name), join(this.#into, name));
        this.#known.add(name);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "EEXIST") this.#known.add(name);
        else if (code !== "ENOENT") throw error;
      }
    }
  }
}

if (!isMainThread) {
  const { from, into, state } = workerData as Watch;
  const links = new Links(into);
  while (Atomics.compareExchange(state, 0, IDLE, LOOKING) === IDLE) {
    links.make(from);
    Atomics.store(state, 0, IDLE);
    Atomics.notify(state, 0);
    Atomics.wait(state, 0, IDLE, EVERY_MS);
  }
}
