/** `cluster-storage/session-store`: a session store for express-session and @fastify/session. */
export type { GivenStorage, StorageSource, StorageToOpen } from "../adapter/source.js";
export type { SessionCallback } from "./callbacks.js";
export type { ClusterSessionStoreOptions } from "./options.js";
export type { ListedSession, SessionPayload } from "./payload.js";
export type { SessionIndex, UserId } from "./session-users.js";
export { ClusterSessionStore, ClusterSessionStore as default } from "./store.js";
export type { DestroyByUserOptions } from "./user-sessions.js";
