/** Requests over real HTTP, each on a connection of its own, so that a cluster distributes them to its workers. */
import { get, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { teardown } from "../proof/cluster/teardown.js";

export interface Answer {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the application sends any JSON.
  readonly body: any;
}

/** Fetches a page; rejects when the connection breaks. */
export function ask(url: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text, body: parsed(text) }));
    });
    request.on("error", reject);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A server on a free port, and its address. */
export interface Listening {
  readonly server: Server;
  readonly url: string;
  /** Resolves once it has emitted `close`. */
  close(): Promise<void>;
}

/** Makes an application listen on a free port until the test ends. */
export async function listen(
  t: TestContext,
  app: { listen(port: number, ready: () => void): Server },
): Promise<Listening> {
  const server = await new Promise<Server>((resolve) => {
    const created = app.listen(0, () => resolve(created));
  });
  const close = () => new Promise<void>((resolve) => (server.listening ? server.close(() => resolve()) : resolve()));
  teardown(t, () => {
    server.closeAllConnections();
    return close();
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
