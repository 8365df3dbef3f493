import assert from "node:assert/strict";
import { type ChildProcess, execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { type Block, blocksOf, DEADLINE_MS, install, printed, root, serve } from "./programs.js";

const run = promisify(execFile);

/** What the parts of programs in the documents take for granted. */
const PRELUDE = `
  import { createServer } from "node:http";
  import { ClusterSessionStore, Storage } from "cluster-storage";
  import express from "express";
  import session from "express-session";
  const storage = await Storage.open("app");
  const store = new ClusterSessionStore({ storage });
  const server = createServer();
  const runJob = async () => console.log("ran");
  const app = express();
  app.use(session({ store, secret: "secret", resave: false, saveUninitialized: false }));
  app.get("/", (req, res) => res.json([req.sessionID, req.session.user ?? "nobody"]));
  const client = () => {
    let cookie = "";
    return async (method, path) => {
      const { port } = front.address();
      const headers = { cookie, connection: "close" };
      const answer = await fetch("http://localhost:" + port + path, { method, headers, redirect: "manual" });
      cookie = answer.headers.get("set-cookie")?.split(";")[0] ?? cookie;
      return answer.status === 302 ? answer.headers.get("location") : answer.json();
    };
  };
  const front = createServer(app).listen(0);
  front.unref();
`;

/** How each recipe is used, and what that prints. */
const RECIPES = [
  {
    has: "function isAllowed",
    use: `
      const answers = [];
      for (let count = 0; count < 101; count++) answers.push(await isAllowed("::1"));
      console.log(answers.filter(Boolean).length, answers.at(-1), await isAllowed("10.0.0.1"));`,
    prints: ["100 false true"],
  },
  {
    has: "function everyNight",
    use: `
      await Promise.all([everyNight(runJob), everyNight(runJob)]);`,
    prints: ["ran"],
  },
  {
    has: "function withLock",
    use: `
      const first = withLock("a", () => new Promise((resolve) => setTimeout(resolve, 50)));
      console.log(await withLock("a", () => console.log("not run")), await first);
      console.log(await withLock("a", () => {}));`,
    prints: ["false true", "true"],
  },
  {
    has: 'app.post("/login"',
    use: `
      const ask = client();
      console.log(await ask("POST", "/login"));
      const [first, user] = await ask("GET", "/");
      await ask("POST", "/login");
      const [second] = await ask("GET", "/");
      console.log(user, first !== second, await store.get(first), (await store.get(second)).user);
      console.log(await ask("POST", "/logout"), (await ask("GET", "/"))[1], await store.get(second));`,
    prints: ["/", "ann true null ann", "/ nobody null"],
  },
  {
    has: 'app.post("/cart/:item"',
    use: `
      const ask = client();
      await ask("POST", "/cart/470");
      await Promise.all(["471", "472", "473"].map((item) => ask("POST", "/cart/" + item)));
      console.log((await ask("GET", "/cart")).sort().join());`,
    prints: ["470,471,472,473"],
  },
];

/** All but the one whose examples are for test runners, by which `test/outside/runners` runs them. */
const pages = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md") && name !== "testing.md");
const documents = ["README.md", ...pages.map((name) => `docs/${name}`)];
const blocks = documents.flatMap(blocksOf);
const isWhole = ({ text }: Block): boolean => /^(import |const .* = require\()/.test(text);
const isServer = (block: Block): boolean => isWhole(block) && /\.listen\(/.test(block.text);
/** It has a test of its own. */
const isOfUsers = ({ text }: Block): boolean => text.includes("byUser(");
const isTest = ({ text }: Block): boolean => text.includes('from "node:test"');
const isClustered = ({ text }: Block): boolean => /cluster\.fork\(\)/.test(text);

/** What a program prints, as its comments say. */
function promised(program: string): string[] {
  return [...program.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1] as string);
}

interface Answer {
  readonly visits: number;
  readonly total?: number;
  readonly worker?: number;
}

/** A browser with one page. */
class Browser {
  #cookie = "";

  async open(url: string): Promise<Answer> {
    const response = await fetch(url, { headers: { cookie: this.#cookie, connection: "close" } });
    assert.equal(response.status, 200);
    this.#cookie = response.headers.get("set-cookie")?.split(";")[0] ?? this.#cookie;
    return (await response.json()) as Answer;
  }
}

/** A route whose answer takes a while, for Express and for Fastify; it prints when the request has arrived. */
const SLOW_MS = 1000;
const SLOW_ROUTE = `app.get("/slow", (request, response) => {
  setTimeout(() => (response.json ?? response.send).call(response, { visits: 0 }), ${SLOW_MS});
  console.log("slow");
});
`;

/** How a server is stopped: as by systemd or `kill`, or as by Ctrl-C, which reaches each process of the group. */
const STOPS = [
  { how: "SIGTERM of the primary", stop: (server: ChildProcess) => server.kill("SIGTERM") },
  { how: "SIGINT of the group", stop: (server: ChildProcess) => process.kill(-(server.pid as number), "SIGINT") },
];

/** Visits with one browser until both workers have answered; returns the last answer. */
async function visitBoth(browser: Browser, url: string, before: number): Promise<Answer> {
  const workers = new Set<number | undefined>();
  for (let visits = before + 1; ; visits++) {
    const answer = await browser.open(url);
    assert.equal(answer.visits, visits);
    workers.add(answer.worker);
    if (workers.size === 2) return answer;
    assert.ok(visits - before < 1000, "expected two workers to answer");
  }
}

describe("the programs in the documents", () => {
  for (const block of blocks.filter((each) => isWhole(each) && !isOfUsers(each))) {
    const { title, text } = block;
    if (isServer(block) && isClustered(block)) {
      it(`${title}, is a server whose workers share sessions, which survive a restart`, async () => {
        const folder = install("app.mjs", text);
        const browser = new Browser();
        let last: Answer | undefined;
        await serve(folder, async (url) => {
          last = await visitBoth(browser, url, 0);
          assert.deepEqual((await new Browser().open(url)).visits, 1);
        });
        await serve(folder, async (url) => {
          const next = await visitBoth(browser, url, last?.visits ?? 0);
          assert.equal(next.total, next.visits + 1);
        });
      });
      for (const { how, stop } of STOPS) {
        it(`${title}, answers its last request and writes app.db on ${how}`, async () => {
          const folder = install("app.mjs", text.replace('app.get("/"', `${SLOW_ROUTE}app.get("/"`));
          await serve(folder, async (url, server) => {
            await new Browser().open(url);
            const answer = new Browser().open(`${url}slow`);
            await once(server.stdout as Readable, "data");
            const ended = once(server, "exit");
            stop(server);
            assert.deepEqual(await answer, { visits: 0 });
            assert.deepEqual(await ended, [0, null]);
            assert.ok(existsSync(join(folder, "data", "app.db")));
          });
        });
      }
    } else if (isServer(block)) {
      it(`${title}, is a server that answers`, async () => {
        await serve(install("app.mjs", text), async (url) =>
          assert.deepEqual(await new Browser().open(url), { visits: 1 }),
        );
      });
    } else if (isTest(block)) {
      it(`${title}, is a test that passes`, async () => {
        const { NODE_TEST_CONTEXT: _, ...env } = process.env;
        const folder = install("app.mjs", text);
        await run(process.execPath, ["app.mjs"], { cwd: folder, env, timeout: DEADLINE_MS });
      });
    } else {
      it(`${title}, prints what its comments say`, async () => {
        const name = text.startsWith("import ") ? "app.mjs" : "app.cjs";
        assert.deepEqual(await printed(name, text), promised(text));
      });
    }
  }

  for (const document of documents) {
    const parts = blocksOf(document).filter((block) => !isWhole(block));
    if (parts.length === 0) continue;
    it(`${document}, has ${parts.length} parts of programs that do what the text says`, async () => {
      const recipes = parts.map(({ text }) => RECIPES.find(({ has }) => text.includes(has)));
      const scopes = parts.map(
        ({ title, text }, index) =>
          `{ storage.clear(); console.log(${JSON.stringify(title)});\n${text}${recipes[index]?.use ?? ""} }\n`,
      );
      const lines = await printed("app.mjs", `${PRELUDE}${scopes.join("")}await storage.close();`);
      assert.deepEqual(
        lines,
        parts.flatMap(({ title, text }, index) => [title, ...(recipes[index]?.prints ?? promised(text))]),
      );
    });
  }

  it("docs/backup-and-restore.md, restores a backup by its command", async () => {
    const page = readFileSync(join(root, "docs/backup-and-restore.md"), "utf8");
    const [, command = ""] = /^```sh\n(.*Storage\.restore.*)\n```$/m.exec(page) ?? [];
    const folder = install(
      "app.mjs",
      `import { Storage } from "cluster-storage";
       const storage = await Storage.open("app", { path: "data" });
       const found = storage.keys().sort();
       storage.set("kept", 1);
       if (found.length === 0) await storage.backup("backup.db");
       storage.set("later", 1);
       await storage.close();
       console.log(found.join());`,
    );
    const open = async (): Promise<string> =>
      (await run(process.execPath, ["app.mjs"], { cwd: folder, timeout: DEADLINE_MS })).stdout;
    assert.deepEqual([await open(), await open()], ["\n", "kept,later\n"]);
    const local = command.replace("/var/lib/app", "data");
    assert.notEqual(local, command);
    await run("sh", ["-c", local], { cwd: folder, timeout: DEADLINE_MS });
    assert.equal(await open(), "kept\n");
  });

  it("include all the recipes that are used here", () => {
    const missing = RECIPES.filter(({ has }) => !blocks.some(({ text }) => text.includes(has)));
    assert.deepEqual(missing, []);
  });

  it("begin with one of at most 15 lines", () => {
    const lines = (blocks[0]?.text ?? "").split("\n").filter((line) => line.trim() !== "");
    assert.ok(lines.length > 0 && lines.length <= 15, `got ${lines.length}`);
  });
});
