/** Applications in this process, one on a store and one on the memory store of express-session, and their visitors. */
import assert from "node:assert/strict";
import type { Server } from "node:http";
import type { TestContext } from "node:test";
import session from "express-session";
import { teardown } from "../proof/cluster/teardown.js";
import { Elsewhere } from "./elsewhere.js";
import { type AnyStore, type Framework, portOf, type SessionSettings, type Step, serverOf } from "./frameworks.js";
import { Gates } from "./gates.js";

/** An answer: the fields of the session at the end of the request, and what the visitor has to know. */
export interface Seen {
  readonly fields: Record<string, unknown> | null;
  readonly sid: string | null;
  readonly status: number;
}

/** One application. */
export class InProcessSite {
  readonly gates = new Gates();
  readonly elsewhere = new Elsewhere();
  #server: Server | undefined;

  /** Starts an application on a store; it is stopped when the test ends. */
  static async start(
    t: TestContext,
    framework: Framework,
    store: AnyStore,
    settings: SessionSettings = {},
  ): Promise<InProcessSite> {
    const site = new InProcessSite();
    await site.elsewhere.start();
    const server = await serverOf(framework, store, settings, site);
    site.#server = server;
    teardown(t, async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await site.elsewhere.close();
    });
    return site;
  }

  get port(): number {
    return portOf(this.#server as Server);
  }
}

/** The memory store of express-session, which keeps whole sessions: the oracle. */
export function memoryStore(): AnyStore {
  return new session.MemoryStore();
}

/** A browser that keeps its cookie. */
export class Browser {
  cookie: string;
  readonly site: InProcessSite;

  constructor(site: InProcessSite, cookie = "") {
    this.site = site;
    this.cookie = cookie;
  }

  /** Another browser with the same cookie. */
  copy(): Browser {
    return new Browser(this.site, this.cookie);
  }

  async ask(...steps: Step[]): Promise<Seen> {
    const response = await fetch(`http://127.0.0.1:${this.site.port}/`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(this.cookie === "" ? {} : { cookie: this.cookie }) },
      body: JSON.stringify({ steps }),
    });
    const [cookie] = response.headers.getSetCookie();
    if (cookie !== undefined) this.cookie = cookie.split(";")[0] as string;
    const body = (await response.json()) as { session: Record<string, unknown> | null; sid: string | null };
    if (response.status !== 200) return { fields: null, sid: null, status: response.status };
    const { cookie: _, ...fields } = body.session ?? {};
    return { fields: body.session && fields, sid: body.sid, status: 200 };
  }

  /** As `ask`, for requests that must not fail. */
  async expect(...steps: Step[]): Promise<Seen> {
    const seen = await this.ask(...steps);
    assert.equal(seen.status, 200);
    return seen;
  }
}
