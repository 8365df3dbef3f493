/** The test's view of an application with several worker processes, and of its visitors. */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { Agent, request } from "node:http";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";
import type { Answered, Step } from "./frameworks.js";
import type { Site, WorkerOptions } from "./worker.js";

const PROGRAM = fileURLToPath(new URL("./worker.js", import.meta.url));

/** A factor for the rounds of the races: a campaign runs more of them. */
export const RUNS = Number(process.env.CLUSTER_STORAGE_RUNS ?? 1);

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** One worker process, which serves all sites of the application. */
export class WorkerProcess {
  readonly process: ChildProcess;
  readonly agent = new Agent({ keepAlive: true });
  readonly listening: Promise<void>;
  readonly exited: Promise<void>;
  /** The ports of the sites; empty until it listens. */
  ports: Readonly<Record<string, number>> = {};
  #isKilled = false;
  #standing: () => void = () => {};
  #lastId = 0;
  readonly #waiting = new Map<number, Waiting>();

  constructor(options: WorkerOptions) {
    this.process = fork(PROGRAM, [JSON.stringify(options)], { execArgv: [] });
    this.process.on("error", () => {});
    this.listening = new Promise((resolve, reject) => {
      this.process.on("message", (message: Record<string, unknown>) => {
        if (message.ports) {
          this.ports = message.ports as typeof this.ports;
          resolve();
        } else if (message.isStanding) this.#standing();
        else this.#receive(message);
      });
      this.process.on("exit", (code) => reject(new Error(`expected a worker to listen, got the exit code ${code}`)));
    });
    this.exited = new Promise((resolve) => {
      this.process.on("exit", () => {
        for (const { reject } of this.#waiting.values()) reject(new Error("the worker has ended"));
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
  call<T = unknown>(site: string, call: string, ...args: unknown[]): Promise<T> {
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.process.send({ id, site, call, args }, (error) => {
        if (error && this.#waiting.delete(id)) reject(error);
      });
    });
  }

  /** Makes the worker stand still until a file exists; returns once it does stand still. */
  async standStill(file: string): Promise<{ ended: Promise<unknown> }> {
    const standing = new Promise<void>((resolve) => {
      this.#standing = resolve;
    });
    const ended = this.call("", "standStill", file);
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

/** One site in one worker process. */
export class Worker {
  readonly process: WorkerProcess;
  readonly #site: string;

  constructor(process: WorkerProcess, site: string) {
    this.process = process;
    this.#site = site;
  }

  get port(): number {
    return this.process.ports[this.#site] as number;
  }

  /** Gives an order of `worker.ts`; resolves with its result. */
  call<T = unknown>(call: string, ...args: unknown[]): Promise<T> {
    return this.process.call<T>(this.#site, call, ...args);
  }
}

/** The worker processes of one application, which share a directory. */
export class Application {
  readonly directory: string;
  readonly processes: WorkerProcess[] = [];
  readonly #sites: Record<string, Site>;

  /** @param sites The sites by name. Sites whose stores have different prefixes have nothing in common. */
  constructor(t: TestContext, sites: Record<string, Site>) {
    this.#sites = sites;
    this.directory = temporaryDirectory(t);
    teardown(t, () => Promise.all(this.processes.map((process) => process.kill())));
  }

  /** Starts a worker process; returns once it listens and has joined. */
  async start(): Promise<WorkerProcess> {
    const process = new WorkerProcess({ sites: this.#sites, path: this.directory });
    this.processes.push(process);
    await process.listening;
    await process.call(Object.keys(this.#sites)[0] as string, "storage.sync");
    return process;
  }

  async startAll(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.start()));
  }

  /** The worker processes that serve. */
  get living(): WorkerProcess[] {
    return this.processes.filter((process) => Object.keys(process.ports).length > 0 && !process.isGone);
  }

  /** A site in each of the living worker processes. */
  at(site: string): Worker[] {
    return this.living.map((process) => new Worker(process, site));
  }

  /** The worker process that is the manager now. */
  async manager(): Promise<WorkerProcess> {
    const [site] = Object.keys(this.#sites) as [string];
    let found: WorkerProcess | undefined;
    await until("a worker is the manager", async () => {
      for (const process of this.living) {
        if (await process.call(site, "storage.isManager").catch(() => false)) found = process;
      }
      return found !== undefined;
    });
    return found as WorkerProcess;
  }
}

/** An answer to a request. */
export interface Response extends Answered {
  readonly status: number;
  /** The cookie that the answer sets, if any. */
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
    const { process, port } = worker;
    const { agent } = process;
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

/** A visitor with a browser, which keeps the cookie. */
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

/** Runs rounds 0 to `count - 1`, up to `laneCount` of them at the same time. */
export async function rounds(count: number, laneCount: number, run: (round: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: laneCount }, lane));
}
