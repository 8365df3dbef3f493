/**
 * What may become of requests that run at the same time, by the rules in `docs/sessions.md`: all orders of what they do, followed
 * naively. A request does what its steps say to the session that it holds, and meets the others when it loads, reloads, saves,
 * ends or destroys.
 */
import type { Framework, Step } from "./frameworks.js";

export type Fields = Readonly<Record<string, unknown>>;

/** Which rules hold. */
export interface Rules {
  readonly framework: Framework;
  readonly merge?: "fields" | "whole";
  readonly together?: readonly (readonly string[])[];
}

/** One request on its way. */
class Request {
  readonly #rules: Rules;
  readonly #steps: readonly Step[];
  #next = 0;
  #held: Record<string, unknown> = {};
  #base: Fields = {};
  #assigned = new Set<string>();
  /** What the framework compares the session with, to see if it must be stored. */
  #savedText = "";
  #isDestroyed = false;
  hasEnded = false;

  constructor(rules: Rules, steps: readonly Step[], loaded: Fields) {
    this.#rules = rules;
    this.#steps = steps;
    this.#load(loaded);
    this.#savedText = JSON.stringify(this.#held);
  }

  copy(): Request {
    const copy = new Request(this.#rules, this.#steps, {});
    copy.#next = this.#next;
    copy.#held = structuredClone(this.#held);
    copy.#base = this.#base;
    copy.#assigned = new Set(this.#assigned);
    copy.#savedText = this.#savedText;
    copy.#isDestroyed = this.#isDestroyed;
    copy.hasEnded = this.hasEnded;
    return copy;
  }

  /** Goes on to where the request meets the others, and does what it does there; returns what is stored then. */
  goOn(stored: Fields | null): Fields | null {
    for (;;) {
      const step = this.#steps[this.#next++];
      if (step === undefined) {
        this.hasEnded = true;
        return this.#isDestroyed || !this.#isStoredAtEnd ? stored : this.#write(stored);
      }
      if (step[0] === "save") return this.#write(stored);
      if (step[0] === "destroy") {
        this.#isDestroyed = true;
        return null;
      }
      if (step[0] === "reload") {
        this.#load(stored ?? {});
        return stored;
      }
      this.#change(step);
    }
  }

  get #isExpress(): boolean {
    return this.#rules.framework !== "Fastify 5";
  }

  /** express-session stores what has changed; @fastify/session stores at each end. */
  get #isStoredAtEnd(): boolean {
    return !this.#isExpress || JSON.stringify(this.#held) !== this.#savedText;
  }

  #load(fields: Fields): void {
    this.#held = structuredClone(fields);
    this.#base = structuredClone(fields);
    this.#assigned.clear();
  }

  #change([name, field, value]: Step): void {
    if (name === "push") (this.#held[field] as unknown[]).push(value);
    if (name === "delete") delete this.#held[field];
    if (name === "set") this.#held[field] = value;
    if (name === "increment") this.#held[field] = ((this.#held[field] as number | undefined) ?? 0) + 1;
    if ((name === "set" || name === "increment") && this.#isExpress) this.#assigned.add(field);
  }

  #write(stored: Fields | null): Fields | null {
    const held = structuredClone(this.#held);
    const names = new Set([...Object.keys(this.#base), ...Object.keys(held)]);
    const isChanged = (field: string) => JSON.stringify(this.#base[field]) !== JSON.stringify(held[field]);
    const written = new Set([...names].filter((field) => isChanged(field) || this.#assigned.has(field)));
    for (const group of this.#rules.together ?? []) {
      if (group.some((field) => written.has(field))) for (const field of group) written.add(field);
    }
    this.#base = held;
    this.#assigned.clear();
    this.#savedText = JSON.stringify(held);
    if (stored === null || written.size === 0) return stored;
    if (this.#rules.merge === "whole") return held;
    const merged: Record<string, unknown> = { ...stored };
    for (const field of written) {
      if (Object.hasOwn(held, field)) merged[field] = held[field];
      else delete merged[field];
    }
    return merged;
  }
}

/** A text that is equal for equal sessions. */
export function textOf(fields: Fields | null): string {
  return JSON.stringify(fields && Object.entries(fields).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/**
 * Returns the texts of all that may be stored after requests that have all loaded `initial`.
 * @param order The requests in the order in which they go on, each once the one before it has ended; null: at the same time.
 */
export function outcomesOf(
  rules: Rules,
  initial: Fields,
  scripts: readonly (readonly Step[])[],
  order: readonly number[] | null,
): Set<string> {
  const outcomes = new Set<string>();
  const follow = (requests: readonly Request[], stored: Fields | null): void => {
    const running = [...requests.keys()].filter((index) => !requests[index]?.hasEnded);
    const [first] = order?.filter((index) => running.includes(index)) ?? running;
    if (first === undefined) outcomes.add(textOf(stored));
    for (const index of order !== null && first !== undefined ? [first] : running) {
      const copies = requests.map((request) => request.copy());
      follow(copies, copies[index]?.goOn(stored) ?? null);
    }
  };
  const requests = scripts.map((steps) => new Request(rules, steps, initial));
  follow(requests, initial);
  return outcomes;
}
