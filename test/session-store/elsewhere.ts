/** All the ways in which the code of a request gets out of its asynchronous context, into that of an earlier request or of none. */
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { EventEmitter } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import { Worker } from "node:worker_threads";

export const WAYS = [
  "an event",
  "a stream",
  "a timer",
  "a microtask",
  "a connection",
  "a worker thread",
  "a resource",
  "a snapshot",
  "no request",
] as const;
export type Way = (typeof WAYS)[number];

type Call = () => void;

/** Calls that wait until code of another context makes them. */
class Queue {
  readonly #calls: Call[] = [];

  push(call: Call): void {
    this.#calls.push(call);
  }

  drain(make: (call: Call) => void): void {
    for (const call of this.#calls.splice(0)) make(call);
  }
}

/** A service that answers each message with the same one: it calls back by number, where it was opened. */
class Echo {
  readonly #waiting = new Map<number, Call>();
  #last = 0;

  add(call: Call): number {
    this.#waiting.set(++this.#last, call);
    return this.#last;
  }

  answer(number: number): void {
    const call = this.#waiting.get(number);
    this.#waiting.delete(number);
    call?.();
  }
}

const WORKER = `const { parentPort } = require("node:worker_threads"); parentPort.on("message", (m) => parentPort.postMessage(m));`;

/** What an earlier request, or the application when it started, has opened, and later ones use. */
export class Elsewhere {
  readonly #emitter = new EventEmitter();
  readonly #timed = new Queue();
  readonly #jobs = new Queue();
  readonly #unbound = new Queue();
  readonly #streams = new Queue();
  readonly #onSocket = new Echo();
  readonly #inWorker = new Echo();
  readonly #timers: NodeJS.Timeout[] = [];
  #server: Server | undefined;
  #socket: Socket | undefined;
  #worker: Worker | undefined;
  #resource: AsyncResource | undefined;
  #snapshot: (call: Call) => void = (call) => call();

  constructor() {
    this.#emitter.setMaxListeners(0);
    this.#timers.push(setInterval(() => this.#unbound.drain((call) => call()), 1));
  }

  /** Listens for connections; the application does this when it starts. */
  async start(): Promise<void> {
    this.#server = createServer((socket) => socket.on("error", () => {}).pipe(socket));
    await new Promise<void>((resolve) => this.#server?.listen(0, "127.0.0.1", resolve));
  }

  /** Opens all that is not open yet, in the context of the running request. */
  open(): void {
    if (this.#worker !== undefined) return;
    this.#worker = new Worker(WORKER, { eval: true });
    this.#worker.on("message", (number: number) => this.#inWorker.answer(number));
    this.#socket = connect(((this.#server as Server).address() as AddressInfo).port, "127.0.0.1");
    this.#socket.on("data", (bytes) => {
      for (const number of String(bytes).split(" ")) this.#onSocket.answer(Number(number));
    });
    this.#resource = new AsyncResource("opened by an earlier request");
    this.#snapshot = AsyncLocalStorage.snapshot() as (call: Call) => void;
    const tick = (): void => {
      this.#emitter.emit("tick");
      this.#timed.drain((call) => call());
      this.#streams.drain((call) => call());
      this.#jobs.drain((call) => queueMicrotask(call));
    };
    this.#timers.push(setInterval(tick, 1));
  }

  /** Makes a call out of the context of the caller. */
  call(way: Way, call: Call): void {
    if (way === "an event") this.#emitter.once("tick", call);
    else if (way === "a stream") this.#endStream(call);
    else if (way === "a timer") this.#timed.push(call);
    else if (way === "a microtask") this.#jobs.push(call);
    else if (way === "a connection") this.#socket?.write(`${this.#onSocket.add(call)} `);
    else if (way === "a worker thread") this.#worker?.postMessage(this.#inWorker.add(call));
    else if (way === "a resource") setImmediate(() => this.#resource?.runInAsyncScope(call));
    else if (way === "a snapshot") setImmediate(() => this.#snapshot(call));
    else this.#unbound.push(call);
  }

  /** Ends all. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#socket?.destroy();
    this.#server?.close();
    await this.#worker?.terminate();
  }

  #endStream(call: Call): void {
    const stream = new PassThrough().resume();
    stream.once("end", call);
    this.#streams.push(() => stream.end("the end"));
  }
}
