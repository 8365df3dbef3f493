/** Uses of @fastify/session, without a cast. It is compiled, and never run; each line after `@ts-expect-error` must not compile. */
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { clusterStorage } from "cluster-storage/fastify";
import { ClusterSessionStore } from "cluster-storage/session-store";
import fastify from "fastify";

const app = fastify();
const secret = "a secret of at least thirty-two characters";
app.register(clusterStorage);
app.register(fastifyCookie);
app.register(fastifySession, { secret, store: new ClusterSessionStore() });
app.register(async (context) => {
  context.register(fastifySession, { secret, store: new ClusterSessionStore({ storage: app.storage }) });
  context.get("/", async (request) => ({ id: request.session.sessionId, size: context.storage.size }));
});
