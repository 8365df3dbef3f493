/** The test's view of an application of several workers, and of its visitors. */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { Agent, request } from "node:http";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";
import type { Answered, Step } from "./frameworks.js";
import type { WorkerOptions } from "./worker.js";

const PROGRAM = fileURLToPath(new URL("./worker.js", import.meta.url));

/** How often races run in a campaign, as a multiple. */
export const RUNS = Number(process.env.CLUSTER_STORAGE_RUNS ?? 1);

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** One worker. */
export class Worker {
  readonly process: ChildProcess;
  readonly agent = new Agent({ keepAlive: true });
  readonly listening: Promise<void>;
  readonly exited: Promise<void>;
  port = 0;
  #isKilled = false;
  #standing: () => void = () => {};
  #lastId = 0;
  readonly #waiting = new Map<number, Waiting>();

  constructor(options: WorkerOptions) {
    this.process = fork(PROGRAM, [JSON.stringify(options)], { execArgv: [] });
    this.process.on("error", () => {});
    this.listening = new Promise((resolve, reject) => {
      this.process.on("message", (message: Record<string, unknown>) => {
        if (typeof message.port === "number") {
          this.port = message.port;
          resolve();
        } else if (message.isStanding) this.#standing();
        else this.#receive(message);
      });
      this.process.on("exit", (code) => reject(new Error(`expected a worker to listen, got the exit code ${code}`)));
    });
    this.exited = new Promise((resolve) => {
      this.process.on("exit", () => {
        for (const { reject } of this.#waiting.values()) reject(new Error("the worker is gone"));
        this.#waiting.clear();
        this.agent.destroy();
        resolve();
      });
    });
  }

  /** Whether it has ended, or is being killed. */
  get isGone(): boolean {
    return this.#isKilled || this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Gives an order of `worker.ts`; resolves with its result. */
  call<T = unknown>(call: string, ...args: unknown[]): Promise<T> {
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.process.send({ id, call, args }, (error) => {
        if (error && this.#waiting.delete(id)) reject(error);
      });
    });
  }

  /** Lets the worker stand still until a file is there; returns when it does. */
  async standStill(file: string): Promise<{ ended: Promise<unknown> }> {
    const standing = new Promise<void>((resolve) => {
      this.#standing = resolve;
    });
    const ended = this.call("standStill", file);
    await standing;
    return { ended };
  }

  async kill(): Promise<void> {
    this.#isKilled = true;
    this.process.kill("SIGKILL");
    await this.exited;
  }

  #receive({ id, result, error }: Record<string, unknown>): void {
    const waiting = this.#waiting.get(id as number);
    this.#waiting.delete(id as number);
    if (error) waiting?.reject(Object.assign(new Error((error as Error).message), error));
    else waiting?.resolve(result);
  }
}

/** Workers of one application, which share a directory. */
export class Application {
  readonly directory: string;
  readonly workers: Worker[] = [];
  readonly #options: Partial<WorkerOptions>;

  constructor(t: TestContext, options: Partial<WorkerOptions> = {}, directory = temporaryDirectory(t)) {
    this.#options = options;
    this.directory = directory;
    teardown(t, () => Promise.all(this.workers.map((worker) => worker.kill())));
  }

  /** Starts a worker and returns when it listens and has joined. */
  async start(options: Partial<WorkerOptions> = {}): Promise<Worker> {
    const { framework = "Express 5", store = {}, settings = {} } = { ...this.#options, ...options };
    const worker = new Worker({ framework, settings, store: { path: this.directory, ...store } as typeof store });
    this.workers.push(worker);
    await worker.listening;
    await worker.call("storage.sync");
    return worker;
  }

  startAll(count: number): Promise<Worker[]> {
    return Promise.all(Array.from({ length: count }, () => this.start()));
  }

  /** The workers that serve. */
  get living(): Worker[] {
    return this.workers.filter((worker) => worker.port > 0 && !worker.isGone);
  }

  /** The worker that is the manager now. */
  async manager(): Promise<Worker> {
    let found: Worker | undefined;
    await until("a worker is the manager", async () => {
      for (const worker of this.living) {
        if (await worker.call("storage.isManager").catch(() => false)) found = worker;
      }
      return found !== undefined;
    });
    return found as Worker;
  }
}

/** What came back. */
export interface Response extends Answered {
  readonly status: number;
  /** The cookie that came along, if any. */
  readonly cookie: string | undefined;
  readonly error?: string;
  readonly code?: string;
}

/** Sends a request with steps; rejects when the connection breaks. */
export function send(worker: Worker, steps: readonly Step[], cookie: string): Promise<Response> {
  const body = JSON.stringify({ steps });
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...(cookie === "" ? {} : { cookie }),
  };
  return new Promise((resolve, reject) => {
    const { agent, port } = worker;
    const sent = request({ agent, port, host: "127.0.0.1", method: "POST", path: "/", headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => {
        const given = response.headers["set-cookie"]?.[0]?.split(";")[0];
        resolve({ ...(JSON.parse(text) as Answered), status: response.statusCode ?? 0, cookie: given });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Somebody with a browser, which keeps the cookie. */
export class Visitor {
  cookie = "";

  /** Sends a request; fails when the answer is an error. */
  async ask(worker: Worker, ...steps: Step[]): Promise<Response> {
    const response = await send(worker, steps, this.cookie);
    assert.equal(response.status, 200, response.error);
    if (response.cookie !== undefined) this.cookie = response.cookie;
    return response;
  }
}

/** Runs rounds 0 to `count - 1`, some at the same time. */
export async function rounds(count: number, laneCount: number, run: (round: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: laneCount }, lane));
}
