/** `cluster-storage`: JSON data that all processes of an application share. */
export type {
  StorageChange,
  StorageEvents,
  StorageLock,
  StorageLockOptions,
  StorageMessage,
  StoragePatchOptions,
  StoragePath,
  StorageStats,
  StorageStatus,
  StorageWatchEvent,
  StorageWatchOptions,
} from "./api.js";
export { StorageError, type StorageErrorCode } from "./errors.js";
export { factsOf, type StorageFacts } from "./facts.js";
export type { LimitRule } from "./log/limit-rule.js";
export { expectKnown, type StorageOptions } from "./options.js";
export {
  checkPatience,
  type Patience,
  type StorageLimitOptions,
  type StorageLimitResult,
} from "./replica/limit-options.js";
export type { Hit } from "./replica/limits.js";
export { Storage } from "./storage.js";
