import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Storage } from "../../dist/core/index.js";
import { teardown } from "../proof/cluster/teardown.js";
import { Application, RUNS, rounds, Visitor, type Worker } from "./application.js";
import type { Site } from "./worker.js";

const LOGINS = 150 * RUNS;
/** How often a worker learns of a request and of a login in an unfavourable order. */
const ROUNDS = 10 * RUNS;
const LANES = 8;
const HOUR_MS = 3_600_000;

/** Other visitors, which keep all workers busy until `stop` is called. */
function crowd(workers: readonly Worker[], count: number): { stop(): Promise<void> } {
  let isRunning = true;
  const visit = async (number: number) => {
    const visitor = new Visitor();
    for (let round = number; isRunning; round++) {
      const worker = workers[round % workers.length] as Worker;
      await (round % 3 === 0 ? visitor.ask(worker, ["increment", "visits"]) : visitor.ask(worker));
    }
  };
  const visits = Promise.all(Array.from({ length: count }, (_, number) => visit(number)));
  return {
    stop: async () => {
      isRunning = false;
      await visits;
    },
  };
}

const BODY = JSON.stringify({ steps: [] });

/** A request that is sent in pieces. */
class SlowRequest {
  readonly answer: Promise<string>;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk) => (text += chunk));
    this.answer = new Promise((resolve, reject) => {
      socket.once("close", () => resolve(text));
      socket.once("error", reject);
    });
  }

  /** Resolves once the worker has taken the connection. */
  static async to(t: TestContext, worker: Worker): Promise<SlowRequest> {
    const socket = connect({ port: worker.port, host: "127.0.0.1", noDelay: true });
    teardown(t, () => socket.destroy());
    const request = new SlowRequest(socket);
    await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
    await worker.call("counts");
    await worker.call("counts");
    return request;
  }

  write(text: string): void {
    this.#socket.write(text);
  }
}

const settings = { maxAge: HOUR_MS };
const SITES: Record<string, Site> = {
  "Express 5": { framework: "Express 5", settings, store: { prefix: "express" } },
  "Fastify 5": { framework: "Fastify 5", settings, store: { prefix: "fastify" } },
};

test("a visitor that has logged in at one worker is logged in at all others", async (t) => {
  const application = new Application(t, SITES);
  await application.startAll(3);
  for (const site of Object.keys(SITES)) {
    await t.test(`${site}: ${LOGINS} of ${LOGINS} times`, async () => {
      const workers = application.at(site);
      const others = crowd(workers, 4);
      let loggedIn = 0;
      await rounds(LOGINS, LANES, async (round) => {
        const visitor = new Visitor();
        await visitor.ask(workers[round % 3] as Worker, ["regenerate"], ["set", "user", round]);
        const answers = await Promise.all([1, 2].map((offset) => visitor.ask(workers[(round + offset) % 3] as Worker)));
        if (answers.every(({ session }) => session.user === round)) loggedIn++;
      });
      await others.stop();
      assert.equal(loggedIn, LOGINS);
    });
  }
});

/** A worker learns of a request, whose end is sent after a login at another worker, before it learns of the login. */
test("a worker that was late takes in a login at another worker before it answers", async (t) => {
  const application = new Application(t, SITES);
  const storage = await Storage.open("app", { path: application.directory });
  teardown(t, () => storage.close());
  await application.startAll(2);
  const logIn = async (t: TestContext, site: string, isReading: boolean, round: number) => {
    const [first, second] = application.at(site) as [Worker, Worker];
    const visitor = new Visitor();
    await visitor.ask(first, ["set", "user", null]);
    const request = await SlowRequest.to(t, second);
    const mayGoOn = (step: number) => join(application.directory, `${site} ${isReading} ${round} ${step}`);
    const stood = await second.process.standStill(mayGoOn(0));
    const next = isReading ? second.process.standStill(mayGoOn(1)) : undefined;
    // The event loop learns of this connection first: before the login, and before the rest of the request has arrived.
    request.write(`POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncookie: ${visitor.cookie}\r\n`);
    if (isReading) writeFileSync(mayGoOn(0), "");
    const last = (await next) ?? stood;
    await visitor.ask(first, ["set", "user", round]);
    request.write(`content-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`);
    writeFileSync(mayGoOn(isReading ? 1 : 0), "");
    await last.ended;
    assert.match(await request.answer, new RegExp(`"user":${round}\\b`));
  };
  for (const site of Object.keys(SITES)) {
    for (const [when, isReading] of [
      ["stood still", false],
      ["was reading from its sockets", true],
    ] as const) {
      await t.test(`${site}: the worker ${when}`, async (t) => {
        for (let round = 0; round < ROUNDS; round++) await logIn(t, site, isReading, round);
      });
    }
  }
});
