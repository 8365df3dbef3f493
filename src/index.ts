/** `cluster-storage`: JSON data that all processes of an application share, and a session store on top of it. */
export {
  Storage,
  type StorageChange,
  StorageError,
  type StorageErrorCode,
  type StorageEvents,
  type StorageLimitOptions,
  type StorageLimitResult,
  type StorageLock,
  type StorageLockOptions,
  type StorageMessage,
  type StorageOptions,
  type StoragePatchOptions,
  type StoragePath,
  type StorageStats,
  type StorageStatus,
  type StorageWatchEvent,
  type StorageWatchOptions,
} from "./core/index.js";
export { ClusterSessionStore, type ClusterSessionStoreOptions, type SessionPayload } from "./session-store/index.js";
