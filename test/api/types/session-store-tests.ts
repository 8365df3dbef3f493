/** Uses of the suite for session stores, without a cast. It is compiled, and never run; each line after `@ts-expect-error` must not compile. */
import looseAssert from "node:assert";
import assert from "node:assert/strict";
import { it, test } from "node:test";
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { ClusterSessionStore } from "cluster-storage/session-store";
import {
  type SessionStoreCase,
  type SessionStoreLike,
  sessionStoreCases,
  sessionStoreTests,
} from "cluster-storage/session-store-tests";
import express from "express";
import session from "express-session";
import fastify from "fastify";

const frameworks = {
  express: { express, session },
  fastify: { fastify, cookie: fastifyCookie, session: fastifySession },
};
sessionStoreTests({
  test,
  assert,
  create: async () => new ClusterSessionStore(),
  close: (store) => store.close(),
  frameworks,
  capabilities: { touch: true, all: true, length: false, clear: true },
  expiryTolerance: 10,
  timeout: 1000,
});
sessionStoreTests({ test: it, assert: looseAssert, create: () => new session.MemoryStore() });

/** A store of @fastify/session has no more than it must have. */
type FastifyStore = NonNullable<Parameters<typeof fastifySession>[1]["store"]>;
const stores: (session.Store | FastifyStore)[] = [new ClusterSessionStore(), new session.MemoryStore()];
const likes: SessionStoreLike[] = stores;
const create = (): SessionStoreLike => likes[0] ?? new ClusterSessionStore();
sessionStoreTests({ test, assert, create });
const names: string[] = sessionStoreCases.map(({ name }: SessionStoreCase) => name);
console.log(names.length);

// @ts-expect-error a store has get
sessionStoreTests({ test, assert, create: () => ({ set: () => {}, destroy: () => {} }) });
// @ts-expect-error no such method
sessionStoreTests({ test, assert, create, capabilities: { ids: true } });
// @ts-expect-error express needs express-session
sessionStoreTests({ test, assert, create, frameworks: { express: { express } } });
