/** An application of NestJS on a platform, `express` or `fastify`, with sessions; prints what two clients are answered. */
import "reflect-metadata";
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { Controller, Get, Inject, Module, Req } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import { FastifyAdapter, type NestFastifyApplication } from "@nestjs/platform-fastify";
import { ClusterSessionStore, Storage } from "cluster-storage";
import { clusterStorage } from "cluster-storage/express";
import plugin from "cluster-storage/fastify";
import session from "express-session";

const [path, platform] = process.argv.slice(2);
const SECRET = "a secret of 32 characters or more";

interface Visitor {
  session: { count?: number };
}

@Controller()
class Visits {
  constructor(@Inject(Storage) private readonly storage: Storage) {}

  @Get()
  async count(@Req() { session }: Visitor): Promise<[number, number]> {
    session.count = (session.count ?? 0) + 1;
    return [session.count, await this.storage.increment("all")];
  }
}

const providers = [{ provide: Storage, useFactory: () => Storage.open("app", { path }) }];

@Module({ controllers: [Visits], providers })
class Application {}

async function onExpress(): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(Application, { logger: false });
  const storage = app.get(Storage);
  app.use(clusterStorage({ storage }));
  app.use(
    session({ store: new ClusterSessionStore({ storage }), secret: SECRET, resave: false, saveUninitialized: false }),
  );
  return app;
}

async function onFastify(): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(Application, new FastifyAdapter(), { logger: false });
  const storage = app.get(Storage);
  await app.register(plugin, { storage });
  await app.register(fastifyCookie);
  await app.register(fastifySession, {
    store: new ClusterSessionStore({ storage }),
    secret: SECRET,
    cookie: { secure: false },
  });
  return app;
}

async function main(): Promise<void> {
  const app = await (platform === "express" ? onExpress() : onFastify());
  await app.listen(0, "127.0.0.1");
  const url = await app.getUrl();
  let cookie = "";
  const ask = async (headers: Record<string, string>): Promise<unknown> => {
    const response = await fetch(url, { headers: { ...headers, connection: "close" } });
    cookie = response.headers.get("set-cookie")?.split(";")[0] ?? cookie;
    return await response.json();
  };
  console.log(JSON.stringify([await ask({}), await ask({ cookie }), await ask({})]));
  await app.close();
  await app.get(Storage).close();
}

void main();
