/** Servers of the frameworks, whose requests do to their session what the case says. */
import type { SessionStoreLike } from "./called-store.js";

// biome-ignore lint/suspicious/noExplicitAny: the frameworks' types are the caller's; this package has none of them.
type Anything = any;

/** What the suite needs to drive Express. */
export interface ExpressFramework {
  /** `express`, version 4 or 5. */
  readonly express: () => Anything;
  /** `session` of `express-session`. */
  readonly session: (options?: Anything) => Anything;
}

/** What the suite needs to drive Fastify. */
export interface FastifyFramework {
  /** `fastify`, version 5. */
  readonly fastify: (options?: Anything) => Anything;
  /** The plugin `@fastify/cookie`. */
  readonly cookie: Anything;
  /** The plugin `@fastify/session`. */
  readonly session: Anything;
}

/** The frameworks that the suite can drive. */
export interface Frameworks {
  /** Express with express-session. */
  readonly express?: ExpressFramework | undefined;
  /** Fastify with @fastify/session. */
  readonly fastify?: FastifyFramework | undefined;
}

/** How an application keeps its sessions. */
export interface Settings {
  /** Every request writes its session, changed or not: `resave` of express-session, `rolling` of @fastify/session. */
  readonly savesAlways?: boolean;
}

/** A request that has loaded its session. */
export interface Visit {
  /** Its session, as it is now: `reload` and `regenerate` put another one in its place. */
  readonly session: Anything;
  /** The id of its session. */
  readonly id: string;
  save(): Promise<void>;
  reload(): Promise<void>;
  regenerate(): Promise<void>;
  destroy(): Promise<void>;
}

/** What a request does; it may return where its answer redirects to. */
export type Work = (visit: Visit) => unknown;

/** What the requests of a server do, and what went wrong in it. */
export interface Desk {
  /** Does the work of a request, which its path names; resolves with where to redirect to. */
  perform(path: string, visit: Visit): Promise<string | undefined>;
  failed(error: unknown): void;
}

/** A server that listens. */
export interface RunningServer {
  readonly port: number;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";
const SECRET = "a secret of at least thirty-two letters";

/** Starts a server of one of the frameworks. */
export function serve(
  frameworks: Frameworks,
  store: SessionStoreLike,
  settings: Settings,
  desk: Desk,
): Promise<RunningServer> {
  const { express, fastify } = frameworks;
  if (express !== undefined) return serveExpress(express, store, settings, desk);
  if (fastify !== undefined) return serveFastify(fastify, store, settings, desk);
  throw new TypeError("expected a framework, got none");
}

async function serveExpress(
  { express, session }: ExpressFramework,
  store: SessionStoreLike,
  { savesAlways = false }: Settings,
  desk: Desk,
): Promise<RunningServer> {
  const app = express();
  app.use(session({ store, secret: SECRET, resave: savesAlways, saveUninitialized: false }));
  app.use((request: Anything, response: Anything, next: (error: unknown) => void) => {
    const visit = visitOf(() => [request.session, request.sessionID]);
    desk.perform(request.path, visit).then((to) => (to ? response.redirect(to) : response.json({})), next);
  });
  app.use((error: unknown, _request: Anything, response: Anything, _next: unknown) => {
    desk.failed(error);
    if (!response.headersSent) response.status(500).json({});
  });
  const server = await new Promise<Anything>((resolve) => {
    const listening = app.listen(0, HOST, () => resolve(listening));
  });
  return { port: server.address().port, close: () => closed(server) };
}

async function serveFastify(
  { fastify, cookie, session }: FastifyFramework,
  store: SessionStoreLike,
  { savesAlways = false }: Settings,
  desk: Desk,
): Promise<RunningServer> {
  const app = fastify();
  app.register(cookie);
  app.register(session, {
    store,
    secret: SECRET,
    rolling: savesAlways,
    saveUninitialized: false,
    cookie: { secure: false },
  });
  app.setErrorHandler((error: unknown, _request: Anything, reply: Anything) => {
    desk.failed(error);
    return reply.code(500).send({});
  });
  app.get("/*", async (request: Anything, reply: Anything) => {
    const to = await desk.perform(
      request.url,
      visitOf(() => [request.session, request.session?.sessionId]),
    );
    return to ? reply.redirect(to) : {};
  });
  await app.listen({ port: 0, host: HOST });
  const close = async (): Promise<void> => {
    app.server.closeAllConnections();
    await app.close();
  };
  return { port: app.server.address().port, close };
}

function visitOf(current: () => [session: Anything, id: string]): Visit {
  const call = (method: string) => (): Promise<void> =>
    new Promise((resolve, reject) => {
      current()[0][method]((error: unknown) => (error ? reject(error) : resolve()));
    });
  return {
    get session() {
      return current()[0];
    },
    get id() {
      return current()[1];
    },
    save: call("save"),
    reload: call("reload"),
    regenerate: call("regenerate"),
    destroy: call("destroy"),
  };
}

function closed(server: Anything): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
