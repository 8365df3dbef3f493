import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Storage } from "../../dist/core/index.js";
import { teardown } from "../proof/cluster/teardown.js";
import { Application, RUNS, rounds, Visitor, type Worker } from "./application.js";
import type { Framework } from "./frameworks.js";

const LOGINS = 1000 * RUNS;
const LANES = 8;
const HOUR_MS = 3_600_000;

/** Other visitors, who keep all workers busy until `stop` is called. */
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

  /** Returns when the worker has taken the connection. */
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

for (const framework of ["Express 5", "Fastify 5"] as Framework[]) {
  test(`${framework}: whoever has logged in at one worker is logged in at all others, ${LOGINS} times of ${LOGINS}`, async (t) => {
    const application = new Application(t, { framework, settings: { maxAge: HOUR_MS } });
    const workers = await application.startAll(3);
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

  /** A worker hears of a request, whose end comes after a login at another worker, before it hears of the login. */
  for (const isReading of [false, true]) {
    const when = isReading ? "was reading from its sockets" : "stood still";
    test(`${framework}: a worker that ${when} while somebody logged in elsewhere takes in the login before it answers`, async (t) => {
      const application = new Application(t, { framework, settings: { maxAge: HOUR_MS } });
      const storage = await Storage.open("app", { path: application.directory });
      teardown(t, () => storage.close());
      const [first, second] = (await application.startAll(2)) as [Worker, Worker];
      for (let round = 0; round < 20; round++) {
        const visitor = new Visitor();
        await visitor.ask(first, ["set", "user", null]);
        const request = await SlowRequest.to(t, second);
        const goOn = (step: number) => join(application.directory, `go-on-${round}-${step}`);
        const stood = await second.standStill(goOn(0));
        const next = isReading ? second.standStill(goOn(1)) : undefined;
        // The event loop hears of this connection first: before the login, and before the rest of the request is there.
        request.write(`POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncookie: ${visitor.cookie}\r\n`);
        if (isReading) writeFileSync(goOn(0), "");
        const last = (await next) ?? stood;
        await visitor.ask(first, ["set", "user", round]);
        request.write(`content-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`);
        writeFileSync(goOn(isReading ? 1 : 0), "");
        await last.ended;
        assert.match(await request.answer, new RegExp(`"user":${round}\\b`));
      }
    });
  }
}
