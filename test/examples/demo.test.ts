/** The demo over HTTP, with each framework: what its workers share, and what remains when they are killed. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Client, eventually, example, Program } from "./program.js";

const WORKERS = 4;
const KILLS = 3;
const CLIENTS = 6;
const VISITS_BETWEEN_KILLS = 30;

interface State {
  framework: string;
  pid: number;
  managerPid: number;
  name: string | null;
  products: Array<{ id: string; count: number }>;
  visits: number;
}
interface Visit {
  pid: number;
  visits: number;
}
interface Report {
  orders: number;
  computedBy: number;
}

const stateOf = (client: Client): Promise<State> => client.ask<State>("GET", "/api/state");
const countsIn = (state: State): number[] => state.products.map(({ count }) => count);

async function login(address: string, name: string): Promise<Client> {
  const client = new Client(address);
  await client.ask("POST", "/api/login", { name });
  return client;
}

/** Sets the count of each product at the same time. */
async function putAll(client: Client, count: number): Promise<void> {
  const { products } = await stateOf(client);
  await Promise.all(products.map(({ id }) => client.ask("PUT", `/api/cart/${id}`, { count })));
}

/** Counts visits with several clients, without a pause, while one manager after the other is killed. */
async function visitWhileManagersDie(address: string): Promise<{ numbers: number[]; unanswered: number }> {
  const numbers: number[] = [];
  const killed = new Set<number>();
  let unanswered = 0;
  let isStopped = false;
  const traffic = Array.from({ length: CLIENTS }, async () => {
    const client = new Client(address);
    while (!isStopped) {
      const visit = await client.try<Visit>("POST", "/api/visit");
      if (visit) numbers.push(visit.visits);
      else unanswered++;
    }
  });
  const moreTraffic = (): Promise<true> => {
    const before = numbers.length;
    return eventually("more visits are counted", () =>
      numbers.length > before + VISITS_BETWEEN_KILLS ? true : undefined,
    );
  };
  for (let kill = 0; kill < KILLS; kill++) {
    await moreTraffic();
    const managerPid = await eventually("a new manager", async () => {
      const state = await new Client(address).try<State>("GET", "/api/state");
      return state?.managerPid && !killed.has(state.managerPid) ? state.managerPid : undefined;
    });
    killed.add(managerPid);
    process.kill(managerPid, "SIGKILL");
  }
  await moreTraffic();
  isStopped = true;
  await Promise.all(traffic);
  return { numbers, unanswered };
}

it("the demo says in one line that its port is taken, and ends", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "cluster-storage-demo-"));
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const demo = new Program(example("demo/main.mjs"), [], { DATA_DIR: directory, PORT: `${port}` });
  t.after(async () => {
    server.close();
    await demo.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  await eventually("it ends", () => demo.isGone || undefined);
  assert.equal(demo.process.exitCode, 1);
  await eventually("it says why", () => /^expected a free port, got .*EADDRINUSE.*\n$/.test(demo.output) || undefined);
});

for (const framework of ["express", "fastify"]) {
  describe(`the demo with ${framework}`, () => {
    const directory = mkdtempSync(join(tmpdir(), "cluster-storage-demo-"));
    let demo: Program;
    let address = "";

    const start = async (variant = framework): Promise<void> => {
      demo = new Program(example("demo/main.mjs"), [variant], { DATA_DIR: directory });
      address = await demo.address();
    };

    before(() => start());
    after(async () => {
      await demo.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    it("serves a page, its style and its script, and no other file", async () => {
      const client = new Client(address);
      for (const [path, type] of Object.entries({ "/": "html", "/shop.css": "css", "/shop.js": "javascript" })) {
        const response = await client.open("GET", path);
        assert.equal(response.status, 200);
        assert.match(response.headers.get("content-type") ?? "", new RegExp(`text/${type}`));
        assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'self'/);
      }
      assert.equal((await client.open("GET", "/nothing")).status, 404);
      assert.equal(client.cookie, "", "no session without a login");
      assert.equal((await stateOf(client)).framework.toLowerCase(), framework);
    });

    it("answers a request that cannot be done with an error", async () => {
      const stranger = new Client(address);
      const ann = await login(address, "Ann");
      const wrong: Array<[number, Client, string, string, unknown]> = [
        [400, stranger, "POST", "/api/login", '{"name":'],
        [400, stranger, "POST", "/api/login", { name: "  " }],
        [400, stranger, "POST", "/api/login", { name: "x".repeat(41) }],
        [413, stranger, "POST", "/api/login", { name: "x".repeat(2_000) }],
        [401, stranger, "PUT", "/api/cart/tea", { count: 1 }],
        [404, ann, "PUT", "/api/cart/__proto__", { count: 1 }],
        [400, ann, "PUT", "/api/cart/tea", { count: -1 }],
        [400, ann, "PUT", "/api/cart/tea", { count: "1" }],
      ];
      for (const [status, client, method, path, body] of wrong) {
        const response = await client.open(method, path, body);
        const { error } = (await response.json()) as { error: string };
        assert.deepEqual([response.status, typeof error], [status, "string"], `${method} ${path}: ${error}`);
      }
    });

    it("answers from all workers with one session, and loses no change of parallel requests", async () => {
      const ann = await login(address, "Ann");
      const pids = new Set<number>();
      let count = 0;
      await eventually("every worker has answered", async () => {
        await putAll(ann, ++count % 10);
        const state = await stateOf(ann);
        assert.equal(state.name, "Ann");
        assert.deepEqual(countsIn(state), Array(5).fill(count % 10));
        pids.add(state.pid);
        return pids.size === WORKERS ? true : undefined;
      });
    });

    it("computes the slow value once for all workers", async () => {
      const reports = await Promise.all(
        Array.from({ length: 12 }, () => new Client(address).ask<Report>("GET", "/api/report")),
      );
      assert.equal(new Set(reports.map(({ orders, computedBy }) => `${orders} ${computedBy}`)).size, 1);
    });

    it("lets a name log in ten times a minute, whichever workers answer", async () => {
      const attempt = () => new Client(address).open("POST", "/api/login", { name: "Eve" });
      const statuses = (await Promise.all(Array.from({ length: 15 }, attempt))).map(({ status }) => status);
      assert.deepEqual([statuses.filter((status) => status === 200).length, statuses.includes(429)], [10, true]);
    });

    it("creates a new session for each login, and removes it with the logout", async () => {
      const ann = await login(address, "Ann");
      await putAll(ann, 1);
      const first = ann.cookie;
      await ann.ask("POST", "/api/login", { name: "Bob" });
      assert.notEqual(ann.cookie, first);
      assert.deepEqual(countsIn(await stateOf(ann)), Array(5).fill(0));
      assert.equal((await stateOf(new Client(address, first))).name, null);
      const second = ann.cookie;
      await ann.ask("POST", "/api/logout");
      assert.equal((await stateOf(new Client(address, second))).name, null);
    });

    it("loses nothing when managers are killed while clients send requests", async () => {
      const clients: Client[] = [];
      for (let index = 0; index < CLIENTS; index++) clients.push(await login(address, `${index}`));
      await Promise.all(clients.map((client, index) => putAll(client, index)));
      const { visits: visitsBefore } = await stateOf(new Client(address));

      const { numbers, unanswered } = await visitWhileManagersDie(address);

      assert.equal(new Set(numbers).size, numbers.length, "two visits got the same number");
      const { visits } = await stateOf(new Client(address));
      assert.ok(Math.max(...numbers) <= visits);
      const counted = visits - visitsBefore;
      assert.ok(counted >= numbers.length, `expected at least ${numbers.length} visits, got ${counted}`);
      assert.ok(
        counted <= numbers.length + unanswered,
        `expected at most ${numbers.length + unanswered}, got ${counted}`,
      );
      assert.ok(
        unanswered <= KILLS * CLIENTS,
        `expected at most ${KILLS * CLIENTS} without an answer, got ${unanswered}`,
      );
      for (const [index, client] of clients.entries()) {
        const state = await stateOf(client);
        assert.deepEqual([state.name, countsIn(state)], [`${index}`, Array(5).fill(index)]);
      }
    });

    it("has 4 workers again", async () => {
      const pids = new Set<number>();
      await eventually("4 workers answer", async () => {
        pids.add((await stateOf(new Client(address))).pid);
        return pids.size >= WORKERS ? true : undefined;
      });
    });

    it("ends cleanly on SIGTERM, and has its sessions when it starts again, even with the other framework", async () => {
      const zoe = await login(address, "Zoe");
      await putAll(zoe, 3);
      const { visits } = await stateOf(zoe);
      const other = framework === "express" ? "fastify" : "express";
      await demo.stop();
      assert.deepEqual([demo.process.exitCode, demo.process.signalCode], [0, null], demo.output);
      await start(other);
      const state = await stateOf(new Client(address, zoe.cookie));
      assert.deepEqual([state.framework.toLowerCase(), state.name, state.visits], [other, "Zoe", visits]);
      assert.deepEqual(countsIn(state), Array(5).fill(3));
    });
  });
}
