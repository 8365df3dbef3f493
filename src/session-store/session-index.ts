/** Which sessions a store has, and of which user each is: derived from the storage, never written. */
import { factsOf, type Storage, type StorageFacts } from "../core/index.js";
import { elapsedTime, soon } from "../core/runtime.js";

/** For how many ms sessions are looked at before other work of the event loop has its turn. */
const SLICE_MS = 4;

/** So many changed keys are looked at in one go; from so many on, the index does not wait until somebody asks. */
const FEW = 256;

/** Divides long work into slices, between two of which other work of the event loop has its turn. */
export class Slices {
  #begunAt = elapsedTime();

  get isOver(): boolean {
    return elapsedTime() - this.#begunAt >= SLICE_MS;
  }

  /** Resolves when the next slice may begin. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => soon(resolve));
    this.#begunAt = elapsedTime();
  }
}

/**
 * The keys of the sessions of one prefix by user, of this process alone. It is built when somebody first asks, and follows the log from then
 * on: it notes which keys have changed, and looks at them when somebody asks, or when they are many.
 *
 * Invariants, once it is built:
 * 1. What is shown under a key that is in neither `#changed` nor the pending keys of the storage has the user that `#users` says.
 * 2. `#keys` has the keys of each user of `#users`.
 */
export class SessionKeys {
  static readonly #followers = new WeakMap<Storage, Set<SessionKeys>>();

  readonly #storage: Storage;
  readonly #facts: StorageFacts;
  readonly #prefix: string;
  readonly #userOf: (key: string, stored: unknown) => string | null;
  /** The user of each key; null: nobody. */
  readonly #users = new Map<string, string | null>();
  readonly #keys = new Map<string, Set<string>>();
  readonly #changed = new Set<string>();
  #building: Promise<void> | null = null;
  #isBuilt = false;
  #isCatchingUp = false;
  /** How often all was forgotten. */
  #generation = 0;

  /**
   * @param prefix What the keys begin with.
   * @param userOf The user of what is stored under a key; null: nobody.
   */
  constructor(storage: Storage, prefix: string, userOf: (key: string, stored: unknown) => string | null) {
    this.#storage = storage;
    this.#facts = factsOf(storage) as StorageFacts;
    this.#prefix = prefix;
    this.#userOf = userOf;
  }

  /** How many keys there are, those included that have expired and were not removed yet. */
  get size(): number {
    return this.#users.size;
  }

  /** All keys, with whether they have a user. The index must not change meanwhile. */
  entries(): Iterable<[key: string, user: string | null]> {
    return this.#users;
  }

  /** The keys of what is shown now of a user, as far as writes of this process are shown. */
  async of(user: string): Promise<string[]> {
    await this.catchUp();
    const isCleared = this.#facts.replica.pendingKeys === null;
    const found = new Set(isCleared ? [] : this.#keys.get(user));
    for (const key of this.#unsettled()) {
      if (this.#userOf(key, this.#facts.replica.peek(key)) === user) found.add(key);
      else found.delete(key);
    }
    return [...found];
  }

  /** Builds the index, or looks at what has changed since; resolves when it has looked at all. */
  async catchUp(): Promise<void> {
    do {
      this.#building ??= this.#build();
      await this.#building;
      const slices = new Slices();
      while (this.#changed.size > FEW && this.#lookAtSome(FEW)) if (slices.isOver) await slices.next();
    } while (!this.#isBuilt);
    this.#lookAtSome(Infinity);
  }

  /** Stops following the log. */
  close(): void {
    SessionKeys.#followers.get(this.#storage)?.delete(this);
    this.#forget();
  }

  /** Follows the log. The stores of one storage share its listeners. */
  #follow(): void {
    const known = SessionKeys.#followers.get(this.#storage);
    if (known !== undefined) {
      known.add(this);
      return;
    }
    const all = new Set<SessionKeys>([this]);
    SessionKeys.#followers.set(this.#storage, all);
    this.#storage.on("change", ({ type, path }) => {
      for (const keys of all)
        if (type === "clear") keys.#forgetKeys();
        else keys.#note(path);
    });
    this.#storage.on("expire", ({ path }) => {
      for (const keys of all) keys.#note(path);
    });
    this.#storage.on("reload", () => {
      for (const keys of all) keys.#forget();
    });
  }

  async #build(): Promise<void> {
    const generation = ++this.#generation;
    this.#follow();
    const slices = new Slices();
    for (const keys of this.#facts.keyParts(this.#prefix)) {
      for (const key of keys) {
        this.#look(key);
        if (!slices.isOver) continue;
        await slices.next();
        if (generation !== this.#generation) return;
      }
    }
    // What they hide was not visited.
    for (const key of this.#unsettled()) this.#changed.add(key);
    this.#isBuilt = true;
  }

  /** The keys whose user may still become another one without a change in the log. */
  #unsettled(): Iterable<string> {
    const pending = this.#facts.replica.pendingKeys;
    // What is shown is what this process has written since it removed all.
    if (pending === null) return this.#storage.keys(this.#prefix);
    const keys = [...pending.keys()].filter((key) => key.startsWith(this.#prefix));
    return [...keys, ...this.#changed];
  }

  #note([key = ""]: readonly string[]): void {
    if (this.#building === null || !key.startsWith(this.#prefix)) return;
    this.#changed.add(key);
    if (this.#changed.size > FEW && this.#isBuilt) this.#catchUpSoon();
  }

  #catchUpSoon(): void {
    if (this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    soon(() => {
      this.#isCatchingUp = false;
      if (this.#isBuilt && this.#lookAtSome(FEW) && this.#changed.size > FEW) this.#catchUpSoon();
    });
  }

  /** Looks at changed keys, at `most` of them; false when none could be settled. */
  #lookAtSome(most: number): boolean {
    let count = 0;
    for (const key of this.#changed) {
      if (count === most) break;
      if (this.#look(key)) count++;
    }
    return count > 0;
  }

  /** Notes the user of a key; false when that has to wait, because what is shown there is not confirmed. */
  #look(key: string): boolean {
    const pending = this.#facts.replica.pendingKeys;
    if (pending === null || pending.has(key)) {
      this.#changed.add(key);
      return false;
    }
    this.#changed.delete(key);
    const stored = this.#facts.replica.peek(key);
    this.#put(key, stored === null ? undefined : this.#userOf(key, stored));
    return true;
  }

  /** @param user undefined: the key is gone. */
  #put(key: string, user: string | null | undefined): void {
    const before = this.#users.get(key);
    if (user === undefined) this.#users.delete(key);
    else this.#users.set(key, user);
    if (before === user) return;
    if (typeof before === "string") {
      const keys = this.#keys.get(before);
      keys?.delete(key);
      if (keys?.size === 0) this.#keys.delete(before);
    }
    if (typeof user !== "string") return;
    const keys = this.#keys.get(user);
    if (keys === undefined) this.#keys.set(user, new Set([key]));
    else keys.add(key);
  }

  #forgetKeys(): void {
    this.#users.clear();
    this.#keys.clear();
    this.#changed.clear();
  }

  #forget(): void {
    this.#forgetKeys();
    this.#generation++;
    this.#building = null;
    this.#isBuilt = false;
  }
}
