/** Messages between processes: entries of the log that change no state. */
import type { Entry } from "../log/entry.js";
import { readFrozen } from "../state/tree.js";
import type { Announcer } from "./events.js";
import { Prefixes } from "./prefixes.js";
import type { Tables } from "./tables.js";

/** What a process has published. */
export interface Message {
  readonly channel: string;
  /** Frozen: all subscribers of this process get the same. */
  readonly data: unknown;
  /** That of the batch. */
  readonly seq: number;
  /** Whether this process has published it. */
  readonly isOwn: boolean;
}

/** Where messages go. It does not throw. */
export type Subscriber = (message: Message) => void;

interface Subscription {
  readonly subscriber: Subscriber;
  isEnded: boolean;
}

/** Delivers messages at their places in the log, unless they come too late: they are about what happens, not about what is. */
export class Messages {
  /** Messages for subscribers of this process that came too late. */
  droppedCount = 0;
  readonly #tables: Tables;
  readonly #announcer: Announcer;
  readonly #subscriptions = new Prefixes<Subscription>();

  constructor(tables: Tables, announcer: Announcer) {
    this.#tables = tables;
    this.#announcer = announcer;
  }

  /** Whether nobody has subscribed. */
  get isIdle(): boolean {
    return this.#subscriptions.isEmpty;
  }

  /**
   * Adds a subscriber of all channels that begin with `prefix`.
   * @returns what removes it; it gets nothing afterwards.
   */
  subscribe(prefix: string, subscriber: Subscriber): () => void {
    const subscription = { subscriber, isEnded: false };
    this.#subscriptions.add(prefix, subscription);
    return () => {
      subscription.isEnded = true;
      this.#subscriptions.delete(prefix, subscription);
    };
  }

  /** A `PUBLISH` has its place in the log. */
  deliver({ path, json, expiresAt }: Entry, isOwn: boolean): void {
    const { shown, now } = this.#tables;
    const channel = path[0] as string;
    const subscriptions = this.#subscriptions.of(channel);
    if (subscriptions.length === 0) return;
    if (now > expiresAt) {
      this.droppedCount++;
      return;
    }
    const message: Message = { channel, data: readFrozen(json), seq: shown.seq, isOwn };
    for (const subscription of subscriptions) {
      this.#announcer.push(() => {
        if (!subscription.isEnded) subscription.subscriber(message);
      });
    }
  }
}
