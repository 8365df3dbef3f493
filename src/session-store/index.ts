/** `cluster-storage/session-store`: sessions of express-session and @fastify/session in a storage. */
export type { GivenStorage, StorageSource, StorageToOpen } from "../adapter/source.js";
export type { SessionCallback } from "./callback.js";
export type { ClusterSessionStoreOptions } from "./options.js";
export type { SessionPayload } from "./payload.js";
export { ClusterSessionStore, ClusterSessionStore as default } from "./store.js";
