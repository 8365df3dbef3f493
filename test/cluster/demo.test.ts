import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../examples/demo/main.mjs", import.meta.url));
const WORKERS = 4;
const KILLS = 3;
const BROWSERS = 6;
const DEADLINE_MS = 30_000;
/** Longest that a browser waits: `node:cluster` never answers a connection that it gave to a worker which was then killed. */
const ANSWER_MS = 5_000;

interface State {
  pid: number;
  managerPid: number | null;
  counter: number;
  session: { id: string; visits: number; name: string | null };
  value?: number;
  visits?: number;
  report?: { value: number; computedBy: number; isCached: boolean };
}

/** Waits until `check` gives something other than undefined. */
async function until<T>(what: string, check: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const result = await check();
    if (result !== undefined) return result;
    if (Date.now() > deadline) throw new Error(`expected within ${DEADLINE_MS} ms: ${what}`);
    await sleep(20);
  }
}

/** A browser, as far as the demo needs one: keeps its cookie. */
class Browser {
  readonly #address: string;
  #cookie = "";

  constructor(address: string) {
    this.#address = address;
  }

  async ask(method: string, path: string, body?: unknown): Promise<State> {
    const response = await this.open(method, path, body);
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json()) as State;
  }

  async open(method: string, path: string, body?: unknown): Promise<Response> {
    const init: RequestInit = { method, headers: this.#cookie ? { cookie: this.#cookie } : {} };
    if (body !== undefined) init.body = JSON.stringify(body);
    const response = await fetch(new URL(path, this.#address), { ...init, signal: AbortSignal.timeout(ANSWER_MS) });
    this.#cookie = response.headers.get("set-cookie")?.split(";")[0] ?? this.#cookie;
    return response;
  }

  /** As `ask`; undefined when there was no answer: the worker that had the request was killed, and nobody knows what became of it. */
  async try(method: string, path: string): Promise<State | undefined> {
    try {
      return await this.ask(method, path);
    } catch (error) {
      if (error instanceof TypeError || (error as Error).name === "TimeoutError") return undefined;
      throw error;
    }
  }
}

describe("the demo on 4 workers", () => {
  const directory = mkdtempSync(join(tmpdir(), "cluster-storage-demo-"));
  let demo: ChildProcess;
  let address = "";
  let output = "";

  const start = async (): Promise<void> => {
    output = "";
    demo = spawn(process.execPath, [PROGRAM], {
      env: { ...process.env, PORT: "0", DATA_DIR: directory },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [demo.stdout, demo.stderr]) stream?.on("data", (chunk) => (output += chunk));
    address = await until("the demo prints its address", () => {
      assert.equal(demo.exitCode, null, output);
      return /http:\/\/\S+/.exec(output)?.[0];
    });
  };

  const stop = async (): Promise<void> => {
    if (demo.exitCode !== null || demo.signalCode !== null) return;
    demo.kill("SIGTERM");
    const timer = setTimeout(() => demo.kill("SIGKILL"), DEADLINE_MS);
    await once(demo, "exit");
    clearTimeout(timer);
  };

  before(start);
  after(async () => {
    await stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it("shows a page and counts it", async () => {
    const browser = new Browser(address);
    const { counter } = await browser.ask("GET", "/api/state");
    const response = await browser.open("GET", "/");
    assert.match(response.headers.get("content-type") ?? "", /text\/html/);
    assert.match(await response.text(), /cluster-storage demo/);
    assert.equal((await browser.ask("GET", "/api/state")).counter, counter + 1);
    assert.equal((await browser.open("GET", "/nothing")).status, 404);
  });

  it("answers from all the workers, with one session", async () => {
    const browser = new Browser(address);
    const pids = new Set<number>();
    const { session } = await browser.ask("POST", "/api/name", { name: "Ann <b>" });
    let visits = 0;
    await until("every worker has answered", async () => {
      const state = await browser.ask("POST", "/api/visit");
      assert.equal(state.session.id, session.id);
      assert.equal(state.session.name, "Ann <b>");
      assert.equal(state.visits, ++visits);
      pids.add(state.pid);
      return pids.size === WORKERS ? true : undefined;
    });
    assert.match(await (await browser.open("GET", "/")).text(), /Hello, <span[^>]*>Ann &lt;b&gt;</);
  });

  it("computes the slow value once for all the workers", async () => {
    const browser = new Browser(address);
    const first = (await browser.ask("GET", "/api/report")).report;
    const others = await Promise.all(Array.from({ length: 12 }, () => browser.ask("GET", "/api/report")));
    for (const { report } of others) {
      assert.deepEqual([report?.value, report?.isCached], [first?.value, true]);
    }
  });

  it("loses nothing when the manager is killed in the middle of the traffic", async () => {
    const browsers = Array.from({ length: BROWSERS }, () => new Browser(address));
    const sessions: State[] = [];
    for (const [index, browser] of browsers.entries()) {
      sessions.push(await browser.ask("POST", "/api/name", { name: `${index}` }));
    }
    const { counter: countBefore } = await new Browser(address).ask("GET", "/api/state");
    const told: number[] = [];
    let unanswered = 0;
    let isStopped = false;
    const traffic = browsers.map(async (browser) => {
      while (!isStopped) {
        const state = await browser.try("POST", "/api/count");
        if (state?.value !== undefined) told.push(state.value);
        else unanswered++;
      }
    });
    const moreTraffic = (): Promise<true> => {
      const toldBefore = told.length;
      return until("the traffic goes on", () => (told.length > toldBefore + 50 ? true : undefined));
    };

    const killed = new Set<number>();
    for (let kill = 0; kill < KILLS; kill++) {
      await moreTraffic();
      const managerPid = await until("a new manager", async () => {
        const state = await new Browser(address).try("GET", "/api/state");
        return state?.managerPid && !killed.has(state.managerPid) ? state.managerPid : undefined;
      });
      killed.add(managerPid);
      process.kill(managerPid, "SIGKILL");
    }
    await moreTraffic();
    isStopped = true;
    await Promise.all(traffic);

    assert.equal(new Set(told).size, told.length, "a confirmed count was told twice");
    const { counter } = await new Browser(address).ask("GET", "/api/state");
    const counted = counter - countBefore;
    assert.ok(counted >= told.length, `expected at least ${told.length} counts, got ${counted}`);
    assert.ok(
      counted <= told.length + unanswered,
      `expected at most ${told.length + unanswered} counts, got ${counted}`,
    );
    assert.ok(Math.max(...told) <= counter);
    assert.ok(
      unanswered <= KILLS * BROWSERS,
      `expected at most ${KILLS * BROWSERS} unanswered requests, got ${unanswered}`,
    );
    for (const [index, browser] of browsers.entries()) {
      const { session } = await browser.ask("GET", "/api/state");
      assert.deepEqual([session.id, session.name], [sessions[index]?.session.id, `${index}`]);
    }
  });

  it("has 4 workers again", async () => {
    const pids = new Set<number>();
    await until("4 workers answer", async () => {
      pids.add((await new Browser(address).ask("GET", "/api/state")).pid);
      return pids.size >= WORKERS ? true : undefined;
    });
  });

  it("ends cleanly on SIGTERM and knows everything when it is started again", async () => {
    const browser = new Browser(address);
    const { counter, session } = await browser.ask("POST", "/api/name", { name: "Zoe" });
    await stop();
    assert.deepEqual([demo.exitCode, demo.signalCode], [0, null], output);
    await start();
    const again = await new Browser(address).ask("GET", "/api/state");
    assert.equal(again.counter, counter);
    assert.notEqual(again.session.id, session.id);
  });
});
