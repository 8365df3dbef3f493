/** `cluster-storage/fastify`: a plugin for Fastify 5 that gives the application the storage. */
import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import fp from "fastify-plugin";
import { checkMs, type GivenStorage, joined, type StorageToOpen, sourceFrom } from "../adapter/source.js";
import type { Storage } from "../core/index.js";

export type { GivenStorage, StorageToOpen };

declare module "fastify" {
  interface FastifyInstance {
    /** The storage that was registered without a namespace. */
    storage: Storage;
    /** The storages that were registered with a namespace, here or in a context around. */
    storages: StorageNamespaces;
  }
}

/** The storages by namespace. Declare yours in this interface to have them typed one by one. */
export interface StorageNamespaces {
  [namespace: string]: Storage;
}

/** What is the plugin's own beside where the storage comes from. */
export interface PluginOptions {
  /** Makes it `fastify.storages[namespace]` instead of `fastify.storage`. Which data it is says `name`, as always. */
  namespace?: string;
  /** The longest wait for the storage to join, in ms; keep it below Fastify's `pluginTimeout`. Default: 8000. */
  timeout?: number;
}

/** Who closes a storage that was given. */
export interface CloseOptions {
  /** Whether it closes with the application. Default: false; one that was opened here always does. */
  close?: boolean;
}

/** `{ storage }`, or the name and options to open one; with neither, the storage "app" in the working directory. */
export type ClusterStorageOptions = PluginOptions & ((GivenStorage & CloseOptions) | StorageToOpen);

const DEFAULT_TIMEOUT_MS = 8_000;

/** Those of the plugin, and those that Fastify itself takes in `register`. */
const OWN_OPTIONS = ["namespace", "timeout", "close", "prefix", "logLevel", "logSerializers"];

/**
 * The plugin. The storage has everything before the application is ready, or `ready()` rejects with a StorageError
 * `ERR_STORAGE_NOT_READY` when `timeout` is over. A storage that was opened here is flushed and closed with the application,
 * after its last request.
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
  const timeoutMs = checkMs("timeout", options.timeout, DEFAULT_TIMEOUT_MS);
  const isClosing = checkClose(options);
  const { namespace } = options;
  expectFree(fastify, namespace);
  const { storage, isOwn } = sourceFrom(options, OWN_OPTIONS);
  if (isOwn || isClosing) fastify.addHook("onClose", () => storage.close());
  if (namespace === undefined) fastify.decorate("storage", storage);
  else namespacesOf(fastify)[namespace] = storage;
  await joined(storage, timeoutMs);
}

function checkClose({ close, storage }: { close?: unknown; storage?: unknown }): boolean {
  if (close === undefined) return false;
  if (typeof close !== "boolean") throw new TypeError(`expected close to be true or false, got ${close}`);
  if (storage !== undefined) return close;
  throw new TypeError(
    "expected close along with a given storage, got it without; one that is opened here is always closed",
  );
}

/** A storage of a context around is not replaced: that a name means another storage further down would surprise. */
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

/** The namespaces of this context: what is registered in it is not seen around it, what is registered around is seen in it. */
function namespacesOf(fastify: FastifyInstance): StorageNamespaces {
  const around = fastify.hasDecorator("storages") ? fastify.storages : null;
  if (!Object.hasOwn(fastify, "storages")) fastify.decorate("storages", Object.create(around) as StorageNamespaces);
  return fastify.storages;
}
