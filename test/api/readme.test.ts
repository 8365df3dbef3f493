import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
/** What the programs import besides the package. */
const FRAMEWORKS = ["express", "express-session", "fastify", "@fastify/cookie", "@fastify/session"];
const DEADLINE_MS = 60_000;

/** What the parts of programs in the documents take for granted. */
const PRELUDE = `
  import { createServer } from "node:http";
  import { ClusterSessionStore, Storage } from "cluster-storage";
  const storage = await Storage.open("app");
  const store = new ClusterSessionStore({ storage });
  const server = createServer();
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
      const work = async () => console.log("ran");
      await Promise.all([everyNight(work), everyNight(work)]);`,
    prints: ["ran"],
  },
  {
    has: "function withLock",
    use: `
      const first = withLock("a", "first", () => new Promise((resolve) => setTimeout(resolve, 50)));
      console.log(await withLock("a", "second", () => {}), await first);
      console.log(await withLock("a", "third", () => {}));`,
    prints: ["false true", "true"],
  },
];

interface Block {
  readonly title: string;
  readonly text: string;
}

/** The blocks of code in a document. */
function blocksOf(document: string): Block[] {
  const text = readFileSync(join(root, document), "utf8");
  const found = [...text.matchAll(/^```js\n([\s\S]*?)^```$/gm)];
  return found.map((match, index) => ({ title: `${document}, block ${index + 1}`, text: match[1] as string }));
}

const pages = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
const documents = ["README.md", ...pages.map((name) => `docs/${name}`)];
const blocks = documents.flatMap(blocksOf);
const isWhole = ({ text }: Block): boolean => /^(import |const .* = require\()/.test(text);
const isServer = (block: Block): boolean => isWhole(block) && /\.listen\(/.test(block.text);
const isClustered = ({ text }: Block): boolean => /cluster\.fork\(\)/.test(text);

/** What a program prints, as its comments say. */
function promised(program: string): string[] {
  return [...program.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1] as string);
}

/** A folder with the package and the frameworks installed, and a program. */
function install(name: string, program: string): string {
  const folder = mkdtempSync(join(tmpdir(), "cluster-storage-readme-"));
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));
  mkdirSync(join(folder, "node_modules", "@fastify"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules", "cluster-storage"), "dir");
  for (const name of FRAMEWORKS) symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  writeFileSync(join(folder, name), program);
  return folder;
}

async function printed(name: string, program: string): Promise<string[]> {
  const folder = install(name, program);
  const { stdout } = await run(process.execPath, [name], { cwd: folder, timeout: DEADLINE_MS });
  return stdout.split("\n").filter((line) => line !== "");
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
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

/** Runs a server in a folder while `use` asks it. */
async function serve(folder: string, use: (url: string) => Promise<void>): Promise<void> {
  const port = await freePort();
  const server = spawn(process.execPath, ["app.mjs"], { cwd: folder, env: { ...process.env, PORT: `${port}` } });
  const ended = once(server, "exit");
  try {
    const url = `http://localhost:${port}/`;
    for (const deadline = Date.now() + DEADLINE_MS; ; await sleep(20)) {
      const error = await fetch(`${url}nothing`).then(
        () => null,
        (error: Error) => error,
      );
      if (error === null) break;
      if (Date.now() > deadline || server.exitCode !== null) throw error;
    }
    await use(url);
  } finally {
    server.kill("SIGKILL");
    await ended;
  }
}

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
  for (const block of blocks.filter(isWhole)) {
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
    } else if (isServer(block)) {
      it(`${title}, is a server that answers`, async () => {
        await serve(install("app.mjs", text), async (url) =>
          assert.deepEqual(await new Browser().open(url), { visits: 1 }),
        );
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

  it("include all the recipes that are used here", () => {
    const missing = RECIPES.filter(({ has }) => !blocks.some(({ text }) => text.includes(has)));
    assert.deepEqual(missing, []);
  });

  it("begin with one of at most 15 lines", () => {
    const lines = (blocks[0]?.text ?? "").split("\n").filter((line) => line.trim() !== "");
    assert.ok(lines.length > 0 && lines.length <= 15, `got ${lines.length}`);
  });
});
