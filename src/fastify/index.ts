/** `cluster-storage/fastify`: a plugin for Fastify 5 that gives the application the storage. */
import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import fp from "fastify-plugin";
import {
  checkMs,
  expectOptions,
  type GivenStorage,
  type StorageToOpen,
  sourceFrom,
  whenReady,
} from "../adapter/source.js";
import type { Storage } from "../core/index.js";

export type { GivenStorage, StorageToOpen };

declare module "fastify" {
  interface FastifyInstance {
    /** The storage that was registered without a namespace. */
    storage: Storage;
    /** The storages that were registered with a namespace, in this context or in one that encloses it. */
    storages: StorageNamespaces;
  }
}

/** The storages by namespace. An application can declare its own namespaces in this interface to give each a type. */
export interface StorageNamespaces {
  [namespace: string]: Storage;
}

/** The plugin's own options. */
export interface PluginOptions {
  /** The storage becomes `fastify.storages[namespace]` instead of `fastify.storage`. Its data is chosen by `name` only. */
  namespace?: string;
  /** The longest wait for the storage to join, in ms. It must be shorter than Fastify's `pluginTimeout`. Default: 8000. */
  timeout?: number;
}

/** The option for a given storage. */
export interface CloseOptions {
  /** Whether the storage is closed with the application. Default: false. A storage that the plugin opens always is. */
  close?: boolean;
}

/** `{ storage }`, or the name and options to open one. With neither, it is the storage "app" in the working directory. */
export type ClusterStorageOptions = PluginOptions & ((GivenStorage & CloseOptions) | StorageToOpen);

const DEFAULT_TIMEOUT_MS = 8_000;

/** The options that are the plugin's own, and those that Fastify itself takes in `register`. */
const OWN_OPTIONS = ["namespace", "timeout", "close", "prefix", "logLevel", "logSerializers"];

/**
 * The plugin. The storage has joined before the application is ready; if it does not join within `timeout`, `ready()` rejects
 * with a StorageError `ERR_STORAGE_NOT_READY`. A storage that the plugin opens is flushed and closed with the application, after
 * its last request.
 *
 * @example
 * app.register(clusterStorage);
 * app.get("/", async () => ({ visits: await app.storage.increment("visits") }));
 */
export const clusterStorage: FastifyPluginAsync<ClusterStorageOptions> = fp(register, {
  fastify: "5.x",
  name: "cluster-storage",
});

export default clusterStorage;

async function register(fastify: FastifyInstance, options: ClusterStorageOptions): Promise<void> {
  expectOptions(options);
  const timeoutMs = checkMs("timeout", options.timeout, DEFAULT_TIMEOUT_MS);
  const isClosing = checkClose(options);
  const { namespace } = options;
  expectFree(fastify, namespace);
  const { storage, isOwn } = sourceFrom(options, OWN_OPTIONS);
  if (isOwn || isClosing) fastify.addHook("onClose", () => storage.close());
  if (namespace === undefined) fastify.decorate("storage", storage);
  else namespacesOf(fastify)[namespace] = storage;
  await whenReady(storage, timeoutMs);
}

function checkClose({ close, storage }: { close?: unknown; storage?: unknown }): boolean {
  if (close === undefined) return false;
  if (typeof close !== "boolean") throw new TypeError(`expected close to be true or false, got ${close}`);
  if (storage !== undefined) return close;
  throw new TypeError(
    "expected close along with a given storage, got it without; a storage that the plugin opens is always closed",
  );
}

/** Throws when the place is taken, here or in an enclosing context: one name must not mean two storages. */
function expectFree(fastify: FastifyInstance, namespace: unknown): void {
  if (namespace === undefined) {
    if (!fastify.hasDecorator("storage")) return;
    throw new TypeError("expected no fastify.storage yet, got a second one; register it with a namespace");
  }
  if (typeof namespace !== "string" || namespace === "") {
    throw new TypeError(`expected namespace to be a string that is not empty, got ${JSON.stringify(namespace)}`);
  }
  if (!fastify.hasDecorator("storages") || !(namespace in fastify.storages)) return;
  throw new TypeError(`expected each namespace once, got ${JSON.stringify(namespace)} a second time`);
}

/** Returns the namespaces of this context. They include those of the enclosing contexts, which do not see those of this one. */
function namespacesOf(fastify: FastifyInstance): StorageNamespaces {
  const enclosing = fastify.hasDecorator("storages") ? fastify.storages : null;
  if (!Object.hasOwn(fastify, "storages")) fastify.decorate("storages", Object.create(enclosing) as StorageNamespaces);
  return fastify.storages;
}
