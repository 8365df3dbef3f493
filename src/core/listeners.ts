/** How events reach the listeners of an application: each listener is called by itself, whatever another one throws. */
import { EventEmitter, errorMonitor } from "node:events";
import type { StorageEvents } from "./api.js";
import { microtask, throwUncaught } from "./runtime.js";

/** The events of a storage; a record, so that the compiler reports one that is missing. */
const EVENTS: Readonly<Record<keyof StorageEvents, true>> = {
  ready: true,
  connect: true,
  disconnect: true,
  manager: true,
  change: true,
  expire: true,
  reload: true,
  error: true,
};

/** The manager, as listeners see it. */
export interface ManagerView {
  readonly pid: number;
  readonly isHere: boolean;
}

/** How a storage gets its events. */
export interface StorageListener {
  emit(event: string, ...values: unknown[]): boolean;
  listenerCount(event: string): number;
}

/** Which of the events that each storage gets once a storage has got. */
interface Told {
  isReady: boolean;
  manager: ManagerView | null;
}

/**
 * The storages of the same data in this thread.
 *
 * Invariants:
 * 1. An event is emitted to all storages that were there when it happened, in the order in which they came, except to those
 *    that have left meanwhile. One that comes while an event is emitted does not get that event.
 * 2. Each storage gets `manager` before `ready`, `ready` once and before its first `connect`, and `reload` after `ready` only.
 * 3. Nothing that a listener throws reaches the caller.
 */
export class Listeners {
  /** The one that was removed when no other was left. */
  #last: StorageListener | null = null;
  readonly #told = new Map<StorageListener, Told>();
  /** Replaced when a storage comes or leaves, so that a loop over it goes on undisturbed. */
  #all: readonly StorageListener[] = [];

  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  add(listener: StorageListener): void {
    this.#told.set(listener, { isReady: false, manager: null });
    this.#all = [...this.#all, listener];
  }

  /** @returns whether it was there. */
  delete(listener: StorageListener): boolean {
    this.#all = this.#all.filter((other) => other !== listener);
    if (this.isEmpty) this.#last = listener;
    return this.#told.delete(listener);
  }

  /** Whether an event has listeners. */
  has(event: keyof StorageEvents): boolean {
    return this.#all.some((listener) => listener.listenerCount(event) > 0);
  }

  emit<E extends keyof StorageEvents>(event: E, ...values: StorageEvents[E]): void {
    for (const listener of this.#all) this.#emitTo(listener, event, ...values);
  }

  managerChanged(manager: ManagerView): void {
    for (const listener of this.#all) this.#introduce(listener, manager);
  }

  connected(manager: ManagerView): void {
    for (const listener of this.#all) this.#connected(listener, manager);
  }

  /** Emits to a storage that came later what the others got before, unless it has got it. */
  welcome(listener: StorageListener, manager: ManagerView): void {
    if (this.#told.get(listener)?.isReady === false) this.#connected(listener, manager);
  }

  /** A storage that is not ready yet has shown nothing that could be replaced. */
  reloaded(): void {
    for (const listener of this.#all) if (this.#told.get(listener)?.isReady) this.#emitTo(listener, "reload");
  }

  /** Emits an error to the storages that listen to errors. */
  report(error: Error): void {
    for (const listener of this.#all) {
      if (listener.listenerCount("error") > 0) this.#emitTo(listener, "error", error);
    }
  }

  /** As `report`; when all have been removed, to the last one: it waits until everything is closed. */
  reportAlsoToLast(error: Error): void {
    if (!this.isEmpty) this.report(error);
    else if (this.#last !== null && this.#last.listenerCount("error") > 0) emitSafely(this.#last, "error", error);
  }

  #connected(listener: StorageListener, manager: ManagerView): void {
    if (manager.pid !== 0) this.#introduce(listener, manager);
    const told = this.#told.get(listener);
    if (told !== undefined && !told.isReady) {
      told.isReady = true;
      this.#emitTo(listener, "ready");
    }
    this.#emitTo(listener, "connect");
  }

  #introduce(listener: StorageListener, manager: ManagerView): void {
    const told = this.#told.get(listener);
    if (told === undefined || told.manager === manager) return;
    told.manager = manager;
    this.#emitTo(listener, "manager", manager);
  }

  #emitTo<E extends keyof StorageEvents>(listener: StorageListener, event: E, ...values: StorageEvents[E]): void {
    if (this.#told.has(listener)) emitSafely(listener, event, ...values);
  }
}

function emitSafely<E extends keyof StorageEvents>(
  listener: StorageListener,
  event: E,
  ...values: StorageEvents[E]
): void {
  try {
    listener.emit(event, ...values);
  } catch (error) {
    throwUncaught(error);
  }
}

/**
 * `emit` of a storage. For the events of storages it differs from that of `EventEmitter` in one point: when a listener throws,
 * the others are called all the same, and what it threw becomes an uncaught exception, with the stack of the listener. Node.js
 * does so for its `EventTarget`.
 */
export function emitEach(this: EventEmitter, event: string | symbol, ...values: unknown[]): boolean {
  const listeners = Object.hasOwn(EVENTS, event) ? this.rawListeners(event) : [];
  if (listeners.length === 0) return EventEmitter.prototype.emit.call(this, event, ...values);
  if (event === "error") callEach(this, errorMonitor, this.rawListeners(errorMonitor), values);
  callEach(this, event, listeners, values);
  return true;
}

function callEach(
  emitter: EventEmitter,
  event: string | symbol,
  // biome-ignore lint/complexity/noBannedTypes: what `rawListeners` returns.
  listeners: readonly Function[],
  values: readonly unknown[],
): void {
  for (const listener of listeners) {
    try {
      const result: unknown = Reflect.apply(listener, emitter, values);
      if (EventEmitter.captureRejections && event !== "error") capture(emitter, event, values, result);
    } catch (error) {
      throwUncaught(error);
    }
  }
}

/** Where an application asks for it, Node.js makes what an asynchronous listener rejects with an event `error`. */
function capture(emitter: EventEmitter, event: string | symbol, values: readonly unknown[], result: unknown): void {
  const { then } = (result ?? {}) as { then?: unknown };
  if (typeof then !== "function") return;
  const rejected = (error: unknown): void => {
    const own = (emitter as { [EventEmitter.captureRejectionSymbol]?: unknown })[EventEmitter.captureRejectionSymbol];
    if (typeof own === "function") Reflect.apply(own, emitter, [error, event, ...values]);
    else emitter.emit("error", error);
  };
  Reflect.apply(then, result, [undefined, (error: unknown) => microtask(() => rejected(error))]);
}
