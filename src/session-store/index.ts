/** `cluster-storage/session-store`: a session store for express-session and @fastify/session. */
export type { GivenStorage, StorageSource, StorageToOpen } from "../adapter/source.js";
export type { ClusterSessionStoreOptions } from "./options.js";
export type { SessionPayload } from "./payload.js";
export { ClusterSessionStore, ClusterSessionStore as default, type SessionCallback } from "./store.js";
