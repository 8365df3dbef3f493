/** Members in processes of their own, and directories for them; all of it is gone when the test ends. */
import { type ChildProcess, fork } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { StorageOptions, StorageStats } from "../../../dist/core/index.js";
import { teardown } from "./teardown.js";

const MEMBER = fileURLToPath(new URL("./member.js", import.meta.url));

/** A directory of the test's own. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "cluster-storage-"));
  teardown(t, () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Longest that a test waits for a condition: it only ends one that would fail, so a slow and busy machine has time enough. */
const DEADLINE_MS = 60_000;

/** Returns when a condition holds. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`expected within ${deadlineMs} ms: ${what}`);
    await sleep(10);
  }
}

/** Stops a process; no thread of it runs when this resolves. */
export async function freeze(process: ChildProcess): Promise<void> {
  process.kill("SIGSTOP");
  const tasks = `/proc/${process.pid}/task`;
  const isStopped = (task: string): boolean => /^State:\s+T/m.test(readFileSync(`${tasks}/${task}/status`, "utf8"));
  if (existsSync(tasks)) await until("all threads are stopped", () => readdirSync(tasks).every(isStopped));
}

/** The parent's view of one member. */
export class Member {
  readonly process: ChildProcess;
  /** The highest number that `write` reported as confirmed. */
  confirmed = 0;
  failure = "";
  /** What it reported to have taken. */
  taken: readonly string[] = [];
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #lastId = 0;
  readonly exited: Promise<void>;

  constructor(name: string, options: StorageOptions, program: string) {
    this.process = fork(program, [name, JSON.stringify(options)], { execArgv: [] });
    this.process.on("message", (message) => this.#receive(message as Record<string, unknown>));
    this.process.on("error", () => {});
    this.exited = new Promise((resolve) => {
      this.process.on("exit", () => {
        for (const { reject } of this.#waiting.values()) reject(new Error(`member ${this.pid} is gone`));
        this.#waiting.clear();
        resolve();
      });
    });
  }

  get pid(): number {
    return this.process.pid as number;
  }

  get isGone(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Calls a method of its storage, reads a property, or runs a command of `member.ts`. */
  call<T = unknown>(call: string, ...args: unknown[]): Promise<T> {
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.process.send({ id, call, args }, (error) => {
        if (error && this.#waiting.delete(id)) reject(error);
      });
    });
  }

  stats(): Promise<StorageStats> {
    return this.call<StorageStats>("stats");
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  freeze(): Promise<void> {
    return freeze(this.process);
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.exited;
  }

  #receive(message: Record<string, unknown>): void {
    if (typeof message.confirmed === "number") this.confirmed = message.confirmed;
    if (Array.isArray(message.taken)) this.taken = message.taken as string[];
    if (typeof message.failure === "string") this.failure = message.failure;
    if (typeof message.id !== "number") return;
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    const error = message.error as { name: string; code?: string; message: string } | undefined;
    if (error) waiting?.reject(Object.assign(new Error(error.message), error));
    else waiting?.resolve(message.result);
  }
}

/** Members of one storage that a test starts and kills. */
export class Processes {
  readonly #name: string;
  readonly #options: StorageOptions;
  readonly #program: string;
  readonly members: Member[] = [];

  /** @param program What runs in each of them: `member.ts`, or a program that adds commands to it. */
  constructor(t: TestContext, options: StorageOptions, name = "app", program = MEMBER) {
    this.#name = name;
    this.#options = options;
    this.#program = program;
    teardown(t, () => Promise.all(this.members.map((member) => member.kill())));
  }

  start(options: StorageOptions = {}): Member {
    const member = new Member(this.#name, { ...this.#options, ...options }, this.#program);
    this.members.push(member);
    return member;
  }

  /** Starts members and returns when each has joined. */
  async startJoined(count: number): Promise<Member[]> {
    const members = Array.from({ length: count }, () => this.start());
    await Promise.all(members.map((member) => member.call("sync")));
    return members;
  }

  get living(): Member[] {
    return this.members.filter((member) => !member.isGone);
  }

  /** The member that is the manager now. */
  async manager(): Promise<Member> {
    let found: Member | undefined;
    await until("a manager", async () => {
      const answers = await Promise.all(
        this.living.map(async (member) => ((await member.call("isManager").catch(() => false)) ? member : undefined)),
      );
      found = answers.find((member) => member !== undefined);
      return found !== undefined;
    });
    return found as Member;
  }
}
