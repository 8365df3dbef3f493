/** The parent's view of members that run elsewhere: in a namespace, as another user, under limits, or beside a preloaded library. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { StorageOptions, StorageStats } from "../../../dist/core/index.js";
import { teardown } from "../../proof/cluster/teardown.js";
import type { Answer, Call, Scope } from "./evaluator.js";

const EVALUATOR = fileURLToPath(new URL("./evaluator.js", import.meta.url));

/** Longest that an answer may take, in ms: it only ends a test that would fail. */
const ANSWER_MS = 45_000;

/** How a process is started. */
export interface Start {
  /** The command that runs the process, as `unshare`. */
  readonly within?: readonly string[];
  /** Flags of Node.js. */
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** What a member knows of its storage. */
export interface Facts {
  readonly epoch: number;
  readonly isManager: boolean;
  readonly members: number;
}

export class StrangeMember {
  readonly process: ChildProcess;
  readonly exited: Promise<unknown>;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #lastId = 0;
  #stderr = "";

  constructor(t: TestContext, { within = [], flags = [], env = {}, cwd }: Start = {}) {
    const [program = "", ...parameters] = [...within, process.execPath, ...flags, EVALUATOR];
    this.process = spawn(program, parameters, {
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
      ...(cwd === undefined ? {} : { cwd }),
    });
    this.exited = once(this.process, "exit");
    this.process.on("error", () => {});
    this.process.stdin?.on("error", () => {});
    this.process.stderr?.on("data", (chunk) => (this.#stderr += chunk));
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on("line", (line) => this.#take(line));
    this.process.on("exit", (code, signal) => {
      for (const { reject } of this.#waiting.values()) {
        reject(new Error(`expected an answer, got the end of the process (${signal ?? code}): ${this.#stderr}`));
      }
      this.#waiting.clear();
    });
    teardown(t, () => this.kill());
  }

  /** Evaluates a function in the process. It sees its parameters and nothing of this file. */
  ask<Values extends readonly unknown[], Result>(
    call: (scope: Scope, ...values: Values) => Result,
    ...values: Values
  ): Promise<Awaited<Result>> {
    const id = ++this.#lastId;
    const text = call.toString();
    const answer = new Promise<unknown>((resolve, reject) => {
      const late = () => reject(new Error(`expected an answer within ${ANSWER_MS} ms to ${text}; ${this.#stderr}`));
      const deadline = setTimeout(late, ANSWER_MS);
      const settle = <Value>(then: (value: Value) => void) => {
        return (value: Value) => {
          clearTimeout(deadline);
          then(value);
        };
      };
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      this.process.stdin?.write(`${JSON.stringify({ id, text, values } satisfies Call)}\n`);
    });
    return answer as Promise<Awaited<Result>>;
  }

  /** Opens the storage and returns once it has everything. */
  async open(options: StorageOptions): Promise<Facts> {
    await this.ask(async ({ open }, given) => void (await open(given).sync()), options);
    return this.facts();
  }

  async facts(): Promise<Facts> {
    const [{ epoch, members }, isManager] = await this.ask<[], [StorageStats, boolean]>(({ storage }) => [
      storage.stats(),
      storage.isManager,
    ]);
    return { epoch, members, isManager };
  }

  /** Writes, and returns once that is confirmed. */
  set(key: string, value: unknown): Promise<void> {
    return this.ask(
      async ({ storage }, ...given) => {
        storage.set(...given);
        await storage.flush();
      },
      key,
      value,
    );
  }

  /** What any member had confirmed before. */
  get(key: string): Promise<unknown> {
    return this.ask(async ({ storage }, given) => {
      await storage.sync();
      return storage.get(given);
    }, key);
  }

  /** The codes of the errors that its storage reported. */
  async codes(): Promise<string[]> {
    return (await this.ask(({ errors }) => errors)).map(({ code }) => code);
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null || this.process.pid === undefined) return;
    this.process.kill("SIGKILL");
    await this.exited;
  }

  #take(line: string): void {
    const { id, result, error } = JSON.parse(line) as Answer;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(Object.assign(new Error(error.message), error));
    else waiting?.resolve(result);
  }
}
