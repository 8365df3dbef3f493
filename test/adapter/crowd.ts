/** An application whose workers count requests together while the manager is killed. */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import cluster from "node:cluster";
import type { TestContext } from "node:test";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";
import { teardown } from "../proof/cluster/teardown.js";
import { ask } from "./ask.js";

const WORKERS = 3;
const REQUESTS = 120;
/** Requests that are sent at the same time. */
const LANES = 6;

/** What a worker answers to each request. */
export interface Counted {
  readonly count: number;
  readonly pid: number;
  readonly isManager: boolean;
}

/**
 * Runs an application. The primary keeps `WORKERS` workers alive and reports the port of each to the test. A worker serves
 * `/count` and `/look`, with a storage in the given directory. Each worker listens on a port of its own, because a connection
 * that node:cluster hands to a worker at the moment when the worker is killed is neither answered nor closed.
 * @param serve Starts the server of a worker; returns its port.
 */
export async function runCrowd(serve: (directory: string) => Promise<number>): Promise<void> {
  if (cluster.isWorker) {
    process.send?.({ port: await serve(process.argv[2] as string) });
    return;
  }
  const start = () => {
    const worker = cluster.fork();
    worker.on("message", ({ port }) => process.send?.({ pid: worker.process.pid, port }));
    worker.on("exit", start);
  };
  for (let index = 0; index < WORKERS; index++) start();
}

/** The application, as the test sees it. */
class Crowd {
  readonly #primary: ChildProcess;
  /** The port of each worker that listens or has listened. */
  readonly #ports = new Map<number, number>();
  #turn = 0;

  constructor(t: TestContext, program: string, directory: string) {
    this.#primary = fork(program, [directory], { execArgv: [] });
    this.#primary.on("message", ({ pid, port }: { pid: number; port: number }) => this.#ports.set(pid, port));
    teardown(t, async () => {
      this.#primary.kill("SIGKILL");
      await until("the workers end with their primary", () => this.living.length === 0);
    });
  }

  /** The workers that listen. */
  get living(): number[] {
    return [...this.#ports.keys()].filter(isAlive);
  }

  /** Sends a request to the next worker in turn. */
  async ask(page: "count" | "look"): Promise<Counted> {
    const { living } = this;
    const pid = living[this.#turn++ % living.length] as number;
    const { status, body, text } = await ask(`http://127.0.0.1:${this.#ports.get(pid)}/${page}`);
    assert.equal(status, 200, text);
    assert.equal(body.pid, pid);
    return body as Counted;
  }

  /** The worker that is the manager, once it answers. */
  async manager(): Promise<number> {
    let found: Counted | undefined;
    await until("a worker that is the manager answers", async () => {
      const seen = await this.ask("look").catch(() => undefined);
      if (seen?.isManager) found = seen;
      return found !== undefined;
    });
    return (found as Counted).pid;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Counts over HTTP, kills the manager in the middle, and checks that each answered request was counted exactly once. */
export async function countTogether(t: TestContext, program: string): Promise<void> {
  const crowd = new Crowd(t, program, temporaryDirectory(t));
  await until(`${WORKERS} workers listen`, () => crowd.living.length === WORKERS);
  const answers: Counted[] = [];
  let broken = 0;
  let asked = 0;
  let killed = 0;
  const lane = async (): Promise<void> => {
    while (asked < REQUESTS) {
      asked++;
      if (asked === REQUESTS / 2) {
        killed = await crowd.manager();
        process.kill(killed, "SIGKILL");
      }
      // The connection of a request that the killed worker had taken breaks. Such a request may have been counted or not.
      await crowd.ask("count").then(
        (answer) => answers.push(answer),
        (error: NodeJS.ErrnoException) => {
          assert.match(error.code ?? "", /^ECONN(RESET|REFUSED)$/, error.stack);
          broken++;
        },
      );
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  assert.notEqual(killed, 0);
  assert.equal(new Set(answers.map(({ count }) => count)).size, answers.length, "no two answers have the same number");
  assert.ok(answers.length >= REQUESTS - LANES, `expected at most ${LANES} broken requests, got ${broken}`);
  assert.ok(new Set(answers.map(({ pid }) => pid)).size >= WORKERS, "every worker has counted");
  await everyWorkerSees(crowd, killed, answers.length, broken);
}

/** Checks that each worker, also the one that has replaced the killed one, reports the same total. */
async function everyWorkerSees(crowd: Crowd, killed: number, answered: number, broken: number): Promise<void> {
  await until("a new worker listens", () => crowd.living.length === WORKERS && !crowd.living.includes(killed));
  const totals = new Map<number, number>();
  await until("each worker reports its total", async () => {
    const { pid, count } = await crowd.ask("look");
    totals.set(pid, count);
    return crowd.living.every((living) => totals.has(living));
  });
  const [total = 0] = totals.values();
  assert.deepEqual(new Set(totals.values()), new Set([total]), "the same in all workers");
  assert.ok(
    total >= answered && total <= answered + broken,
    `expected ${answered} to ${answered + broken}, got ${total}`,
  );
}
