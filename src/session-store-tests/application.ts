/** An application with sessions in the store under test, and its visitors. */
import { randomUUID } from "node:crypto";
import { plainOf, type SessionStoreLike } from "./called-store.js";
import {
  type Desk,
  type Frameworks,
  type RunningServer,
  type Settings,
  serve,
  type Visit,
  type Work,
} from "./frameworks.js";

/** An application in which a case says for each request what it does. */
export class Application {
  readonly #works = new Map<string, Work>();
  readonly #failures: unknown[] = [];
  readonly #timeoutMs: number;
  #server: RunningServer | undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Starts to listen.
   * @param frameworks The framework that serves.
   */
  async start(frameworks: Frameworks, store: SessionStoreLike, settings: Settings): Promise<void> {
    const desk: Desk = {
      perform: async (path, visit) => {
        const to = await this.#works.get(path)?.(visit);
        return typeof to === "string" ? to : undefined;
      },
      failed: (error) => void this.#failures.push(error),
    };
    this.#server = await serve(frameworks, store, settings, desk);
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  /** A signal for what must have happened by then. */
  deadline(): AbortSignal {
    return AbortSignal.timeout(this.#timeoutMs);
  }

  /**
   * Sends a request; resolves when the head of its answer has arrived.
   * @throws Error when the request fails, or is aborted by the signal.
   */
  async send(work: Work, cookie: string, signal: AbortSignal): Promise<Response> {
    const path = `/${randomUUID()}`;
    this.#works.set(path, work);
    const headers = { cookie, connection: "close" };
    const url = `http://127.0.0.1:${this.#server?.port}${path}`;
    const response = await fetch(url, { headers, signal, redirect: "manual" });
    this.check(response.status);
    return response;
  }

  /**
   * Checks that nothing has failed so far, also after an answer was sent.
   * @throws what a framework passed to its error handler; Error on a status of 400 or more.
   */
  check(status = 200): void {
    if (this.#failures.length > 0) throw this.#failures[0];
    if (status >= 400) throw new Error(`expected the request to succeed, got status ${status}`);
  }
}

/** A request that has loaded its session, and does the rest when the case says so. */
export interface SlowRequest {
  /** Does the rest; resolves when the request was answered. */
  end(work: Work): Promise<void>;
}

/** A browser: it keeps the cookie of its session. */
export class Visitor {
  readonly #application: Application;
  #cookie: string;

  constructor(application: Application, cookie = "") {
    this.#application = application;
    this.#cookie = cookie;
  }

  /** Another browser with the same cookie. */
  twin(): Visitor {
    return new Visitor(this.#application, this.#cookie);
  }

  /** Sends a request; resolves when it was answered. */
  async request(work: Work, signal = this.#application.deadline()): Promise<void> {
    await this.#finish(await this.#send(work, signal));
  }

  /** Sends a request; resolves when the head of its answer has arrived, as a browser follows a redirect. */
  async requestHead(work: Work): Promise<{ rest: Promise<void> }> {
    const response = await this.#send(work, this.#application.deadline());
    const rest = this.#finish(response);
    rest.catch(() => {});
    return { rest };
  }

  /** Sends a request; resolves when that has loaded its session, and waits until the case ends it. */
  async begin(): Promise<SlowRequest> {
    let end: (work: Work) => void = () => {};
    const given = new Promise<Work>((resolve) => {
      end = resolve;
    });
    // How long it waits in between is up to the case: there is a deadline for what comes before, and one for what follows.
    const late = new AbortController();
    let isWaiting = false;
    const setDeadline = (): void => {
      const deadline = this.#application.deadline();
      deadline.addEventListener("abort", () => isWaiting || late.abort(deadline.reason));
    };
    setDeadline();
    let answered: Promise<void> | undefined;
    await new Promise<void>((resolve, reject) => {
      const work: Work = async (visit) => {
        isWaiting = true;
        resolve();
        const rest = await given;
        return await rest(visit);
      };
      answered = this.request(work, late.signal);
      answered.then(resolve, reject);
    });
    return {
      end: async (rest) => {
        isWaiting = false;
        setDeadline();
        end(rest);
        await answered;
      },
    };
  }

  /** Returns its session, as its next request sees it. */
  async session(): Promise<Record<string, unknown> | null> {
    let found: Record<string, unknown> | null = null;
    await this.request(({ session }) => {
      found = plainOf(session);
    });
    return found;
  }

  /** Returns the id of its session, as its next request sees it. */
  async id(): Promise<string> {
    let found = "";
    await this.request(({ id }: Visit) => {
      found = id;
    });
    return found;
  }

  async #send(work: Work, signal: AbortSignal): Promise<Response> {
    const response = await this.#application.send(work, this.#cookie, signal);
    const [cookie] = response.headers.getSetCookie();
    if (cookie !== undefined) this.#cookie = cookie.split(";")[0] as string;
    return response;
  }

  async #finish(response: Response): Promise<void> {
    await response.text();
    this.#application.check();
  }
}
