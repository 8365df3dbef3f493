/**
 * Runs the suite for session stores on one store, in a folder that has the package, the frameworks and the store installed. Prints
 * the outcome of each test as JSON.
 *
 *   node program.mjs <store> <directory for its files> [the socket of a Redis server]
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import cookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { sessionStoreTests } from "cluster-storage/session-store-tests";
import express from "express";
import session from "express-session";
import fastify from "fastify";

/** How many cases run at a time: they wait for expiries most of the time. */
const CASE_COUNT = 4;

const [, , name, directory, socket] = process.argv;

/** Each gives what creates a store without sessions, and what ends all of them; all stores have their default options. */
const STORES = {
  MemoryStore: async () => ({ create: () => new session.MemoryStore() }),
  memorystore: async () => {
    const { default: memorystore } = await import("memorystore");
    const MemoryStore = memorystore(session);
    return { create: () => new MemoryStore() };
  },
  "connect-redis": async () => {
    const { RedisStore } = await import("connect-redis");
    const { createClient } = await import("redis");
    const client = createClient({ socket: { path: socket } });
    await client.connect();
    return { create: () => new RedisStore({ client, prefix: `${randomUUID()}:` }), end: () => client.close() };
  },
  "session-file-store": async () => {
    const { default: sessionFileStore } = await import("session-file-store");
    const FileStore = sessionFileStore(session);
    const create = () => {
      const path = join(directory, randomUUID());
      mkdirSync(path);
      return new FileStore({ path, logFn: () => {} });
    };
    return { create };
  },
  ClusterSessionStore: async () => {
    const { ClusterSessionStore, Storage } = await import("cluster-storage");
    const storage = await Storage.open("app", { path: directory });
    const create = () => new ClusterSessionStore({ storage, prefix: randomUUID() });
    return { create, end: () => storage.close() };
  },
};

const { create, end } = await STORES[name]();
const outcomes = {};
const waiting = [];
const test = (title, run) => {
  waiting.push(async () => {
    let isSkipped = false;
    const skip = () => {
      isSkipped = true;
    };
    outcomes[title] = await run({ skip }).then(
      () => (isSkipped ? "skipped" : "passed"),
      () => "failed",
    );
  });
};
test.skip = (title) => {
  outcomes[title] = "skipped";
};

sessionStoreTests({
  test,
  assert,
  create,
  frameworks: { express: { express, session }, fastify: { fastify, cookie, session: fastifySession } },
});
const workNext = async () => {
  for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) await work();
};
await Promise.all(Array.from({ length: CASE_COUNT }, workNext));
await end?.();
console.log(JSON.stringify(outcomes));
process.exit();
