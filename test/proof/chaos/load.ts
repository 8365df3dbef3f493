/**
 * The writes and reads of a member. Which keys there are:
 *
 * | key             | written by                         | what is checked of its reads |
 * |-----------------|------------------------------------|------------------------------|
 * | `own-<label>`   | `set` of one member                | each is a prefix of the log  |
 * | `shared<n>`     | `set`, `delete` of all             | the same                     |
 * | `tree<n>.f<n>`  | `set`, `delete` of a nested path   | the same                     |
 * | `left<n>`, `right<n>` | `set` of both in one `batch` | the same, and that they are equal |
 * | `brief<n>`      | `set` with a short ttl             | each ends when its ttl does  |
 * | `held<n>`       | `set` with a ttl, `touch`          | -                            |
 * | `tree<n>`       | `patch` of the fields `p<n>`       | -                            |
 * | `once<n>`       | `add`, `delete`, `take`            | -                            |
 * | `sum<n>`        | `increment`                        | -                            |
 * | `window<n>`     | `increment` with a ttl             | -                            |
 *
 * `publish` sends messages that change nothing. `clear` removes them all, rarely. What promises resolve with is checked for all of them, and so is the last state.
 */
import type { Storage } from "../../../dist/core/index.js";
import type { Dice } from "../simulation/dice.js";
import { LONG_TTL_MS, SHORT_TTL_MS } from "./settings.js";
import {
  addText,
  CLEAR_TEXT,
  deleteText,
  incrementText,
  patchText,
  publishText,
  setText,
  tagFor,
  tagOf,
  touchText,
} from "./texts.js";

/** The result of a write: none, a promise of it, or that the write put nothing into the log. */
type Outcome = undefined | Promise<number | boolean | string | null> | "nothing";

/** Writes that are made together, before they are made. */
export interface Plan {
  readonly texts: readonly string[];
  /** In ms, of each of the writes; 0: none. */
  readonly ttl?: number | undefined;
  make(): readonly Outcome[];
}

const WEIGHTS = {
  own: 60,
  shared: 100,
  field: 60,
  deleteShared: 20,
  deleteField: 20,
  pair: 40,
  brief: 40,
  held: 20,
  touch: 30,
  patch: 50,
  add: 30,
  deleteOnce: 10,
  take: 20,
  publish: 10,
  sum: 50,
  window: 20,
  clear: 0.3,
};

const LONG_TEXT = "x".repeat(40 * 1024);

export class Load {
  readonly #storage: Storage;
  readonly #label: string;
  readonly #dice: Dice;
  readonly #longShare: number;

  constructor(storage: Storage, label: string, dice: Dice, longShare: number) {
    this.#storage = storage;
    this.#label = label;
    this.#dice = dice;
    this.#longShare = longShare;
  }

  /** The first write of each member: it shows which origin is which member. */
  first(): Plan {
    return this.#set(`own-${this.#label}`, 1);
  }

  /** @param number That of the first of its writes. */
  next(number: number): Plan {
    const dice = this.#dice;
    const tree = `tree${dice.below(3)}`;
    const short = 50 + dice.below(SHORT_TTL_MS - 50);
    switch (dice.weighted(WEIGHTS)) {
      case "own":
        return this.#set(`own-${this.#label}`, number);
      case "shared":
        return this.#set(this.#some("shared", 6), number);
      case "field":
        return this.#set(`${tree}.f${dice.below(4)}`, number);
      case "deleteShared":
        return this.#delete(this.#some("shared", 6));
      case "deleteField":
        return this.#delete(`${tree}.f${dice.below(4)}`);
      case "pair":
        return this.#pair(dice.below(3), number);
      case "brief":
        return this.#set(this.#some("brief", 6), number, short);
      case "held":
        return this.#set(this.#some("held", 6), number, dice.chance(0.5) ? short : LONG_TTL_MS);
      case "touch":
        return this.#touch(this.#some("held", 6), dice.pick([short, LONG_TTL_MS, 0]));
      case "patch":
        return this.#patch(tree, number);
      case "add":
        return this.#add(this.#some("once", 6), number, dice.chance(0.3) ? short : 0);
      case "deleteOnce":
        return this.#delete(this.#some("once", 6));
      case "take":
        return this.#take(this.#some("once", 6));
      case "publish":
        return this.#publish(this.#some("shared", 6), number);
      case "sum":
        return this.#increment(this.#some("sum", 4), 1 + dice.below(9), 0);
      case "window":
        return this.#increment(this.#some("window", 4), 1, short);
      case "clear":
        return { texts: [CLEAR_TEXT], make: () => [this.#storage.clear() as undefined] };
    }
  }

  /** Paths to read together. */
  paths(): string[] {
    const dice = this.#dice;
    const pair = dice.below(3);
    const owns = this.#storage.keys("own-");
    const own = owns.length === 0 ? [] : [dice.pick(owns)];
    const fields = [`tree${dice.below(3)}.f${dice.below(4)}`, this.#some("brief", 6)];
    return [this.#some("shared", 6), ...own, ...fields, `left${pair}`, `right${pair}`];
  }

  #some(prefix: string, count: number): string {
    return `${prefix}${this.#dice.below(count)}`;
  }

  #value(number: number): string {
    const tag = tagFor(this.#label, number);
    return this.#dice.chance(this.#longShare) ? `${tag}:${LONG_TEXT}` : tag;
  }

  /** A path as text or as an array of keys. */
  #path(path: string): string | string[] {
    return this.#dice.chance(0.5) ? path : path.split(".");
  }

  #set(path: string, number: number, ttl?: number): Plan {
    const [value, where] = [this.#value(number), this.#path(path)];
    return {
      texts: [setText(path, tagFor(this.#label, number))],
      ttl,
      make: () => [this.#storage.set(where, value, ttl) as unknown as undefined],
    };
  }

  #pair(pair: number, number: number): Plan {
    const value = this.#value(number);
    const storage = this.#storage;
    const tag = tagFor(this.#label, number);
    return {
      texts: [setText(`left${pair}`, tag), setText(`right${pair}`, tag)],
      make() {
        storage.batch(() => {
          storage.set(`left${pair}`, value);
          storage.set(`right${pair}`, value);
        });
        return [];
      },
    };
  }

  #delete(path: string): Plan {
    const where = this.#path(path);
    return { texts: [deleteText(path)], make: () => [this.#storage.delete(where) as undefined] };
  }

  #take(path: string): Plan {
    const where = this.#path(path);
    return { texts: [deleteText(path)], make: () => [this.#storage.take(where).then(tagOf)] };
  }

  /** On a channel that has the name of a key: that stays as it is, so the message comes to nothing. */
  #publish(channel: string, number: number): Plan {
    const value = this.#value(number);
    const text = publishText(channel, tagFor(this.#label, number));
    return { texts: [text], make: () => [this.#storage.publish(channel, value).then(() => false)] };
  }

  #touch(path: string, ttl: number): Plan {
    return { texts: [touchText(path)], ttl, make: () => [this.#storage.touch(path, ttl) ? undefined : "nothing"] };
  }

  /** Some match the present value, which may have changed when the patch gets its place in the log. */
  #patch(path: string, number: number): Plan {
    const dice = this.#dice;
    const [field, other] = dice.chance(0.5) ? (["p0", "p1"] as const) : (["p1", "p2"] as const);
    const value = this.#value(number);
    const remove = dice.chance(0.2) ? [other] : [];
    const changes = { [field]: value, ...(remove.length > 0 ? { [other]: undefined } : {}) };
    const seen = dice.chance(0.4) ? this.#seen(path, field) : undefined;
    const match = seen === undefined ? {} : { [field]: seen };
    return {
      texts: [patchText(path, { set: { [field]: value }, remove, match })],
      make: () => [this.#storage.patch(path, changes, seen === undefined ? {} : { match })],
    };
  }

  /** The value of a field now; undefined: it has none. */
  #seen(path: string, field: string): unknown {
    const object = this.#storage.get<Record<string, unknown> | null>(path);
    return object?.[field];
  }

  #add(path: string, number: number, ttl: number): Plan {
    const value = this.#value(number);
    return {
      texts: [addText(path, tagFor(this.#label, number))],
      ttl,
      make: () => [this.#storage.add(path, value, ttl)],
    };
  }

  #increment(path: string, by: number, ttl: number): Plan {
    return { texts: [incrementText(path, by)], ttl, make: () => [this.#storage.increment(path, by, ttl)] };
  }
}

/** What a member sees at some paths; `get`, `has` and `keys` must say the same of each. */
export function look(storage: Storage, paths: readonly string[]): [path: string, tag: string | null][] {
  return paths.map((path) => {
    const tag = tagOf(storage.get(path));
    if (path.startsWith("brief")) return [path, tag];
    const isThere = tag !== null;
    const isListed = path.includes(".") || storage.keys(path).includes(path) === isThere;
    if (storage.has(path) === isThere && isListed) return [path, tag];
    throw new Error(`expected get, has and keys to agree on ${path}, which is ${tag}`);
  });
}
