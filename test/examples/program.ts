/** The test's view of a program that serves HTTP in a process of its own. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const DEADLINE_MS = 60_000;
/** How long a client waits while workers are killed. A connection that was handed to a killed worker gets no answer. */
const PATIENCE_MS = 8_000;

/** The file of an example. */
export const example = (name: string): string => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

/** Calls `check` until it returns something other than undefined; returns that. */
export async function eventually<T>(what: string, check: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const result = await check();
    if (result !== undefined) return result;
    if (Date.now() > deadline) throw new Error(`expected within ${DEADLINE_MS} ms: ${what}`);
    await sleep(20);
  }
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** A program that prints the address on which it listens. */
export class Program {
  readonly process: ChildProcess;
  output = "";

  constructor(file: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    this.process = spawn(process.execPath, [file, ...args], {
      env: { ...process.env, PORT: "0", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on("data", (chunk) => {
        this.output += chunk;
      });
    }
  }

  get isGone(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** The address, once it was printed. */
  address(): Promise<string> {
    return eventually("the program prints its address", () => {
      assert.ok(!this.isGone, `expected a running program, got one that ended: ${this.output}`);
      return /http:\/\/[\w.:]+\//.exec(this.output)?.[0];
    });
  }

  /** Asks it to end, and returns when it has ended. */
  async stop(): Promise<void> {
    if (this.isGone) return;
    this.process.kill("SIGTERM");
    const timer = setTimeout(() => this.process.kill("SIGKILL"), DEADLINE_MS);
    await once(this.process, "exit");
    clearTimeout(timer);
  }
}

/** A client that keeps its cookie, and opens a new connection for each request. */
export class Client {
  readonly #address: string;
  cookie = "";

  constructor(address: string, cookie = "") {
    this.#address = address;
    this.cookie = cookie;
  }

  async open(method: string, path: string, body?: unknown, timeoutMs = DEADLINE_MS): Promise<Response> {
    const headers: Record<string, string> = { connection: "close" };
    if (this.cookie) headers.cookie = this.cookie;
    if (body !== undefined) headers["content-type"] = "application/json";
    const init: RequestInit = { method, headers, signal: AbortSignal.timeout(timeoutMs) };
    if (body !== undefined) init.body = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(new URL(path, this.#address), init);
    this.cookie = response.headers.get("set-cookie")?.split(";")[0] ?? this.cookie;
    return response;
  }

  /** Returns the JSON of an answer, whose status must be 200. */
  async ask<T>(method: string, path: string, body?: unknown, timeoutMs = DEADLINE_MS): Promise<T> {
    const response = await this.open(method, path, body, timeoutMs);
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return JSON.parse(text) as T;
  }

  /** As `ask`; undefined when there was no answer because the worker was killed: the request may have taken effect or not. */
  async try<T>(method: string, path: string, body?: unknown): Promise<T | undefined> {
    try {
      return await this.ask<T>(method, path, body, PATIENCE_MS);
    } catch (error) {
      if (error instanceof TypeError || (error as Error).name === "TimeoutError") return undefined;
      throw error;
    }
  }
}
