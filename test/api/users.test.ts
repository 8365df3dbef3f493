/** The programs in the documents that list the devices of a user, log out elsewhere and change the password. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { blocksOf, install, serve } from "./programs.js";

/** A browser that keeps its cookie. */
class Browser {
  #cookie = "";
  readonly #url: string;
  readonly #device: string;

  constructor(url: string, device: string) {
    this.#url = url;
    this.#device = device;
  }

  /** Sends a request; returns the status and the answer. */
  async ask(method: "GET" | "POST", path: string, body?: unknown): Promise<[status: number, answer: unknown]> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: {
        cookie: this.#cookie,
        connection: "close",
        "user-agent": this.#device,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    // @fastify/session may clear the old session before it names the new one: as in a browser, the last header counts.
    this.#cookie = response.headers.getSetCookie().at(-1)?.split(";")[0] ?? this.#cookie;
    const text = await response.text();
    return [response.status, response.status === 200 ? JSON.parse(text) : null];
  }
}

/** Replaces the passwords of a program: what it reads once a session of ann is stored is `later`, an expression. */
function withPasswords(program: string, later: string): string {
  const isStored = `[...store.storage.entries()].some(([key, value]) => key.startsWith("session/") && value.userId === "ann")`;
  const passwords = `const passwords = { get: () => (${isStored} ? ${later} : "first"), set: () => {} };`;
  const changed = program.replace(/^const passwords = .*$/m, passwords);
  assert.notEqual(changed, program);
  return changed;
}

const blocks = blocksOf("docs/sessions.md").filter(
  ({ text }) => text.includes("byUser(") && text.startsWith("import "),
);

describe("the programs with users in the documents", () => {
  it("are one for each framework", () => {
    assert.deepEqual(
      blocks.map(({ text }) => ["express-session", "@fastify/session"].find((name) => text.includes(`"${name}"`))),
      ["express-session", "@fastify/session"],
    );
  });

  for (const { title, text } of blocks) {
    it(`${title}, lists devices, logs out elsewhere, and a change of the password ends all sessions`, async () => {
      await serve(install("app.mjs", text), async (url) => {
        const [phone, tablet, laptop] = ["phone", "tablet", "laptop"].map((device) => new Browser(url, device)) as [
          Browser,
          Browser,
          Browser,
        ];
        assert.deepEqual(await phone.ask("GET", "devices"), [401, null]);
        assert.deepEqual(await phone.ask("POST", "login", { user: "ann", password: "wrong" }), [403, null]);
        for (const browser of [phone, tablet, laptop])
          assert.deepEqual(await browser.ask("POST", "login", { user: "ann", password: "first" }), [
            200,
            { user: "ann" },
          ]);
        const [, listed] = await tablet.ask("GET", "devices");
        assert.deepEqual(
          (listed as { device: string }[]).sort((a, b) => (a.device < b.device ? -1 : 1)),
          [
            { device: "laptop", isThis: false },
            { device: "phone", isThis: false },
            { device: "tablet", isThis: true },
          ],
        );
        assert.deepEqual(await tablet.ask("POST", "logout-elsewhere"), [200, { count: 2 }]);
        assert.deepEqual(await phone.ask("GET", "devices"), [401, null]);
        await phone.ask("POST", "login", { user: "ann", password: "first" });
        assert.deepEqual(await tablet.ask("POST", "password", { password: "second" }), [200, { user: "ann" }]);
        assert.deepEqual(await phone.ask("GET", "devices"), [401, null]);
        assert.deepEqual(await tablet.ask("GET", "devices"), [200, [{ device: "tablet", isThis: true }]]);
        assert.deepEqual(await laptop.ask("POST", "login", { user: "ann", password: "first" }), [403, null]);
        await laptop.ask("POST", "login", { user: "ann", password: "second" });
        assert.equal(((await tablet.ask("GET", "devices"))[1] as unknown[]).length, 2);
      });
    });

    for (const [name, later, status] of [
      ["when the password changes", '"second"', 403],
      ["when the user cannot be read again", '(() => { throw new Error("no database"); })()', 500],
    ] as const)
      it(`${title}, leaves no session of a login ${name} before that has ended`, async () => {
        await serve(install("app.mjs", withPasswords(text, later)), async (url) => {
          const phone = new Browser(url, "phone");
          for (let count = 0; count < 2; count++)
            assert.deepEqual(await phone.ask("POST", "login", { user: "ann", password: "first" }), [status, null]);
          assert.deepEqual(await phone.ask("GET", "devices"), [401, null]);
        });
      });
  }
});
