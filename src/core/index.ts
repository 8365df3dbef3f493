/** `cluster-storage`: JSON data that all processes of an application share. */
export { StorageError, type StorageErrorCode } from "./errors.js";
export type { StorageOptions } from "./options.js";
export { Storage, type StorageChange, type StorageEvents, type StoragePath, type StorageStats } from "./storage.js";
